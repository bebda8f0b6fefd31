"""Folders as programs and people leave them are read as they are meant, or refused with the reason."""

import gzip
import os
import re
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mldrl_lite import folders, messages, sources
from mldrl_lite.datamodule import TCPDataModule
from mldrl_lite.messages import DataWarning, InputError
from mldrl_lite.notebook import show_result
from mldrl_lite.samples import Samples

random = np.random.default_rng(0)
ROWS = {"tr": 24, "te": 9}
VIEWS = {
    part: {"blood": random.normal(size=(n, 4)).round(3), "image": random.normal(size=(n, 5)).round(3)}
    for part, n in ROWS.items()
}
LABELS = {part: np.arange(n) % 3 for part, n in ROWS.items()}
IDS = {"tr": random.permutation(33)[:24]}
IDS["te"] = np.setdiff1d(np.arange(33), IDS["tr"])
Writer = Callable[[Path, pd.DataFrame], None]


def write(folder: Path, view: Writer, labels: Writer | None = None, ending: str = "csv") -> Path:
    """Leave the samples above in a folder, each file by one of two functions."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in ROWS:
        for name, array in VIEWS[part].items():
            view(folder / f"{name}_{part}.{ending}", pd.DataFrame(array, index=IDS[part]))
        (labels or view)(folder / f"labels_{part}.{ending}", pd.DataFrame({"0": LABELS[part]}, index=IDS[part]))
    return folder


def plain(path: Path, frame: pd.DataFrame) -> None:
    frame.to_csv(path, header=False, index=False)


def csv(**options: object) -> Writer:
    return lambda path, frame: frame.to_csv(path, **options)


def named(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_axis([f"g{i}" for i in range(frame.shape[1])], axis=1).set_axis([f"s{i}" for i in frame.index])


def counted(path: Path, frame: pd.DataFrame) -> None:
    frame.reset_index(drop=True).to_csv(path, header=False)


def by_r(path: Path, frame: pd.DataFrame) -> None:
    """As R's write.table does: no cell above the names of the rows, words in quotes, spaces."""
    names = named(frame)
    lines = [" ".join(f'"{name}"' for name in names.columns)]
    path.write_text(
        "\n".join(lines + [f'"{row.Index}" ' + " ".join(map(str, row[1:])) for row in names.itertuples()]) + "\n"
    )


def german(path: Path, frame: pd.DataFrame) -> None:
    named(frame).rename(columns={"g1": "Größe"}).to_csv(
        path, sep=";", decimal=",", index=False, encoding="cp1252", lineterminator="\r\n"
    )


def unicode_text(path: Path, frame: pd.DataFrame) -> None:
    path.write_bytes(named(frame).to_csv(sep="\t", index=False).encode("utf-16"))


def packed(path: Path, frame: pd.DataFrame) -> None:
    path.write_bytes(gzip.compress(frame.to_csv(header=False, index=False).encode()))


def trailing(path: Path, frame: pd.DataFrame) -> None:
    text = frame.to_csv(header=False, index=False, sep=";").replace("\n", ";\n")
    path.write_text(text + ";" * (frame.shape[1]) + "\n\n")


AS_MEANT = {
    "no header, no index": (plain, "csv"),
    "pandas' defaults": (csv(), "csv"),
    "pandas, named": (lambda path, frame: named(frame).to_csv(path), "csv"),
    "pandas, index_label": (csv(index_label="sample"), "csv"),
    "header of words, no index": (lambda path, frame: named(frame).to_csv(path, index=False), "csv"),
    "everything in quotes": (lambda path, frame: named(frame).to_csv(path, quoting=1), "csv"),
    "tabs": (csv(sep="\t", header=False, index=False), "csv"),
    "tsv": (csv(sep="\t", header=False, index=False), "tsv"),
    "spaces": (csv(sep=" ", header=False, index=False), "txt"),
    "NumPy's savetxt": (lambda path, frame: np.savetxt(path, frame), "csv"),
    "R's write.table": (by_r, "txt"),
    "semicolons and decimal commas, Windows": (german, "csv"),
    "decimal commas in quotes": (csv(decimal=",", quoting=1, header=False, index=False), "csv"),
    "Excel's Unicode text": (unicode_text, "txt"),
    "UTF-8 with a mark": (csv(header=False, index=False, encoding="utf-8-sig"), "csv"),
    "gz": (packed, "csv.gz"),
    "gz by another name": (packed, "csv"),
    "capitals": (plain, "CSV"),
    "a separator at each end": (trailing, "csv"),
    "line ends of an old Mac": (csv(header=False, index=False, lineterminator="\r"), "csv"),
}


