"""The subcommand `ckpt`. What reads files is imported when it is needed: a page of help should not wait for it."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mldrl_lite.messages import InputError

if TYPE_CHECKING:
    from mldrl_lite.trainer.ckpt.files import Contents
    from mldrl_lite.trainer.ckpt.summary import Checkpoint


def add_command(commands: argparse._SubParsersAction) -> None:
    """Add `ckpt` to the command `mldrl-lite`."""
    text = "look into checkpoints without loading them: nothing in a file is run"
    command = commands.add_parser(
        "ckpt",
        help=text,
        description=f"{text[0].upper()}{text[1:]}. Of a file it tells what is inside and what torch.load would refuse; "
        "a folder is listed, the best first; of two files it tells the difference. Exit status: 0 all would load, or "
        "no difference; 1 something would be refused, or they differ; 2 a file cannot be read.",
    )
    command.add_argument("paths", nargs="+", type=Path, metavar="PATH", help="a file, a folder, or two files")
    command.add_argument("--all", action="store_true", help="list all tensors, however many")
    command.add_argument("--format", choices=("text", "json"), default="text", help="how to say it (default: text)")
    command.set_defaults(command=_ckpt)


def _ckpt(options: argparse.Namespace) -> int:
    if len(options.paths) > 2:
        raise InputError(f"ckpt takes a file, a folder or two files, not {len(options.paths)}: give fewer.")
    paths = [_rest_of_sharded(path, alone=len(options.paths) == 1) for path in options.paths]
    if len(paths) == 2:
        return _compare(*paths, options)
    return _list(paths[0], options) if paths[0].is_dir() else _show(paths[0], options)


def _rest_of_sharded(path: Path, alone: bool) -> Path:
    """Return of a sharded checkpoint the file that says what it is; say how to make one file of it."""
    from mldrl_lite.trainer.ckpt.folders import sharded

    found = sharded(path) if path.is_dir() else None
    if found is None:
        return path
    words = f"{path} is a {found.kind}: to make one file of it, {found.join}"
    if not alone or found.rest is None:
        raise InputError(f"{words}.")
    print(f"{words}. Beside the weights, it says:")
    return found.rest


def _show(path: Path, options: argparse.Namespace) -> int:
    from mldrl_lite.trainer.ckpt.files import opened
    from mldrl_lite.trainer.ckpt.report import as_dict, as_json, as_text
    from mldrl_lite.trainer.ckpt.summary import look
    from mldrl_lite.trainer.ckpt.tensors import fingerprint

    with opened(path) as contents:
        found = look(contents)
        _watch(contents)
        found.warnings += _damage(contents, found)
        digest = fingerprint(found.weights, contents.numbers) if found.weights else ""
    print(as_json(as_dict(found, digest)) if options.format == "json" else as_text(found, digest, options.all))
    return 0 if found.loads and not found.warnings else 1


def _damage(contents: "Contents", found: "Checkpoint") -> list[str]:
    from mldrl_lite.trainer.ckpt.values import text

    bad = contents.numbers.damaged()
    names = [text(name) for name, tensor in found.tensors.items() if tensor.storage in bad]
    if not bad:
        return []
    return [
        f"Damaged, or written without checksums: the bytes of {', '.join(names[:5]) or 'a part'} do not fit theirs."
    ]


def _watch(contents: "Contents") -> None:
    """Show a bar while a large file is read, twice."""
    from tqdm import tqdm

    bar = tqdm(total=2 * contents.size, unit="B", unit_scale=True, leave=False, delay=2, disable=None)
    contents.numbers.watch = bar.update


def _list(folder: Path, options: argparse.Namespace) -> int:
    from mldrl_lite.trainer.ckpt.folders import files_in, groups, sharded, shards_in
    from mldrl_lite.trainer.ckpt.report import as_json, folder_dict, folder_text

    paths, shards = files_in(folder), [(path, sharded(path)) for path in shards_in(folder)]
    if not paths and not shards:
        raise InputError(f"{folder} holds no files of weights (.ckpt, .pt, .pth, .safetensors): give another folder.")
    found = groups(paths)
    print(as_json(folder_dict(found, shards)) if options.format == "json" else folder_text(found, shards))
    entries = [entry for group in found for entry in group.entries]
    if any(entry.found is None for entry in entries):
        return 2
    return 0 if all(entry.found.loads for entry in entries) else 1


def _compare(first: Path, second: Path, options: argparse.Namespace) -> int:
    from dataclasses import asdict

    from mldrl_lite.trainer.ckpt.difference import difference
    from mldrl_lite.trainer.ckpt.files import opened
    from mldrl_lite.trainer.ckpt.report import as_json, difference_text
    from mldrl_lite.trainer.ckpt.summary import look

    for path in (first, second):
        if path.is_dir():
            raise InputError(f"{path} is a folder: give two files to compare, or one folder to list.")
    with opened(first) as ours, opened(second) as theirs:
        _watch(ours)
        found = difference(look(ours), look(theirs), (ours.numbers, theirs.numbers))
    print(as_json(asdict(found)) if options.format == "json" else difference_text(found))
    return 0 if found.none else 1
