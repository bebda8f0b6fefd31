"""The glossary: short, in order, each word where it is taught, and linked from the notebooks."""

import re

from conftest import ROOT
from links import broken_links

PLACE = ROOT / "notebooks" / "GLOSSARY.md"
GLOSSARY = PLACE.read_text(encoding="utf-8")
TERMS = dict(re.findall(r"^## (.+)\n\n(.+)$", GLOSSARY, re.M))


def test_the_words_are_in_order_and_each_has_a_sentence_or_two_and_a_link():
    assert list(TERMS) == sorted(TERMS, key=str.lower)
    assert len(TERMS) == GLOSSARY.count("\n## ")
    for term, text in TERMS.items():
        words = re.sub(r"\[[^]]*\]\([^)]*\)$", "", text)
        assert text != words, f"{term}: no link to where it is taught"
        assert len(words.split()) <= 45, term


def test_its_links_lead_somewhere():
    assert not list(broken_links(PLACE, GLOSSARY))
