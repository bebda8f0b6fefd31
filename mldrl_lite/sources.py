"""Where samples come from: simulated, bundled, downloaded, or a folder of yours."""

import os
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mldrl_lite.messages import InputError, did_you_mean, extras_named, listing

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

BUILT_IN = ("SIMULATED", "WDBC", "ROSMAP")
DATA_VARIABLE = "MLDRL_LITE_DATA"

# The repository of MOGONET (Wang et al., Nature Communications 2021), MIT licence.
ROSMAP_COMMIT = "32d9066b7fe289b3f7cdb496a5668834079c274c"
ROSMAP_URL = f"https://raw.githubusercontent.com/txWang/MOGONET/{ROSMAP_COMMIT}/ROSMAP/"
ROSMAP_SHA256 = {
    "1_featname.csv": "1df5c536e47eb0d532abbb8bea6a9361bba01a913e03cd03b8ef06fb7849a660",
    "1_te.csv": "d9d9daf05915556fd13008fb6ad7d88e0c5a8a57e5a985548640d4cd1563712b",
    "1_tr.csv": "37bfcc58da320bf6c37b22617ed821dcfa96ca4abd334adf4d42c8e3375d972b",
    "2_featname.csv": "7431418fb193e02a1c1431f9446ccc227c8818a4d40c1cb72a2b640a0d8d38b7",
    "2_te.csv": "546e9d7f640e54c4c1d6540ed2c1a3adb10497635e7d6b8d4099b4930271ac76",
    "2_tr.csv": "b1d1d20f8793e5f11248218f19493d9a7be366ee5bbbaff585058401976f8a21",
    "3_featname.csv": "2b0b3451af16597ae34342a6abc99e397482fef30a61821a8e8fe7cb69276bae",
    "3_te.csv": "c0d9efd6c35e8c5768b759238c95c64674d7e1e7f76ed07fca6f168d67e676f4",
    "3_tr.csv": "fd8708bc0c41f774209f9e6a49a74c5a9acd510dd62eadc299a18d49ccd9e862",
    "labels_te.csv": "20d728c6f51f79ff5fa7719b960daf22074a0e6e1f3028869042b02ca4e3f68d",
    "labels_tr.csv": "5859aa107dbf406937938ebefbec122d01fea5d41a9bd0292199f4406749e45d",
}


@dataclass(frozen=True)
class Samples:
    """N people (or other things) seen through V views.

    Attributes:
        views: V arrays of shape (N, D_v), float32. The widths D_v may differ.
        labels: class numbers 0..C-1, shape (N,), int64.
        view_names: V names.
        class_names: C names.
        published_test: which samples belong to the published test set, shape (N,); None where nobody published a split.
        corrupted: which views of which samples were spoiled on purpose, shape (N, V); None for real data.
    """

    views: tuple[Floats, ...]
    labels: Ints
    view_names: tuple[str, ...]
    class_names: tuple[str, ...]
    published_test: Flags | None = None
    corrupted: Flags | None = None


def load(data_type: str = "SIMULATED", data_dir: str | None = None) -> Samples:
    """Return the samples of a built-in source, or of a folder in the same layout as ROSMAP.

    A folder is looked for as `data_dir/data_type`, then as `data_dir` itself. Without `data_dir`, the environment
    variable `MLDRL_LITE_DATA` takes its place. ROSMAP is downloaded when it is in neither.

    Raises:
        InputError: unknown `data_type`, missing or broken files, or a download that failed.
    """
    if data_type == "SIMULATED":
        return simulated()
    if data_type == "WDBC":
        return wdbc()
    folder = find_folder(data_type, data_dir)
    return read_folder(folder or download_rosmap())


