"""A notebook with its solutions put where the learner writes: what the folded texts below the checks hold."""

import re

import nbformat
from nbformat import NotebookNode


def tags(cell: NotebookNode) -> list[str]:
    return cell.metadata.get("tags", [])


def code_of(solution: NotebookNode) -> str:
    """The code that a cell tagged `solution` shows; an error when it shows none, or more than one piece."""
    [code] = re.findall(r"^```python\n(.*?)\n```$", solution.source, re.M | re.S)
    return code


def solved(node: NotebookNode) -> NotebookNode:
    """Put each solution in its exercise's place, and a copy of the check before it, where nothing is answered yet."""
    cells: list[NotebookNode] = []
    for position, cell in enumerate(node.cells):
        if "exercise" in tags(cell):
            check, solution = node.cells[position + 1 : position + 3]
            cells += [cell, nbformat.from_dict({**check, "id": f"early-{position}"})]
            cell = nbformat.from_dict({**cell, "id": f"answer-{position}", "source": code_of(solution)})
        cells.append(cell)
    return nbformat.from_dict({**node, "cells": cells})