def same(samples: Samples) -> bool:
    wanted = [np.concatenate([VIEWS[part][name] for part in ROWS]) for name in ("blood", "image")]
    labels = np.concatenate(list(LABELS.values()))
    return all(np.allclose(a, b) for a, b in zip(samples.views, wanted, strict=True)) and np.array_equal(
        samples.labels, labels
    )


@pytest.mark.parametrize("writer", AS_MEANT)
def test_what_programs_write_is_read_as_meant(writer: str, tmp_path: Path):
    view, ending = AS_MEANT[writer]
    write(tmp_path / "mine", view, ending=ending)
    samples = sources.load("mine", str(tmp_path))
    assert same(samples)
    assert samples.view_names == ("blood", "image")
    assert samples.warnings == ()


DOUBTFUL = {
    "to_csv(header=False), rows counted in each file": (
        counted,
        plain,
        "first column of blood_tr.csv and .* counts the rows",
    ),
    "to_csv(header=False) after train_test_split": (
        csv(header=False),
        csv(header=False),
        "counts the rows: it was taken for",
    ),
    "to_csv(index=False) with columns 0, 1, 2": (
        csv(index=False),
        csv(index=False),
        "row of whole numbers: it was taken for a header",
    ),
    "a header of numbers, no header of the labels": (csv(index=False), plain, "taken for a header"),
    "a header of the labels alone": (
        plain,
        csv(index=False),
        "labels_tr.csv has a row more than the views: its first, 0,",
    ),
}


@pytest.mark.parametrize("case", DOUBTFUL)
def test_what_is_left_out_is_said(case: str, tmp_path: Path):
    view, labels, message = DOUBTFUL[case]
    write(tmp_path / "mine", view, labels)
    with pytest.warns(DataWarning) as caught:
        samples = sources.load("mine", str(tmp_path))
    assert same(samples)
    assert tuple(str(warning.message) for warning in caught) == samples.warnings
    assert re.search(message, " ".join(samples.warnings))


def test_real_whole_numbers_are_features(tmp_path: Path):
    write(tmp_path / "mine", lambda path, frame: plain(path, (10 * frame).round().astype(int)), plain)
    samples = sources.load("mine", str(tmp_path))
    assert [view.shape for view in samples.views] == [(33, 4), (33, 5)]
    assert not samples.warnings


def put(folder: Path, name: str, values: dict[str, object]) -> None:
    for part in ROWS:
        pd.DataFrame(values[part]).to_csv(folder / f"{name}_{part}.csv", header=False, index=False)


TELLING = {
    "the labels as a view": (LABELS, "Column 1 of other tells the class of every sample"),
    "a code for each class": ({part: (LABELS[part] * 7) % 5 for part in ROWS}, "Column 1 of other tells"),
    "a threshold between classes": (
        {part: np.c_[VIEWS[part]["blood"][:, 0], LABELS[part] + VIEWS[part]["blood"][:, 1] / 10] for part in ROWS},
        "Column 2 of other tells",
    ),
}


@pytest.mark.parametrize("case", TELLING)
def test_a_column_that_tells_the_class_is_a_warning(case: str, tmp_path: Path):
    values, message = TELLING[case]
    put(write(tmp_path / "mine", plain), "other", values)
    with pytest.warns(DataWarning, match=message) as caught:
        samples = sources.load("mine", str(tmp_path))
    assert len(caught) == len(samples.warnings) == 1
    assert len(samples.views) == 3


def test_chance_is_no_warning():
    labels = np.arange(9) % 3
    noise = np.random.default_rng(1).normal(size=(9, 3000)).astype(np.float32)
    noise[:, 0] = labels + noise[:, 0] / 100  # among so many columns, chance makes such a one
    assert not list(folders._telling("noise", noise, labels, pd.RangeIndex(3000)))


