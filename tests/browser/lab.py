"""JupyterLab as `make lab` starts it, and what a person does and sees in its browser window."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Locator, Page, expect
from playwright.sync_api import TimeoutError as TooLong

# Fixed, not asked for: with --no-sandbox it runs as root too, and it calls nobody.
CHROMIUM_OPTIONS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]
# JupyterLab keeps cells that are off the screen out of the page; a test wants to see them all.
SETTINGS = {
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
    "@jupyterlab/apputils-extension/notification": {
        "fetchNews": "false",
        "checkForUpdates": False,
        "doNotDisturbMode": True,
    },
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
}
PROMPTS = "[...document.querySelectorAll('.jp-CodeCell .jp-InputPrompt')].map(prompt => prompt.textContent)"


@dataclass(frozen=True)
class Lab:
    """A JupyterLab that is running."""

    url: str
    """Ends in a slash."""
    token: str
    opened: str
    """What was handed to the user's browser to open."""
    private: Path
    """The folder that stands for the user's home."""


@contextmanager
def make_lab(makefile: Path, course: Path, private: Path, port: int) -> Iterator[Lab]:
    """Run `make lab` on a copy of the course; nothing of the user's own Jupyter is read or written."""
    for plugin, values in SETTINGS.items():
        file = private / "settings" / f"{plugin}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    (private / "config").mkdir()
    # A root user, as in a container, is refused otherwise.
    (private / "config" / "jupyter_server_config.json").write_text('{"ServerApp": {"allow_root": true}}')
    browser = private / "browser.sh"
    browser.write_text(f'#!/bin/sh\necho "$1" > "{private}/part" && mv "{private}/part" "{private}/opened"\n')
    browser.chmod(0o755)
    folders = {
        "JUPYTER_CONFIG_DIR": private / "config",
        "JUPYTER_RUNTIME_DIR": private / "runtime",
        "JUPYTERLAB_SETTINGS_DIR": private / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": private / "workspaces",
        "IPYTHONDIR": private / "ipython",
        "XDG_DATA_HOME": private / "data",
    }
    environment = {name: value for name, value in os.environ.items() if name != "MLDRL_LITE_PROGRESS"}
    environment |= {name: str(folder) for name, folder in folders.items()}
    environment |= {"JUPYTER_PORT": str(port), "BROWSER": f"{browser} %s"}
    venv = makefile.parent / ".venv"
    # --old-file: the tests use what is installed, and install nothing.
    command = ["make", "--makefile", makefile, "--old-file", venv / "installed", f"VENV={venv}", "lab"]
    with (private / "log.txt").open("w") as log:
        process = subprocess.Popen(
            command, cwd=course, env=environment, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield _wait_for(private, process)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(timeout=30)


def _wait_for(private: Path, process: subprocess.Popen) -> Lab:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        if (private / "opened").is_file():
            [server] = (private / "runtime").glob("jpserver-*[0-9].json")
            found = json.loads(server.read_text())
            return Lab(found["url"], found["token"], (private / "opened").read_text().strip(), private)
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not open:\n{(private / 'log.txt').read_text()}")


# ---------------------------------------------------------------------------------------------------------------------
# What a person does


def open_notebook(page: Page, lab: Lab, path: str) -> None:
    """Open a notebook in JupyterLab, and wait until its cells are there and its kernel is idle."""
    end_kernels(page, lab)
    page.goto(f"{lab.url}lab/tree/{path}?reset&token={lab.token}")
    expect(page.locator(".jp-Notebook .jp-Cell").first).to_be_visible(timeout=60_000)
    expect(page.locator("#jp-main-statusbar").get_by_text("| Idle")).to_be_visible(timeout=60_000)


def end_kernels(page: Page, lab: Lab) -> None:
    """End the kernels of the notebooks that were open before: each holds half a gigabyte."""
    headers = {"Authorization": f"token {lab.token}"}
    for session in page.request.get(f"{lab.url}api/sessions", headers=headers).json():
        page.request.delete(f"{lab.url}api/sessions/{session['id']}", headers=headers)


def start_all(page: Page) -> None:
    """Choose Run > Run All Cells; once more if nothing starts, because JupyterLab drops it while a kernel connects."""
    for _ in range(3):
        page.get_by_role("menuitem", name="Run", exact=True).click()
        page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        try:
            page.wait_for_function(f"() => {PROMPTS}.some(text => /[0-9*]/.test(text))", timeout=10_000)
        except TooLong:
            continue
        return
    raise AssertionError("Run All Cells starts nothing")


def run_all(page: Page, timeout_s: float = 400) -> None:
    """Run all cells, and wait for the last one, or for the first error."""
    start_all(page)
    wait_until_idle(page, timeout_s)


def wait_until_idle(page: Page, timeout_s: float = 400) -> None:
    """Wait until a cell has run, and no cell is waiting or running."""
    done = f"() => {PROMPTS}.some(text => /[0-9]/.test(text)) && !{PROMPTS}.some(text => text.includes('*'))"
    page.wait_for_function(done, timeout=timeout_s * 1000, polling=500)


def cell_at(page: Page, position: int) -> Locator:
    """Return a cell of the open notebook."""
    return page.locator(".jp-Notebook .jp-Cell").nth(position)


def run_cell(page: Page, position: int) -> None:
    """Run one cell as a person does: click on it, press Shift and Enter."""
    cell = cell_at(page, position)
    cell.locator(".cm-content").click()
    prompt = cell.locator(".jp-InputPrompt")
    before = prompt.inner_text()
    page.keyboard.press("Shift+Enter")
    expect(prompt).not_to_have_text(before)
    expect(prompt).to_have_text(re.compile(r"\d"), timeout=120_000)


def answer(page: Page, position: int, text: str) -> None:
    """Replace the source of a cell by typing, and run it."""
    cell_at(page, position).locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(text)
    run_cell(page, position)


# ---------------------------------------------------------------------------------------------------------------------
# What a person sees


def errors(page: Page) -> list[str]:
    """Return the texts of all error outputs and of all that cells wrote to standard error."""
    kinds = ("application/vnd.jupyter.error", "application/vnd.jupyter.stderr")
    outputs = page.locator(",".join(f'.jp-OutputArea-output[data-mime-type="{kind}"]' for kind in kinds))
    broken = page.get_by_text("Error displaying widget")
    return outputs.all_inner_texts() + broken.all_inner_texts()


def figures(page: Page) -> int:
    """Count the figures that are loaded and take up room on the page."""
    seen = (
        "images => images.filter(i => i.complete && i.naturalWidth > 0 && i.getBoundingClientRect().width > 50).length"
    )
    return page.locator(".jp-RenderedImage img").evaluate_all(seen)


def problems(page: Page, n_figures: int) -> list[str]:
    """Return what is wrong with a notebook that has been run: errors, cells that did not run, figures that lack."""
    found = [f"error: {text[:300]}" for text in errors(page)]
    prompts = page.locator(".jp-CodeCell .jp-InputPrompt").all_inner_texts()
    found += [f"{prompts.count('[ ]:')} cells did not run"] if "[ ]:" in prompts else []
    seen = figures(page)
    return found + ([f"{seen} figures instead of {n_figures}"] if seen != n_figures else [])


def verdict(page: Page, position: int) -> tuple[str, str]:
    """Return what a check says, `Right` or `Not yet`, and the colour of its bar, as `rgb(…)`."""
    box = cell_at(page, position).locator(".jp-RenderedHTMLCommon > div")
    words = box.locator("b").inner_text()
    return words.removesuffix("."), box.evaluate("box => getComputedStyle(box).borderLeftColor")