def find_folder(data_type: str, data_dir: str | None = None) -> Path | None:
    """Return the folder that holds `data_type`, or None when ROSMAP has to be downloaded.

    Raises:
        InputError: `data_type` is neither a built-in source nor a folder with a `labels_tr.csv`, or `MLDRL_LITE_DATA`
            does not name a folder.
    """
    root = data_dir or os.environ.get(DATA_VARIABLE)
    if root:
        base = _folder(root)
        if not data_dir and not base.is_dir():
            # Going to the network instead would hide the slip.
            raise InputError(f"{DATA_VARIABLE} = {root!r} is not a folder: give one that holds ROSMAP/, or unset it.")
        for folder in (base / str(data_type), base):
            if (folder / "labels_tr.csv").is_file() and folder.resolve().name.lower() == str(data_type).lower():
                return folder
    if data_type == "ROSMAP" and not data_dir:
        return None
    raise InputError(_unknown(data_type, root))


def _folder(root: str) -> Path:
    try:
        return Path(root).expanduser()
    except (TypeError, RuntimeError) as error:
        raise InputError(f"data_dir = {root!r} cannot be used ({error}): give the path of a folder.") from None


def _unknown(data_type: str, root: str | None) -> str:
    if data_type == "ROSMAP":
        return (
            f"No ROSMAP/labels_tr.csv in data_dir {root!r}: give the folder that holds ROSMAP/, "
            "or leave data_dir empty to download it."
        )
    folders = sorted(path.parent.name for path in _folder(root).glob("*/labels_tr.csv")) if root else []
    names = list(dict.fromkeys([*BUILT_IN, *folders]))
    where = f"a folder with a labels_tr.csv in {root!r}" if root else "a folder with a labels_tr.csv, named by data_dir"
    return f"Unknown data_type {data_type!r}{did_you_mean(data_type, names)}: use {listing(names)}, or {where}."


# ---------------------------------------------------------------------------------------------------------------------
# Simulated


def simulated(
    n_samples: int = 376,
    n_features: int = 300,
    n_views: int = 3,
    corrupted_share: float = 0.35,
    wrong_share: float = 0.06,
    seed: int = 0,
) -> Samples:
    """Return two classes seen through views in [0, 1], some of which are spoiled on purpose.

    Every view carries the class in three tenths of its features. In `corrupted_share` of the samples one view, chosen
    at random, shows next to nothing, like a measurement that failed: its values lie close to 0.5 whatever the class.
    `corrupted` says which. A `wrong_share` of the labels is wrong, so that no model can be perfect. The shape and the
    rough share of class 1 are those of the run that the course started from.
    """
    random = np.random.default_rng(seed)
    n_positive = round(n_samples * 218 / 376)
    labels = random.permutation(np.repeat([0, 1], [n_samples - n_positive, n_positive])).astype(np.int64)
    corrupted = np.zeros((n_samples, n_views), dtype=bool)
    spoiled = random.choice(n_samples, size=round(corrupted_share * n_samples), replace=False)
    corrupted[spoiled, random.integers(n_views, size=len(spoiled))] = True
    views = tuple(_simulated_view(random, labels, corrupted[:, v], n_features) for v in range(n_views))
    names = tuple(f"view {v + 1}" for v in range(n_views))
    wrong = random.choice(n_samples, size=round(wrong_share * n_samples), replace=False)
    labels[wrong] = 1 - labels[wrong]
    return Samples(views, labels, names, ("control", "case"), corrupted=corrupted)


def _simulated_view(random: np.random.Generator, labels: Ints, corrupted: Flags, n_features: int) -> Floats:
    n_informative = 3 * n_features // 10
    sign = 2.0 * labels[:, None] - 1.0
    # A strength per sample makes some people easy to classify and some hard, as in real data.
    strength = random.gamma(2.0, 0.5, size=(len(labels), 1))
    values = random.normal(size=(len(labels), n_features))
    values[:, :n_informative] += 0.28 * strength * sign * random.choice([-1, 1], size=n_informative)
    values[corrupted] = random.normal(scale=0.05, size=(int(corrupted.sum()), n_features))
    return (1.0 / (1.0 + np.exp(-values))).astype(np.float32)


# ---------------------------------------------------------------------------------------------------------------------
# Bundled


