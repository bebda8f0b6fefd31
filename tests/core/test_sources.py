"""Sources give what they promise, and say in one sentence what is wrong with bad input."""

import gc
import resource
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from mldrl_lite import sources
from mldrl_lite.messages import InputError


def test_simulated_has_the_shape_of_the_chapter_and_is_the_same_every_time():
    samples, again = sources.load("SIMULATED"), sources.load("SIMULATED")
    assert [view.shape for view in samples.views] == [(376, 300)] * 3
    assert all(view.dtype == np.float32 for view in samples.views)
    assert all((view >= 0).all() and (view <= 1).all() for view in samples.views)
    assert samples.labels.dtype == np.int64
    assert set(samples.labels) == {0, 1}
    assert all(np.array_equal(one, two) for one, two in zip(samples.views, again.views, strict=True))


def test_simulated_says_which_views_are_corrupted_and_they_are():
    samples = sources.simulated(corrupted_share=0.25)
    assert samples.corrupted.any(axis=1).mean() == pytest.approx(0.25)
    assert samples.corrupted.sum(axis=1).max() == 1
    spread = np.stack([view.std(axis=1) for view in samples.views], axis=1)
    assert spread[samples.corrupted].max() < spread[~samples.corrupted].min()


def test_wdbc_is_three_views_of_the_real_data():
    samples = sources.load("WDBC")
    assert [view.shape for view in samples.views] == [(569, 10)] * 3
    assert samples.view_names == ("mean", "error", "worst")
    assert samples.class_names == ("malignant", "benign")
    assert samples.views[0][0, 0] == pytest.approx(17.99)  # mean radius of the first patient


def test_rosmap_from_a_folder(rosmap: Path, monkeypatch: pytest.MonkeyPatch):
    samples = sources.load("ROSMAP", str(rosmap))
    assert [view.shape for view in samples.views] == [(351, 200)] * 3
    assert samples.published_test.sum() == 106
    assert np.bincount(samples.labels[~samples.published_test]).tolist() == [118, 127]
    monkeypatch.setenv("MLDRL_LITE_DATA", str(rosmap))
    assert np.array_equal(sources.load("ROSMAP").labels, samples.labels)
    assert np.array_equal(sources.load("ROSMAP", str(rosmap / "ROSMAP")).labels, samples.labels)


