"""What Lightning's own docstrings say, in one line."""

import re


def first_sentence(text: str) -> str:
    """Return the first sentence of a docstring, without the marks of reStructuredText; "" where there is none."""
    paragraph = " ".join(text.strip().split("\n\n")[0].split())
    paragraph = re.sub(r":[\w:]+:`~?(?:[^`<]*\.)?([\w ]+?)(?:\(\))?(?: <[^`]*>)?`", r"\1", paragraph)  # :class:`~a.b.C`
    sentence = re.split(r"(?<=[^.]\.) (?=[A-Z])", paragraph.replace("`", ""))[0]
    return "" if sentence.startswith("Default:") else sentence


def argument_summaries(docstring: str) -> dict[str, str]:
    """Return the first sentence about each argument of a Google-style docstring."""
    section = re.search(r"^Args:\n(.*?)(?=^\S|\Z)", docstring, re.MULTILINE | re.DOTALL)
    entries = re.findall(r"^    (\w+): (.*?)(?=^    \w|\Z)", section[1] if section else "", re.MULTILINE | re.DOTALL)
    return {name: first_sentence(text) for name, text in entries}
