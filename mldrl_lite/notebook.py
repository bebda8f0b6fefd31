"""What a notebook of the course says of itself: the figure style, calm messages, its folder, sources, its result."""

import contextlib
import html
import inspect
import logging
import math
import os
import sys
import textwrap
import warnings
from collections.abc import Mapping
from pathlib import Path

from mldrl_lite.messages import cautions

RESULT_TYPE = "application/vnd.mldrl-lite.result+json"
_NOISE = ("GPU available", "TPU available", "HPU available", "LOCAL_RANK", "💡 Tip", "Using default `ModelCheckpoint`")


def open_page(out_dir: str | Path) -> Path:
    """Set the style of figures, calm Lightning's messages, and return the (new or old) folder `out_dir`.

    Lightning's messages go to standard output, without banner, advertisements, its advice on loader workers (wrong for
    data in memory: notebook 08) and a deprecation inside it. Bars and tables are plain, also beside the package `rich`.
    PyTorch computes in one thread unless OMP_NUM_THREADS is set: on a busy machine more can take 100 times longer.
    """
    import torch

    from mldrl_lite import figures

    figures.use_style()
    calm_lightning()
    use_plain_bars()
    os.environ.setdefault("COLUMNS", "88")  # how wide the tables of trainer.test are
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(1)
    folder = Path(out_dir)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def calm_lightning() -> None:
    """Send Lightning's messages to standard output, without its banners and tips."""
    import pytorch_lightning  # noqa: F401 (its import sets handlers and levels; later it would undo what follows)

    logger = logging.getLogger("pytorch_lightning")
    handler = _ToStandardOutput()
    handler.addFilter(lambda record: not record.getMessage().startswith(_NOISE))
    logger.handlers = [handler]
    for name in ("seed", "distributed"):
        logging.getLogger(f"lightning.fabric.utilities.{name}").setLevel(logging.WARNING)
        logging.getLogger(f"lightning_fabric.utilities.{name}").setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    warnings.filterwarnings("ignore", "GPU available but not used")  # a notebook asks for the CPU on purpose
    warnings.filterwarnings("ignore", ".*LeafSpec.*deprecated.*")
    warnings.filterwarnings("ignore", ".*`srun` command is available.*")  # a page is no job of a cluster


def use_plain_bars() -> None:
    """Have Lightning draw what it draws without the package `rich`, for all Trainers that are made from now on.

    With it, Lightning chooses other bars and tables than a page shows and tells of, and those go around
    `capture_output`, or make a kernel that is driven by a program wait for ever.
    """
    from pytorch_lightning.utilities import imports

    if found := getattr(imports, "_RICH_AVAILABLE", None):  # Lightning has no setting for it
        with contextlib.suppress(AttributeError):
            found.available = False


class _ToStandardOutput(logging.Handler):
    """Write to whatever `sys.stdout` is at the time: a notebook replaces it after this module was imported."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stdout)


def show_source(thing: object) -> None:
    """Display the source code of a class, a method or a function as it stands in the installed package."""
    from IPython.display import display
    from pygments import highlight
    from pygments.formatters import HtmlFormatter
    from pygments.lexers import PythonLexer

    source = textwrap.dedent(inspect.getsource(thing))
    # Colours inside the tags, because a web page or a dark theme brings none, or its own.
    coloured = highlight(source, PythonLexer(), HtmlFormatter(noclasses=True, nowrap=True)).rstrip("\n").split("\n")
    block = "font-family: monospace; color: #222; background: #f7f9fb; padding: 0.6em 0.9em; line-height: 1.35"
    block += "; white-space: pre-wrap; word-break: normal"
    page = f'<pre style="{block}">{"".join(map(_wrapping, source.splitlines(), coloured))}</pre>'
    display({"text/html": page, "text/plain": source}, raw=True)


def _wrapping(line: str, coloured: str) -> str:
    """Return a line of code as HTML that goes on below, further in, where the page is too narrow for it."""
    hang = f"padding-left: {(indent := len(line) - len(line.lstrip()) + 8)}ch; text-indent: -{indent}ch"
    return f'<div style="box-sizing: border-box; max-width: 88ch; {hang}">{coloured or "<br>"}</div>'


def show_result(headline: str, values: Mapping[str, float | int | str | bool | None]) -> None:
    """Display the result of a notebook.

    Args:
        headline: one short line, for the table that `make run` closes with.
        values: plain values by name; numbers are shown with four significant digits and stored in full.

    What was doubtful in the data (`DataWarning`) is shown and stored with it.
    """
    import pandas as pd
    from IPython.display import display

    shown = {name: f"{value:.4g}" if isinstance(value, float) else value for name, value in values.items()}
    table = pd.DataFrame({"value": shown})
    doubts = [f"Doubtful: {sentence}" for sentence in cautions]
    # Jupyter would send NaN, which JSON does not know, as a text.
    infinite = {name for name, value in values.items() if isinstance(value, float) and not math.isfinite(value)}
    odd = {name: {"python": f"float('{values[name]}')"} for name in infinite}
    data = {
        "text/plain": "\n".join([headline, table.to_string(), *doubts]),
        "text/html": table.to_html(border=0) + "".join(f"<p>{html.escape(doubt)}</p>" for doubt in doubts),
        RESULT_TYPE: {"headline": headline, "values": {**values, **odd}}
        | ({"warnings": [*cautions]} if cautions else {}),
    }
    display(data, raw=True)
