"""What a notebook file says: its parameters, its kernel, and, once it is executed, its result and figures."""

import base64
import json
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbformat import NotebookNode

from mldrl_lite.kernels.kernelspec import default_kernel
from mldrl_lite.messages import InputError, Scalar
from mldrl_lite.notebook import RESULT_TYPE
from mldrl_lite.runs.parameters import Declared


def open_notebook(path: str | Path) -> NotebookNode:
    """Read a notebook.

    Raises:
        InputError: the file is not there, or is not a notebook.
    """
    if not Path(path).is_file():
        raise InputError(f"No notebook {str(path)!r}: give the path of an .ipynb file.")
    try:
        return nbformat.read(path, as_version=4)
    except nbformat.reader.NotJSONError:
        raise InputError(f"{str(path)!r} is not a notebook: its text is not JSON.") from None
    except (nbformat.ValidationError, AttributeError, KeyError, TypeError, UnicodeDecodeError):
        raise InputError(f"{str(path)!r} is not a notebook: open and save it in JupyterLab, and look.") from None


def declared_parameters(notebook: str | Path) -> list[str]:
    """Return the names in the notebook's `parameters` cell.

    Raises:
        InputError: the file is not there, or is not a notebook.
    """
    return list(declared(open_notebook(notebook)))


def declared(node: NotebookNode) -> dict[str, Declared]:
    """Return the parameters that the notebook's `parameters` cell declares, by name, in their order."""
    found = papermill.inspect_notebook(with_language(node)).values()
    return {
        entry["name"]: Declared.from_source(
            entry["name"], entry["default"], entry["help"] or "", entry["inferred_type_name"] or ""
        )
        for entry in found
    }


def profile(node: NotebookNode, name: str) -> dict[str, Scalar]:
    """Return the values that the metadata of the `parameters` cell gives under `name`, such as `small`; may be {}."""
    cell = parameters_cell(node)
    return dict(cell.metadata.get(name, {})) if cell else {}


def parameters_cell(node: NotebookNode) -> NotebookNode | None:
    """Return the cell tagged `parameters`, if there is one."""
    return next((cell for cell in node.cells if "parameters" in cell.metadata.get("tags", [])), None)


def with_language(node: NotebookNode) -> NotebookNode:
    """Return a copy that says that its language is Python, where the notebook does not say it."""
    # papermill refuses a notebook that does not say what language it is in; one made by a program may not.
    copy = nbformat.from_dict(node)
    copy.metadata.setdefault("kernelspec", {"name": "python3", "display_name": "Python 3"}).setdefault(
        "name", "python3"
    )
    copy.metadata.kernelspec.setdefault("language", "python")
    return copy


def kernel_for(node: NotebookNode, kernel: str | None = None) -> str:
    """Return `kernel`, or else the kernel that the notebook names, or else the default one."""
    named = node.metadata.get("kernelspec", {}).get("name", "python3")
    return kernel or (default_kernel() if named == "python3" else named)


# ---------------------------------------------------------------------------------------------------------------------
# What an executed notebook left


def read_result(notebook: NotebookNode) -> dict[str, Any]:
    """Return the last result that an executed notebook shows, or `{"headline": "", "values": {}}`."""
    found = [
        output["data"][RESULT_TYPE]
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if RESULT_TYPE in output.get("data", {})
    ]
    return found[-1] if found else {"headline": "", "values": {}}


def read_fingerprint(ledger: Path) -> str:
    """Return the first digits of the weights' fingerprint in a ledger; "" without one."""
    # Read as plain JSON: `reproducibility.read_ledger` would import torch, which takes longer than the whole command.
    try:
        return str(json.loads(ledger.read_text(encoding="utf-8"))["fingerprint"])[:12]
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def pictures(notebook: NotebookNode) -> list[bytes]:
    """Return the figures of an executed notebook, in order, as PNG files."""
    return [
        base64.b64decode(output.data["image/png"])
        for cell in notebook.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]


def save_pictures(notebook: NotebookNode, folder: Path) -> str:
    """Write the figures of an executed notebook as `1.png`, `2.png`, …; return the folder, or "" without figures."""
    images = pictures(notebook)
    for number, image in enumerate(images, start=1):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(image)
    return str(folder) if images else ""