# ---------------------------------------------------------------------------------------------------------------------
# A folder of yours


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two views of different widths, three classes, 6 training and 3 test samples."""
    place = tmp_path / "mine"
    place.mkdir()
    for part, n in (("tr", 6), ("te", 3)):
        for view, width in (("10", 2), ("9", 4)):
            rows = [",".join(str(3 * i % 5 + 0.5 * j) for j in range(width)) for i in range(n)]
            (place / f"{view}_{part}.csv").write_text("\n".join(rows) + "\n")
        (place / f"labels_{part}.csv").write_text("".join(f"{i % 3}.0\n" for i in range(n)))
    return place


def test_a_folder_of_ones_own(folder: Path):
    samples = sources.load("mine", str(folder.parent))
    assert [view.shape for view in samples.views] == [(9, 4), (9, 2)]
    assert samples.view_names == ("view 9", "view 10")
    assert len(samples.class_names) == 3
    assert samples.published_test.tolist() == [False] * 6 + [True] * 3


BROKEN = [
    ("9_te.csv", None, "Missing file .*9_te.csv"),
    ("labels_te.csv", None, "Missing file .*labels_te.csv"),
    ("9_tr.csv", "1,2,3,4\n1,2,3\n1,2,3,4\n", r"9_tr.csv, line 2, column 4: the value is missing"),
    ("9_tr.csv", "1,2,3,4\n1,x,3,4\n", r"9_tr.csv, line 2, column 2: 'x' is not a number"),
    ("9_tr.csv", "1,2,3,4\n\n1,2,3,4\n", r"9_tr.csv, line 2"),
    ("9_tr.csv", "1,2,3,4\n1,2,3,4,5\n", r"9_tr.csv, line 2: 5 columns where line 1 has 4"),
    ("9_tr.csv", "a,b,c,d\n1,2,3\n", r"9_tr.csv, line 2: 3 columns where line 1 has 4"),
    ("9_tr.csv", "1,2,3,4\n1,nan,3,4\n", r"9_tr.csv, line 2, column 2: the value is missing"),
    ("9_tr.csv", "1,2,3,4\n1,2,3,inf\n", r"line 2, column 4: inf is not a finite"),
    ("9_tr.csv", "", r"9_tr.csv is empty"),
    ("9_tr.csv", "1,2,3,4\n" * 5, r"9_tr has 5 rows but .*labels_tr.csv has 6"),
    ("9_te.csv", "1,2,3\n" * 3, r"9_tr.csv has 4 columns but 9_te.csv has 3"),
    ("labels_tr.csv", "0\n1\n0.5\n0\n1\n2\n", r"the label 0.5 is not whole"),
    ("labels_tr.csv", "0\n1\n\n0\n1\n2\n", r"labels_tr.csv, line 3: the label is missing"),
    ("labels_tr.csv", "0\n1\n1\n0\n1\n1\n", r"labels_tr.csv has no sample of class 2"),
    ("labels_tr.csv", "0,1\n" * 6, r"labels_tr.csv has 2 columns"),
]


@pytest.mark.parametrize(("name", "text", "message"), BROKEN)
def test_a_broken_file_is_named_with_its_line(folder: Path, name: str, text: str | None, message: str):
    path = folder / name
    path.unlink() if text is None else path.write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        sources.load("mine", str(folder.parent))
    assert "\n" not in str(caught.value)


def test_one_class_only(folder: Path):
    for part, n in (("tr", 6), ("te", 3)):
        (folder / f"labels_{part}.csv").write_text("1\n" * n)
    with pytest.raises(InputError, match="one class only, 1"):
        sources.load("mine", str(folder.parent))


@pytest.mark.parametrize("name", ["ROSMPA", "simulated", "wdcb"])
def test_an_unknown_source_gets_the_list_and_the_nearest_name(name: str):
    nearest = {"ROSMPA": "ROSMAP", "simulated": "SIMULATED", "wdcb": "WDBC"}[name]
    with pytest.raises(InputError, match=f"did you mean '{nearest}'.*SIMULATED, WDBC or ROSMAP"):
        sources.load(name)


def test_an_unknown_folder_gets_the_folders_that_are_there(folder: Path):
    with pytest.raises(InputError, match=r"did you mean 'mine'.*SIMULATED, WDBC, ROSMAP or mine"):
        sources.load("mina", str(folder.parent))


def test_rosmap_is_not_downloaded_when_a_folder_was_given_that_lacks_it(tmp_path: Path):
    with pytest.raises(InputError, match="No ROSMAP/labels_tr.csv in data_dir"):
        sources.load("ROSMAP", str(tmp_path))


# ---------------------------------------------------------------------------------------------------------------------
# The download, from a server on this machine


class _Server(SimpleHTTPRequestHandler):
    fault = ""

    def log_message(self, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        faulty = self.path.endswith("2_tr.csv")
        if faulty and self.fault == "missing":
            self.send_error(404)
        elif faulty and self.fault in ("corrupted", "dies"):
            body = Path(self.translate_path(self.path)).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if self.fault == "dies" else body[:-2] + b"9\n")
            self.close_connection = True
        else:
            super().do_GET()


@pytest.fixture
def server(rosmap: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[_Server]]:
    """Serve the real files on loopback in place of the internet; `server.fault` spoils one of them."""
    handler = type("Handler", (_Server,), {})
    running = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(rosmap)))
    thread = threading.Thread(target=running.serve_forever)
    thread.start()
    monkeypatch.setattr(sources, "ROSMAP_URL", f"http://127.0.0.1:{running.server_port}/ROSMAP/")
    yield handler
    running.shutdown()
    thread.join()
    running.server_close()


def test_download_fetches_every_file_once(server: type[_Server], rosmap: Path, tmp_path: Path, monkeypatch):
    folder = sources.download_rosmap(tmp_path / "cache")
    for name in sources.ROSMAP_SHA256:
        assert (folder / name).read_bytes() == (rosmap / "ROSMAP" / name).read_bytes()
    monkeypatch.setattr(sources, "ROSMAP_URL", "http://127.0.0.1:9/")  # the second time nothing is fetched
    assert sources.download_rosmap(tmp_path / "cache") == folder


# requests leaves the socket of a broken transfer to the garbage collector, which complains.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("fault", "message"),
    [("missing", "could not be downloaded"), ("corrupted", "sha256 is not"), ("dies", "could not be downloaded")],
)
def test_a_download_that_fails_leaves_no_half_file_and_goes_on_later(
    server: type[_Server], tmp_path: Path, fault: str, message: str
):
    cache = tmp_path / "cache"
    server.fault = fault
    with pytest.raises(InputError, match=message) as caught:
        sources.download_rosmap(cache)
    assert "2_tr.csv" in str(caught.value)
    gc.collect()
    assert not (cache / "2_tr.csv").exists()
    assert {path.name for path in cache.iterdir()} <= set(sources.ROSMAP_SHA256)
    server.fault = ""
    assert (sources.download_rosmap(cache) / "2_tr.csv").is_file()


def test_a_spoiled_cache_is_repaired(server: type[_Server], tmp_path: Path):
    cache = sources.download_rosmap(tmp_path / "cache")
    (cache / "1_te.csv").write_text("1,2,3\n")
    sources.download_rosmap(cache)
    assert (cache / "1_te.csv").stat().st_size > 100_000


def test_without_a_network_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sources, "ROSMAP_URL", "http://127.0.0.1:9/")
    with pytest.raises(InputError, match="could not be downloaded.*MLDRL_LITE_DATA"):
        sources.download_rosmap(tmp_path / "cache")


def test_a_cache_that_cannot_be_written(server: type[_Server], tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be stored in"):
        sources.download_rosmap(tmp_path / "file" / "cache")


def test_a_full_disk(server: type[_Server], tmp_path: Path):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, before[1]))  # a file may grow no further: as on a full disk
    try:
        with pytest.raises(InputError, match="cannot be stored in"):
            sources.download_rosmap(tmp_path / "cache")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not (tmp_path / "cache" / "1_te.csv").exists()


# ---------------------------------------------------------------------------------------------------------------------
# Odd but real folders


def test_a_view_without_its_training_file_is_not_left_out_in_silence(folder: Path):
    (folder / "5_te.csv").write_text("1,2\n" * 3)
    with pytest.raises(InputError, match=r"Missing file .*5_tr.csv"):
        sources.load("mine", str(folder.parent))


def test_what_single_precision_cannot_hold_is_named(folder: Path):
    (folder / "9_tr.csv").write_text("1,2,3,4\n1,1e39,3,4\n" * 3)
    with pytest.raises(InputError, match=r"9_tr.csv, line 2, column 2: 1e\+39 is not a finite number"):
        sources.load("mine", str(folder.parent))


def test_files_as_spreadsheets_write_them(folder: Path):
    plain = sources.load("mine", str(folder.parent))
    path = folder / "9_tr.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n\r\n")
    assert np.array_equal(sources.load("mine", str(folder.parent)).views[0], plain.views[0])


def test_every_way_to_name_the_folder(folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    monkeypatch.chdir(folder)
    for data_dir in ("~", "~/mine", ".", "..", "../mine/"):
        assert len(sources.load("mine", data_dir).labels) == 9
    monkeypatch.setenv("MLDRL_LITE_DATA", str(folder / "elsewhere"))
    assert len(sources.load("mine", "..").labels) == 9  # what was given goes before the environment
    with pytest.raises(InputError, match="data_dir = 3 cannot be used"):
        sources.load("mine", 3)


def test_a_misspelled_folder_in_the_environment_does_not_lead_to_a_download(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("MLDRL_LITE_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(InputError, match="MLDRL_LITE_DATA = '.*nowhere' is not a folder"):
        sources.find_folder("ROSMAP")


def test_simulated_labels_are_wrong_where_they_say():
    right, wrong = sources.simulated(wrong_share=0), sources.simulated(wrong_share=0.06)
    assert (right.labels != wrong.labels).mean() == pytest.approx(0.06, abs=0.002)
    assert all(np.array_equal(one, two) for one, two in zip(right.views, wrong.views, strict=True))
