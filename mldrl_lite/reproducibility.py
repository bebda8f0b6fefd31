"""The same run again: an order of batches, random states in the checkpoint, a fingerprint and a ledger."""

import hashlib
import json
import os
import platform
import random
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Callback
from torch import Tensor, nn
from torch.utils.data import Sampler

from mldrl_lite.messages import InputError
from mldrl_lite.sources import Samples


class EpochOrder(Sampler[int]):
    """Shuffle `0..n_samples-1` anew in each epoch; the order depends on `seed` and the number of the epoch alone.

    Lightning calls `set_epoch` at the start of each epoch, so a resumed run sees the order that the interrupted one
    would have seen. Iterated without Lightning, it goes on to the next epoch by itself.
    """

    def __init__(self, n_samples: int, seed: int, epoch: int = 0) -> None:
        self.n_samples, self.seed, self.epoch = n_samples, seed, epoch

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next."""
        self.epoch = epoch

    def __iter__(self) -> Iterator[int]:
        order = np.random.default_rng([self.seed, self.epoch]).permutation(self.n_samples)
        self.epoch += 1
        return iter(order.tolist())

    def __len__(self) -> int:
        return self.n_samples


class ResumableRandomness(Callback):
    """Keep the states of the random number generators in every checkpoint, and put them back on `fit(ckpt_path=…)`.

    With it, a run that was killed and goes on from a checkpoint made at the end of an epoch ends at the same weights as
    one that was never interrupted, on the same machine and in one process, provided that the order of the training
    batches is restored too: by `EpochOrder`, as in `TCPDataModule`, or by a loader that draws its order from PyTorch's
    own generator. The states are those of Python, NumPy and PyTorch (CPU and CUDA). A run that is not resumed is left
    as it is. What a hook draws before the first epoch (`setup`, `on_fit_start`, `on_train_start`) is drawn once more.
    """

    def state_dict(self) -> dict[str, Any]:
        """Return the states as tensors, numbers and tuples, which `torch.load(weights_only=True)` takes."""
        name, keys, *rest = np.random.get_state()
        return {
            "python": random.getstate(),
            "numpy": (name, torch.from_numpy(keys.astype(np.int64)), *rest),
            "torch": torch.get_rng_state(),
            "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else [],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Put the states back; Lightning calls this before it asks for the training loader."""
        name, keys, *rest = state_dict["numpy"]
        random.setstate(state_dict["python"])
        np.random.set_state((name, keys.numpy().astype(np.uint32), *rest))
        torch.set_rng_state(state_dict["torch"].cpu())
        if state_dict["cuda"] and len(state_dict["cuda"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all([state.cpu() for state in state_dict["cuda"]])


# ---------------------------------------------------------------------------------------------------------------------
# Fingerprints


def fingerprint(weights: nn.Module | Mapping[str, Tensor]) -> str:
    """Return the sha256 of a model's weights, or of any named tensors, as 64 hexadecimal digits.

    Names, types, shapes and every bit count; the order of the names and the device do not. Equal weights have equal
    fingerprints in any process and on any machine; a single changed bit makes another one.

    Raises:
        InputError: `weights` is neither a module nor a mapping of names to dense tensors.
    """
    named = weights.state_dict() if isinstance(weights, nn.Module) else weights
    if not isinstance(named, Mapping):
        raise InputError(f"No fingerprint of a {type(weights).__name__}: give a model or its state_dict().")
    digest = hashlib.sha256()
    for name in sorted(named):
        tensor = named[name]
        if not isinstance(tensor, Tensor) or tensor.layout != torch.strided:
            raise InputError(f"No fingerprint of {name!r}, a {type(tensor).__name__}: give dense tensors only.")
        digest.update(json.dumps([name, str(tensor.dtype), list(tensor.shape)]).encode())
        digest.update(_bytes(tensor))
    return digest.hexdigest()


def _bytes(tensor: Tensor) -> bytes:
    # NumPy has no bfloat16, so the tensor is read as plain bytes first.
    flat = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous().reshape(-1)
    return flat.view(torch.uint8).numpy().tobytes()


def data_fingerprint(samples: Samples) -> str:
    """Return the `fingerprint` of the views and labels, as they were read."""
    tensors = {f"view {v}": torch.from_numpy(view) for v, view in enumerate(samples.views)}
    return fingerprint(tensors | {"labels": torch.from_numpy(samples.labels)})


# ---------------------------------------------------------------------------------------------------------------------
# The ledger

LEDGER = "ledger.json"
_PACKAGES = ("numpy", "pytorch-lightning", "scikit-learn", "torch")


def write_ledger(
    folder: str | Path,
    model: nn.Module,
    samples: Samples,
    *,
    seeds: Mapping[str, int],
    parameters: Mapping[str, Any],
) -> Path:
    """Leave in `folder/ledger.json` what it takes to repeat a run, and to see whether the repetition came out the same.

    The file holds versions, seeds, PYTHONHASHSEED, the data's fingerprint, parameters and the weights' fingerprint. It
    replaces an older one in a single step: whoever reads it finds the old or the new one, never half of one.

    Args:
        folder: the folder of the run; made if it is not there.
        model: after training.
        samples: `datamodule.samples`.
        seeds: every seed by name, such as `{"run": 0, "split": 0}`.
        parameters: what the run was given: numbers, texts, booleans, None, and lists or dicts of them.

    Raises:
        InputError: a seed or a parameter cannot be written as JSON.
    """
    text = json.dumps(_entries(model, samples, seeds, parameters), indent=2, sort_keys=True) + "\n"
    path = Path(folder) / LEDGER
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{LEDGER}.{os.getpid()}.part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())  # before the rename: after a power cut the name must not point to nothing
    part.replace(path)
    return path


def check_ledger(
    folder: str | Path,
    model: nn.Module,
    samples: Samples,
    *,
    seeds: Mapping[str, int],
    parameters: Mapping[str, Any],
) -> list[str]:
    """Compare a run with the ledger in `folder`: one line per entry that differs; an empty list when none does.

    Raises:
        InputError: the folder has no readable ledger.
    """
    old, new = read_ledger(folder), _entries(model, samples, seeds, parameters)
    before, now = _flat(old), _flat(new)
    return [
        f"{name}: {before.get(name, 'absent')} in the ledger, {now.get(name, 'absent')} now"
        for name in sorted(before | now)
        if before.get(name, "absent") != now.get(name, "absent")
    ]


def read_ledger(folder: str | Path) -> dict[str, Any]:
    """Return the entries of `folder/ledger.json`.

    Raises:
        InputError: there is none, or it is not a ledger.
    """
    path = Path(folder) / LEDGER
    try:
        ledger = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"No ledger {str(path)!r}: write one with write_ledger after the run.") from None
    except ValueError as error:
        raise InputError(f"{str(path)!r} is not JSON ({error}): write the ledger anew.") from None
    if not isinstance(ledger, dict) or "fingerprint" not in ledger:
        raise InputError(f"{str(path)!r} is not a ledger: write it with write_ledger.")
    return ledger


def _entries(
    model: nn.Module, samples: Samples, seeds: Mapping[str, int], parameters: Mapping[str, Any]
) -> dict[str, Any]:
    entries = {
        "versions": {"python": platform.python_version(), **{name: version(name) for name in _PACKAGES}},
        "seeds": dict(seeds),
        "hash_seed": os.environ.get("PYTHONHASHSEED") or "random",  # the order of a set of texts follows from it
        "data": data_fingerprint(samples),
        "parameters": dict(parameters),
        "fingerprint": fingerprint(model),
    }
    try:
        return json.loads(json.dumps(entries))  # as it will be read back: a tuple becomes a list
    except TypeError as error:
        raise InputError(f"The ledger cannot hold this: {error}; give numbers, texts, booleans or None.") from None


def _flat(entries: Mapping[str, Any]) -> dict[str, str]:
    """Return `{"seeds.run": "0", …}`: one text per entry, whatever lies inside it."""
    flat = {}
    for name, value in entries.items():
        inside = value if isinstance(value, dict) else {"": value}
        flat |= {f"{name}.{key}".rstrip("."): json.dumps(part) for key, part in inside.items()}
    return flat
