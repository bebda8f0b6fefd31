"""Parts of a model that it does not know, and parts that come from two packages."""

from collections.abc import Iterator, Mapping
from typing import Any

from torch import nn

from mldrl_lite.trainer.diagnosis.findings import Finding
from mldrl_lite.trainer.diagnosis.live import base_of, is_a, package_of
from mldrl_lite.trainer.diagnosis.run import Run
from mldrl_lite.trainer.diagnosis.source import in_library, place_of


def hidden_layers(run: Run) -> Iterator[Finding]:
    """Layers in plain lists and dictionaries, whose parameters the model does not know."""
    known = {id(parameter) for parameter in run.model.parameters()}
    for path, module in run.model.named_modules():
        for name, held in vars(module).items() if not in_library(type(module)) else ():
            parts = held.values() if isinstance(held, Mapping) else held
            if name.startswith("_") or not isinstance(held, list | tuple | Mapping):
                continue
            if any(id(p) not in known for part in parts if isinstance(part, nn.Module) for p in part.parameters()):
                yield _hidden(".".join(filter(None, (type(run.model).__name__, path, name))), held, type(module))


def _hidden(name: str, held: Any, cls: type) -> Finding:
    kind = "dictionary" if isinstance(held, Mapping) else "list"
    return Finding(
        "layers in a plain list",
        f"{name} is a plain {kind} of layers.",
        place_of(cls),
        "Their parameters are not trained, not moved to the GPU and not in the checkpoint.",
        f"Make it a torch.nn.Module{'Dict' if kind == 'dictionary' else 'List'}.",
    )


def mixed_packages(run: Run) -> Iterator[Finding]:
    """Objects of `pytorch_lightning` and of `lightning` in one run."""
    wanted = package_of(base_of(run.model))
    for other in (*([run.trainer] if run.trainer else ()), *run.owners[1:]):
        package = package_of(base_of(other) if not is_a(other, "Trainer") else type(other))
        if package and package != wanted:
            yield Finding(
                "two packages mixed",
                f"{type(run.model).__name__} is of {wanted}, and {type(other).__name__} of {package}.",
                place_of(type(run.model)),
                "They are two packages with the same names: what comes from one does not pass as the other's.",
                "Import all of it from one of the two.",
            )
            return
