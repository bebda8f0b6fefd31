"""Classes of models, data and callbacks."""

from typing import TYPE_CHECKING

import libcst as cst

if TYPE_CHECKING:
    from mldrl_lite.trainer.migrate.rewriter import Book


def rewrite_class(book: "Book", old: cst.ClassDef, new: cst.ClassDef) -> cst.ClassDef:
    """Rewrite the hooks of a class."""
    return new
