"""What happens in a training step: which modules are called, what losses are given, where gradients arrive."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

_VIEWS = (
    *("ViewBackward", "UnsafeViewBackward", "ReshapeAliasBackward", "SqueezeBackward", "UnsqueezeBackward"),
    *("PermuteBackward", "TransposeBackward", "TBackward", "SelectBackward", "SliceBackward", "IndexBackward"),
    *("CloneBackward", "ToCopyBackward", "ExpandBackward", "AliasBackward"),
)
_SQUASHES = {"SoftmaxBackward": "softmax", "SigmoidBackward": "sigmoid"}
_WANTS = {"cross_entropy": "softmax", "binary_cross_entropy_with_logits": "sigmoid"}


@dataclass
class LossCall:
    """One call of a loss of logits."""

    name: str
    classes: int
    """How many classes it tells apart; 2 for a binary one."""
    value: float
    """The mean loss; nan where the call asks for no plain mean."""
    given: str
    """`softmax` or `sigmoid` if that was applied to the input before, else ""."""


@dataclass
class Call:
    """A call of a part of the model that was not made from inside another part."""

    module: nn.Module
    name: str
    inputs: tuple[Any, ...]
    named: dict[str, Any]
    output: Any


@dataclass
class Seen:
    """All that was seen in the steps."""

    losses: list[LossCall] = field(default_factory=list)
    calls: list[Call] = field(default_factory=list)
    called: set[str] = field(default_factory=set)
    """The names of the modules that were called, from inside other parts too."""


class _Losses(TorchFunctionMode):
    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self._seen = seen

    def __torch_function__(self, func: Callable, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if name in _WANTS:
            self._seen.losses.append(_loss_call(name, args, kwargs or {}, result))
        return result


def _loss_call(name: str, args: tuple, kwargs: dict, result: Tensor) -> LossCall:
    logits = args[0] if args else kwargs["input"]
    target = args[1] if len(args) > 1 else kwargs["target"]
    plain = len(args) <= 2 and not any(kwargs.get(key) is not None for key in ("weight", "pos_weight"))
    plain = plain and kwargs.get("reduction", "mean") == "mean" and result.ndim == 0
    classes = 2
    if name == "cross_entropy":
        classes = logits.shape[1 if logits.ndim > 1 else 0]
        plain = plain and not target.is_floating_point()
    value = float(result.detach()) if plain else float("nan")
    return LossCall(name, classes, value, _squash(logits))


def _squash(value: Tensor) -> str:
    """Return what was last done to a value, looking through changes of shape."""
    node = value.grad_fn
    while node is not None:
        name = node.name().rstrip("0123456789")
        if name not in _VIEWS:
            return _SQUASHES.get(name, "")
        node = node.next_functions[0][0] if node.next_functions else None
    return ""


@contextmanager
def watching(model: nn.Module) -> Iterator[Seen]:
    """See what happens in the model until the block ends."""
    seen, depth, handles = Seen(), [0], []

    def enter(*_: Any) -> None:
        depth[0] += 1

    def leave(name: str) -> Callable[..., None]:
        def note(module: nn.Module, args: tuple, kwargs: dict, output: Any) -> None:
            depth[0] -= 1
            seen.called.add(name)
            if depth[0] == 0 and torch.is_grad_enabled():
                seen.calls.append(Call(module, name, args, kwargs, output))

        return note

    for name, module in model.named_modules():
        handles.append(module.register_forward_pre_hook(enter))
        handles.append(module.register_forward_hook(leave(name), with_kwargs=True, always_call=False))
    try:
        with _Losses(seen):
            yield seen
    finally:
        for handle in handles:
            handle.remove()