def wdbc() -> Samples:
    """Return the Wisconsin diagnostic breast-cancer data that scikit-learn carries, as three views of ten features.

    The views are the mean, the standard error and the worst value of the same ten measurements; 569 samples.
    """
    from sklearn.datasets import load_breast_cancer

    data = load_breast_cancer()
    views = tuple(np.ascontiguousarray(part, dtype=np.float32) for part in np.split(data.data, 3, axis=1))
    return Samples(views, data.target.astype(np.int64), ("mean", "error", "worst"), tuple(map(str, data.target_names)))


# ---------------------------------------------------------------------------------------------------------------------
# Downloaded


def download_rosmap(cache: Path | None = None) -> Path:
    """Fetch the ROSMAP files into a cache and return their folder; files already there and intact are not fetched.

    Every file is checked against its sha256 and written under its name only when it is right.

    Raises:
        InputError: no network, a wrong checksum, or a cache that cannot be written.
    """
    with extras_named():
        import pooch
        from requests import RequestException
    from tqdm.auto import tqdm

    folder = cache or pooch.os_cache("mldrl_lite") / "ROSMAP"
    pooch.get_logger().setLevel("WARNING")  # the bar below says what happens
    shelf = pooch.create(folder, ROSMAP_URL, registry=ROSMAP_SHA256, retry_if_failed=1)
    # Seconds to connect and to wait for the next bytes: where there is no network, that should be known soon.
    download = pooch.HTTPDownloader(timeout=(3, 30))
    name = ""
    try:
        for name in tqdm(ROSMAP_SHA256, desc="ROSMAP", unit="file", leave=False):
            shelf.fetch(name, downloader=download)
    except RequestException as error:
        reason = f"{type(error).__name__} while fetching {name}"
        raise InputError(f"ROSMAP could not be downloaded ({reason}): {_OFFLINE}") from error
    except ValueError as error:
        raise InputError(
            f"ROSMAP/{name} was downloaded but its sha256 is not {ROSMAP_SHA256[name]}, so it was thrown away: "
            "try again, and report it if it stays so."
        ) from error
    except OSError as error:
        raise InputError(
            f"ROSMAP cannot be stored in {str(folder)!r} ({error.strerror or error}): free some space there, "
            "make it writable, or set data_dir to a folder that holds ROSMAP/."
        ) from error
    return folder


_OFFLINE = f"connect to the internet and try again, or set data_dir or {DATA_VARIABLE} to a folder that holds ROSMAP/."


# ---------------------------------------------------------------------------------------------------------------------
# A folder of yours


def read_folder(folder: Path) -> Samples:
    """Read `{view}_tr.csv`, `{view}_te.csv`, `labels_tr.csv` and `labels_te.csv`: no header, one row a sample.

    Labels number the classes 0..C-1. The names of the views are those before `_tr.csv`, in natural order.

    Raises:
        InputError: a file is missing, ragged, not numeric, or does not fit the others; names the file and the line.
    """
    folder = Path(folder)
    parts = {path.name for part in ("tr", "te") for path in folder.glob(f"?*_{part}.csv")}
    names = sorted({name[: -len("_tr.csv")] for name in parts} - {"labels"}, key=_natural)
    if not names:
        raise InputError(f"No {{view}}_tr.csv in {str(folder)!r}: give one CSV file per view, such as 1_tr.csv.")
    labels = [_read_labels(folder / f"labels_{part}.csv") for part in ("tr", "te")]
    _check_labels(folder, labels)
    views = tuple(_read_view(folder, name, labels) for name in names)
    published_test = np.repeat([False, True], [len(part) for part in labels])
    all_labels = np.concatenate(labels)
    classes = tuple(f"class {c}" for c in range(all_labels.max() + 1))
    return Samples(views, all_labels, tuple(_title(folder, name) for name in names), classes, published_test)