WORDS = {
    "words": (["Basal", "Her2", "LumA"], ("Basal", "Her2", "LumA")),
    "words with blanks": (["stage I", "stage II", "stage III"], ("stage I", "stage II", "stage III")),
    "floats": ([0.0, 1.0, 2.0], ("class 0", "class 1", "class 2")),
    "from 1": ([1, 2, 3], ("class 1", "class 2", "class 3")),
    "signs": ([-1, 0, 1], ("class -1", "class 0", "class 1")),
}


@pytest.mark.parametrize("case", WORDS)
@pytest.mark.parametrize("layout", [{"header": False, "index": False}, {}, {"index": False, "header": ["label"]}])
def test_labels_of_every_kind_keep_their_names(case: str, layout: dict[str, object], tmp_path: Path):
    names, wanted = WORDS[case]
    write(
        tmp_path / "mine",
        plain,
        lambda path, frame: pd.DataFrame({"label": [names[i] for i in frame["0"]]}).to_csv(path, **layout),
    )
    samples = sources.load("mine", str(tmp_path))
    assert same(samples)
    assert samples.class_names == wanted
    assert not samples.warnings


@pytest.mark.parametrize(
    ("values", "message"),
    [((0, 1, 5), r"skip numbers \(0, 1, 5\)"), (("a", "A", "b"), "upper and lower case only: A, a, b")],
)
def test_odd_labels_are_a_warning(values: tuple[object, ...], message: str, tmp_path: Path):
    write(tmp_path / "mine", plain, lambda path, frame: plain(path, frame.map(lambda label: values[label])))
    with pytest.warns(DataWarning, match=message):
        assert len(sources.load("mine", str(tmp_path)).class_names) == 3


# ---------------------------------------------------------------------------------------------------------------------
# Refused


