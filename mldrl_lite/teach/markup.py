"""The little Markdown of questions and nudges: `code` and [links](#there), for a page and for a terminal."""

import re
from html import escape

_LINK = re.compile(r"\[([^]]+)\]\(([^)\s]+)\)")


def as_html(text: str) -> str:
    """Return a text with its code and its links as HTML, and everything else as it reads."""
    coded = re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))
    return _LINK.sub(lambda link: f'<a href="{escape(link[2])}">{link[1]}</a>', coded)


def as_text(text: str) -> str:
    """Return a text whose links are their words: in a terminal nobody can follow them."""
    return _LINK.sub(r"\1", text)
