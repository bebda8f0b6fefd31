"""What a notebook file says: its parameters, its kernel, and, once it is executed, its result and figures."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mldrl_lite.kernels.kernelspec import default_kernel
from mldrl_lite.messages import InputError
from mldrl_lite.notebook import RESULT_TYPE
from mldrl_lite.runs.notebook.parameters import Declared, declared_in
from mldrl_lite.runs.notebook.values import assignments, from_json

if TYPE_CHECKING:
    from nbformat import NotebookNode


def open_notebook(path: str | Path) -> "NotebookNode":
    """Read a notebook, checked whole, for one who will execute it.

    Raises:
        InputError: the file is not there, or is not a notebook.
    """
    import nbformat

    _read(path)
    try:
        return nbformat.read(path, as_version=4)
    except (nbformat.ValidationError, AttributeError, KeyError, TypeError, ValueError):
        raise _no_notebook(path) from None


def glance(path: str | Path) -> Mapping[str, Any]:
    """Read a notebook as the JSON that it is, for one who asks for its parameters or its figures only.

    It takes a twentieth of the time of `open_notebook`, whose import of nbformat takes more than a second.

    Raises:
        InputError: the file is not there, or is not a notebook.
    """
    node = _read(path)
    cells = node.get("cells") if isinstance(node, dict) else None
    if not isinstance(cells, list) or not all(isinstance(cell, dict) for cell in cells):
        return open_notebook(path)  # of an older format, or none at all
    return _with_whole_sources(node)


def glance_at_text(text: str) -> dict[str, Any]:
    """Read a notebook of the present format from its text; see `glance`."""
    return _with_whole_sources(json.loads(text))


def _with_whole_sources(node: dict[str, Any]) -> dict[str, Any]:
    for cell in node["cells"]:
        cell["source"] = "".join(cell.get("source", ""))
    return node


def _read(path: str | Path) -> Any:
    if not Path(path).is_file():
        raise InputError(f"No notebook {str(path)!r}: give the path of an .ipynb file.")
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise _no_notebook(path) from None
    except (ValueError, RecursionError):
        raise InputError(f"{str(path)!r} is not a notebook: its text is not JSON.") from None


def _no_notebook(path: str | Path) -> InputError:
    return InputError(f"{str(path)!r} is not a notebook: open and save it in JupyterLab, and look.")


def declared_parameters(notebook: str | Path) -> list[str]:
    """Return the names in the notebook's `parameters` cell.

    Raises:
        InputError: the file is not there, is not a notebook, or its cell of parameters is no Python.
    """
    return list(declared(glance(notebook)))


def declared(node: Mapping[str, Any]) -> dict[str, Declared]:
    """Return the parameters that the notebook's `parameters` cell declares, by name, in their order.

    A notebook of another language than Python declares none.

    Raises:
        InputError: the cell is no Python.
    """
    cell = parameters_cell(node)
    if cell is None or not _language(node).startswith(("python", "ipython")):
        return {}
    try:
        return declared_in(cell["source"])
    except SyntaxError as error:
        message = f"The cell tagged 'parameters' is no Python ({error.msg}, line {error.lineno}): mend it."
        raise InputError(message) from None


def _language(node: Mapping[str, Any]) -> str:
    metadata = node.get("metadata", {})
    told = metadata.get("kernelspec", {}).get("language") or metadata.get("language_info", {}).get("name")
    return str(told or "python").lower()


def profile(node: Mapping[str, Any], name: str, notebook: str | Path) -> dict[str, Any]:
    """Return the values that the metadata of the `parameters` cell gives under `name`, such as `small`; may be {}.

    Raises:
        InputError: a value is of another type than its parameter, or there is no such parameter.
    """
    cell, names = parameters_cell(node), declared(node)
    values = from_json(dict(cell["metadata"].get(name, {}))) if cell else {}
    if unknown := [known for known in values if known not in names]:
        raise InputError(
            f"{notebook} has a {name} value of {unknown[0]}, which it does not declare: mend its metadata."
        )
    return {known: names[known].check(value) for known, value in values.items()}


def parameters_cell(node: Mapping[str, Any]) -> Any:
    """Return the code cell tagged `parameters`, or None."""
    cells = (cell for cell in node["cells"] if cell.get("cell_type") == "code")
    return next((cell for cell in cells if "parameters" in cell.get("metadata", {}).get("tags", [])), None)


def own_folder(node: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Return the parameter `out_dir` with a run's folder, as a path if it is declared as one; {} without it."""
    names = declared(node)
    return {"out_dir": names["out_dir"].check(str(folder))} if "out_dir" in names else {}


