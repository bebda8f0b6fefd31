"""The glossary: short, in order, each word where it is taught, and linked from the notebooks."""

import re

import nbformat
from conftest import NOTEBOOKS, ROOT
from links import anchors, broken_links

PLACE = ROOT / "notebooks" / "GLOSSARY.md"
GLOSSARY = PLACE.read_text(encoding="utf-8")
TERMS = dict(re.findall(r"^## (.+)\n\n(.+)$", GLOSSARY, re.M))


def linked() -> set[str]:
    """The anchors of the glossary that the notebooks link to."""
    texts = (cell.source for path in NOTEBOOKS for cell in nbformat.read(path, as_version=4).cells)
    return {anchor for text in texts for anchor in re.findall(r"\]\(GLOSSARY\.md#([^)]+)\)", text)}


def test_the_words_are_in_order_and_each_has_a_sentence_or_two_and_a_link():
    assert list(TERMS) == sorted(TERMS, key=str.lower)
    assert len(TERMS) == GLOSSARY.count("\n## ")
    for term, text in TERMS.items():
        words = re.sub(r"\[[^]]*\]\([^)]*\)$", "", text)
        assert text != words, f"{term}: no link to where it is taught"
        assert len(words.split()) <= 45, term


def test_its_links_lead_somewhere():
    assert not list(broken_links(PLACE, GLOSSARY))


def test_every_word_is_linked_from_a_notebook():
    assert anchors(PLACE) - {"glossary"} == linked()