def _spoil(name: str, text: str | bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def _shuffled(folder: Path) -> None:
    write(folder, lambda path, frame: named(frame).to_csv(path))
    pd.read_csv(folder / "image_te.csv").iloc[::-1].to_csv(folder / "image_te.csv", index=False)


def _other_columns(folder: Path) -> None:
    write(folder, lambda path, frame: named(frame).to_csv(path, index=False), plain)
    table = pd.read_csv(folder / "image_te.csv")
    table[table.columns[::-1]].to_csv(folder / "image_te.csv", index=False)


REFUSED = {
    "labels named like a view": (
        lambda folder: put(folder, "pam50_labels", LABELS),
        "pam50_labels_tr would be a view, but is named like labels",
    ),
    "twice": (_spoil("blood_tr.tsv", "1\t2\n"), "has both blood_tr.csv and blood_tr.tsv: keep one"),
    "a word among the numbers": (
        _spoil("blood_te.csv", "1,2,3,4\n" * 3 + "1,low,3,4\n" + "1,2,3,4\n" * 5),
        "line 4, column 2: 'low' is not a number",
    ),
    "a missing value": (
        _spoil("blood_te.csv", "1,2,3,4\n" * 8 + "1,NA,3,4\n"),
        "line 9, column 2: the value is missing",
    ),
    "a spreadsheet by the name of a table": (
        _spoil("blood_te.csv", b"PK\x03\x04\0\0\0"),
        "blood_te.csv is not text: export",
    ),
    "a broken gz": (_spoil("blood_te.csv", gzip.compress(b"1,2,3,4\n" * 99)[:-9]), "blood_te.csv cannot be read"),
    "no Parquet": (
        lambda folder: (folder / "blood_te.csv").rename(folder / "blood_te.parquet"),
        "blood_te.parquet (is not a Parquet file|needs pyarrow)",
    ),
    "samples in another order": (_shuffled, "image_te has sample 's.+' in row 1 where another file has"),
    "columns in another order": (_other_columns, "image_tr.csv has the column 'g0' where image_te.csv has 'g4'"),
    "one-hot labels": (
        lambda folder: put(folder, "labels", {part: np.eye(3)[LABELS[part]] for part in ROWS}),
        "labels_tr.csv has 3 columns: give one",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_the_rest_is_refused_in_a_sentence(case: str, tmp_path: Path):
    spoil, message = REFUSED[case]
    spoil(write(tmp_path / "mine", plain))
    with pytest.raises(InputError, match=message) as caught:
        sources.load("mine", str(tmp_path))
    assert "\n" not in str(caught.value)


def test_parquet_is_read_with_its_names_and_needs_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "mine", lambda path, frame: path.write_bytes(b""), ending="parquet")
    # pyarrow is an extra of few: what pandas makes of a file stands in for it here.
    tables = {f"{name}_{part}": named(pd.DataFrame(VIEWS[part][name])) for part in ROWS for name in VIEWS[part]}
    tables |= {f"labels_{part}": named(pd.DataFrame(LABELS[part])) for part in ROWS}
    monkeypatch.setattr(pd, "read_parquet", lambda path: tables[path.stem])
    assert same(sources.load("mine", str(tmp_path)))

    def without(path: Path) -> None:
        raise ImportError("no engine")

    monkeypatch.setattr(pd, "read_parquet", without)
    with pytest.raises(InputError, match="blood_tr.parquet needs pyarrow: pip install pyarrow"):
        sources.load("mine", str(tmp_path))


# ---------------------------------------------------------------------------------------------------------------------
# Where folders lie


def test_a_zip_from_a_mac(tmp_path: Path):
    write(tmp_path / "mine", plain)
    for folder in (tmp_path / "mine", tmp_path / "__MACOSX" / "mine"):
        folder.mkdir(parents=True, exist_ok=True)
        for name in ("blood_tr.csv", "labels_tr.csv"):
            (folder / f"._{name}").write_bytes(b"\0\5\x16\7Mac OS X")
        (folder / ".DS_Store").write_bytes(b"\0")
    assert same(sources.load("mine", str(tmp_path)))


@pytest.mark.parametrize("data_type", ["A/BRCA", "BRCA", "link", "A/BRCA/"])
def test_linked_and_nested_folders(data_type: str, tmp_path: Path):
    folder = write(tmp_path / "A" / "BRCA", plain)
    os.symlink(folder, tmp_path / "link")
    data_dir = folder if data_type == "BRCA" else tmp_path
    assert same(sources.load(data_type, str(data_dir)))


def test_a_nested_folder_is_proposed(tmp_path: Path):
    write(tmp_path / "A" / "BRCA", plain)
    with pytest.raises(InputError, match="did you mean 'A/BRCA'.*ROSMAP or A/BRCA"):
        sources.load("BRCA", str(tmp_path))
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty has no labels_tr.csv"):
        sources.load("empty", str(tmp_path))


# ---------------------------------------------------------------------------------------------------------------------
# What a reader sees


def test_too_few_samples_for_ten_folds_have_a_way_out(tmp_path: Path):
    write(tmp_path / "mine", plain)
    for part in ROWS:
        np.savetxt(tmp_path / "mine" / f"labels_{part}.csv", np.arange(ROWS[part]) % 4)
    with pytest.raises(InputError, match="smallest class has 8 samples.*n_folds=8 or less to TCPDataModule.*cv=None"):
        TCPDataModule("mine", data_dir=str(tmp_path)).setup()
    module = TCPDataModule("mine", cv=None, data_dir=str(tmp_path))
    module.setup()
    assert {name: len(part) for name, part in module.parts.items()} == {"train": 20, "val": 4, "test": 9}


def test_doubts_reach_the_result_of_the_notebook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(messages, "cautions", [])
    monkeypatch.setattr("mldrl_lite.notebook.cautions", messages.cautions)
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw: shown.append(data))
    show_result("nothing", {})
    write(tmp_path / "mine", counted, plain)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = TCPDataModule("mine", cv=None, data_dir=str(tmp_path))
        module.setup("fit")
        sources.load("mine", str(tmp_path))
    show_result("something", {"auroc": 0.5})
    before, after = (data["application/vnd.mldrl-lite.result+json"] for data in shown)
    assert "warnings" not in before
    assert after["warnings"] == list(module.samples.warnings)
    assert "Doubtful: The first column of blood_tr.csv" in shown[1]["text/plain"]