def _title(folder: Path, name: str) -> str:
    known = {"1": "mRNA", "2": "methylation", "3": "miRNA"} if folder.name == "ROSMAP" else {}
    return known.get(name, f"view {name}" if name.isdigit() else name)


def _natural(name: str) -> tuple[bool, int, str]:
    return (not name.isdecimal(), int(name) if name.isdecimal() else 0, name)


def _read_view(folder: Path, name: str, labels: list[Ints]) -> Floats:
    parts = [_read_table(folder / f"{name}_{part}.csv") for part in ("tr", "te")]
    for part, rows, wanted in zip(("tr", "te"), parts, labels, strict=True):
        if len(rows) != len(wanted):
            raise InputError(
                f"{folder / f'{name}_{part}.csv'} has {len(rows)} rows but labels_{part}.csv has {len(wanted)}: "
                "give one row per sample, in the same order, in each."
            )
    widths = [rows.shape[1] for rows in parts]
    if widths[0] != widths[1]:
        raise InputError(
            f"{folder / f'{name}_tr.csv'} has {widths[0]} columns but {name}_te.csv has {widths[1]}: "
            "give the same features, in the same order, in both."
        )
    return np.concatenate(parts).astype(np.float32)


def _read_labels(path: Path) -> Ints:
    table = _read_table(path)
    if table.shape[1] != 1:
        raise InputError(f"{path} has {table.shape[1]} columns: give one column, the class number.")
    whole = table[:, 0] == np.round(table[:, 0])
    if not whole.all():
        row = int(np.argmin(whole))
        raise InputError(f"{path}, line {row + 1}: label {table[row, 0]:g} is not whole; number the classes 0, 1, 2, …")
    return table[:, 0].astype(np.int64)


def _check_labels(folder: Path, labels: list[Ints]) -> None:
    found = np.unique(np.concatenate(labels))
    if len(found) < 2:
        raise InputError(f"{folder} has one class only, {found[0]}: a classifier needs samples of two or more.")
    for part, values in zip(("tr", "te"), labels, strict=True):
        outside = (values < 0) | (values >= len(found))
        if outside.any():
            row = int(np.argmax(outside))
            raise InputError(
                f"{folder / f'labels_{part}.csv'}, line {row + 1}: label {values[row]} is outside 0..{len(found) - 1}; "
                f"{len(found)} different labels were found, so number them 0, 1, 2, …"
            )
    missing = np.setdiff1d(found, labels[0])
    if len(missing):
        raise InputError(f"{folder / 'labels_tr.csv'} has no sample of class {missing[0]}: train needs every class.")


def _read_table(path: Path) -> NDArray[np.float64]:
    if not path.is_file():
        raise InputError(f"Missing file {path}: each view needs a _tr.csv and a _te.csv, and so do the labels.")
    lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise InputError(f"{path} is empty: give one row per sample.")
    try:
        table = np.loadtxt(lines, delimiter=",", ndmin=2, comments=None)
        fits = len(table) == len(lines)
    except ValueError:
        fits = False
    if not fits:
        raise InputError(_first_fault(path, lines))
    bad = ~(np.abs(table) <= np.finfo(np.float32).max)  # NaN compares false
    if bad.any():
        row, column = (int(i[0]) for i in np.nonzero(bad))
        raise InputError(
            f"{path}, line {row + 1}, column {column + 1}: {table[row, column]} is not a finite number "
            "of single precision; fill in or remove missing values first."
        )
    return table


def _first_fault(path: Path, lines: list[str]) -> str:
    width = len(lines[0].split(","))
    for number, line in enumerate(lines, start=1):
        cells = line.split(",")
        if len(cells) != width:
            return f"{path}, line {number}: {len(cells)} columns where line 1 has {width}; give every row the same."
        for column, cell in enumerate(cells, start=1):
            try:
                float(cell)
            except ValueError:
                return (
                    f"{path}, line {number}, column {column}: {cell.strip()!r} is not a number; "
                    "the files have numbers only and no header."
                )
    return f"{path} is not a table of numbers separated by commas."