def with_parameters(node: "NotebookNode", values: Mapping[str, Any]) -> "NotebookNode":
    """Return a notebook that sets parameters in a cell of its own behind the cell of parameters, as papermill does.

    papermill's own way writes a path or a tuple as a text.
    """
    import nbformat
    from nbformat.v4 import new_code_cell

    copy = nbformat.from_dict(node)
    if not values:
        return copy
    copy.cells = [cell for cell in copy.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    cell = new_code_cell(assignments(values, "Parameters"), metadata={"tags": ["injected-parameters"]})
    declaring = parameters_cell(copy)
    copy.cells.insert(copy.cells.index(declaring) + 1 if declaring else 0, cell)
    return copy


def with_language(node: "NotebookNode") -> "NotebookNode":
    """Return a notebook that says what language it is in; one made by a program may not, and papermill refuses it."""
    import nbformat

    copy = nbformat.from_dict(node)
    copy.metadata.setdefault("kernelspec", {"name": "python3", "display_name": "Python 3"}).setdefault(
        "name", "python3"
    )
    copy.metadata.kernelspec.setdefault("language", "python")
    return copy


def kernel_for(node: Mapping[str, Any], kernel: str | None = None) -> str:
    """Return `kernel`, or else the kernel that the notebook names, or else the default one."""
    named = node.get("metadata", {}).get("kernelspec", {}).get("name", "python3")
    return kernel or (default_kernel() if named == "python3" else named)


# ---------------------------------------------------------------------------------------------------------------------
# What an executed notebook left


def read_result(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """Return the last result that an executed notebook shows, or `{"headline": "", "values": {}}`.

    Of one in another shape, the headline is its text, and what is no mapping is a value named `result`. What was
    doubtful in the data is listed as `warnings`, where there was anything.
    """
    found = [
        output["data"][RESULT_TYPE]
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if RESULT_TYPE in (output.get("data") or {})
    ]
    result = found[-1] if found else {}
    result = result if isinstance(result, dict) else {"values": result}
    values = result.get("values", {})
    values = values if isinstance(values, dict) else {"result": values}
    doubts = result.get("warnings")
    doubts = {"warnings": [*map(str, doubts)]} if doubts and isinstance(doubts, list) else {}
    return {"headline": str(result.get("headline", "")), "values": from_json(values), **doubts}


def read_fingerprint(ledger: Path) -> str:
    """Return the first digits of the weights' fingerprint in a ledger; "" without one."""
    # Read as plain JSON: `reproducibility.read_ledger` would import torch, which takes longer than the whole command.
    try:
        return str(json.loads(ledger.read_text(encoding="utf-8"))["fingerprint"])[:12]
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def pictures(notebook: Mapping[str, Any]) -> list[bytes]:
    """Return the figures of an executed notebook, in order, as PNG files."""
    return [
        base64.b64decode("".join(output["data"]["image/png"]))
        for cell in notebook["cells"]
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]


def save_pictures(notebook: Mapping[str, Any], folder: Path) -> str:
    """Write the figures of an executed notebook as `1.png`, `2.png`, …; return the folder, or "" without figures."""
    images = pictures(notebook)
    for number, image in enumerate(images, start=1):
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.png").write_bytes(image)
    return str(folder) if images else ""
