"""Where samples come from: simulated, bundled, downloaded when that is asked for, or a folder of yours."""

import os
import re
from pathlib import Path

import numpy as np

from mldrl_lite.messages import InputError, caution, did_you_mean, extras_named, listing
from mldrl_lite.samples import Flags, Floats, Ints, Samples

BUILT_IN = ("SIMULATED", "WDBC", "ROSMAP")
DATA_VARIABLE = "MLDRL_LITE_DATA"
_FILE = re.compile(r"([^.].*)_(tr|te)\.(csv|tsv|txt|csv\.gz|tsv\.gz|txt\.gz|parquet)", re.IGNORECASE)


def load(data_type: str = "SIMULATED", data_dir: str | None = None, download: bool = True) -> Samples:
    """Return the samples of a built-in source, or of a folder in the same layout as ROSMAP.

    A folder is looked for as `data_dir/data_type`, then as `data_dir` itself. Without `data_dir`, the environment
    variable `MLDRL_LITE_DATA` takes its place. ROSMAP is downloaded when it is in neither, unless `download` is False.
    What is doubtful in the files is a `DataWarning` each.

    Raises:
        InputError: unknown `data_type`, missing or broken files, or a download that failed.
    """
    if data_type == "SIMULATED":
        return simulated()
    if data_type == "WDBC":
        return wdbc()
    from mldrl_lite.folders import read_folder  # it needs pandas, and whoever only looks for a folder does not

    folder = find_folder(data_type, data_dir) or (download_rosmap() if download else downloaded_rosmap())
    samples = read_folder(folder, files_of(folder))
    for sentence in samples.warnings:
        caution(sentence)
    return samples


def find_folder(data_type: str, data_dir: str | None = None) -> Path | None:
    """Return the folder that holds `data_type`, or None when ROSMAP has to be downloaded.

    Raises:
        InputError: `data_type` is neither a built-in source nor a folder with labels, or `MLDRL_LITE_DATA` does not
            name a folder.
    """
    root = data_dir or os.environ.get(DATA_VARIABLE)
    if root:
        base = _folder(root)
        if not data_dir and not base.is_dir():
            # Going to the network instead would hide the slip.
            raise InputError(f"{DATA_VARIABLE} = {root!r} is not a folder: give one that holds ROSMAP/, or unset it.")
        for folder in (base / str(data_type), base):
            own_names = {Path(os.path.abspath(folder)).name.lower(), folder.resolve().name.lower()}  # of a link, too
            if Path(str(data_type)).name.lower() in own_names and ("labels", "tr") in files_of(folder):
                return folder
    if data_type == "ROSMAP" and not data_dir:
        return None
    raise InputError(_unknown(data_type, root))


def files_of(folder: Path) -> dict[tuple[str, str], Path]:
    """Return the data files of a folder by view (or `labels`) and part (`tr`, `te`); hidden files are passed over.

    Raises:
        InputError: two files hold the same part of the same view.
    """
    files: dict[tuple[str, str], Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if found := _FILE.fullmatch(path.name):
            name = "labels" if found[1].lower() == "labels" else found[1]
            other = files.setdefault((name, found[2].lower()), path)
            if other != path:
                raise InputError(f"{folder} has both {other.name} and {path.name}: keep one of them.")
    return files


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
    base = _folder(root or ".")
    if root and (base / str(data_type)).is_dir():
        return f"{base / str(data_type)} has no labels_tr.csv: give each sample of the training files its class there."
    found = [path.parent for depth in ("", "*/", "*/*/") for path in base.glob(f"{depth}[lL]abels_tr.*") if root]
    folders = [(base.resolve() if path == base else path.relative_to(base)) for path in sorted(found)]
    names = list(dict.fromkeys([*BUILT_IN, *(path.name if path.is_absolute() else str(path) for path in folders)]))
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

# ROSMAP is the Religious Orders Study and the Memory and Aging Project of the Rush Alzheimer's Disease Center, Chicago.
# MOGONET (Wang et al., Nature Communications 2021) made these files from it, and publishes them under the MIT licence.
# That licence is not the study's: its data on individuals are under controlled access at the AD Knowledge Portal
# (https://adknowledgeportal.org), and the Center decides on requests (https://www.radc.rush.edu).
ROSMAP_TERMS = (
    "ROSMAP: files published under the MIT licence by https://github.com/txWang/MOGONET, made from data that are under "
    "controlled access at their source. Whether your use meets the terms of the study is for you to check, and a "
    "publication acknowledges the AD Knowledge Portal (https://adknowledgeportal.org) and the Rush Alzheimer's Disease "
    "Center, Rush University Medical Center, Chicago."
)
ROSMAP_COMMIT = "32d9066b7fe289b3f7cdb496a5668834079c274c"
ROSMAP_URL = f"https://raw.githubusercontent.com/txWang/MOGONET/{ROSMAP_COMMIT}/ROSMAP/"
ROSMAP_SHA256 = dict(line.split() for line in Path(__file__).with_name("rosmap.sha256").read_text().splitlines())
ROSMAP_SHAPE = ((200, 200, 200), 2)
"""The widths of its views and the number of its classes, which a model needs before anything is downloaded."""
_OFFLINE = f"connect to the internet and try again, or set data_dir or {DATA_VARIABLE} to a folder that holds ROSMAP/."


def download_rosmap(cache: Path | None = None) -> Path:
    """Fetch the ROSMAP files into a cache and return their folder; files already there and intact are not fetched.

    Before the first download it prints `ROSMAP_TERMS`. Every file is checked against its sha256 and written under its
    name only when it is right.

    Raises:
        InputError: no network, a wrong checksum, or a cache that cannot be written.
    """
    with extras_named():
        import pooch
        from requests import RequestException
    from tqdm.auto import tqdm

    folder = cache or _rosmap_cache()
    pooch.get_logger().setLevel("WARNING")  # the bar below says what happens
    shelf = pooch.create(folder, ROSMAP_URL, registry=ROSMAP_SHA256, retry_if_failed=1)
    # Seconds to connect and to wait for the next bytes: where there is no network, that should be known soon.
    download = pooch.HTTPDownloader(timeout=(3, 30))
    if not folder.exists():
        print(ROSMAP_TERMS)
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


def _rosmap_cache() -> Path:
    with extras_named():
        import pooch

    return pooch.os_cache("mldrl_lite") / "ROSMAP"


def downloaded_rosmap() -> Path:
    """Return the folder of an earlier download.

    Raises:
        InputError: there is none, or it is not complete.
    """
    folder = _rosmap_cache()
    if not all((folder / name).is_file() for name in ROSMAP_SHA256):
        raise InputError("ROSMAP is not on this machine yet: call prepare_data() first, or set data_dir.")
    return folder
