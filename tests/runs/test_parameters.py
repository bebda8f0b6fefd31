"""Parameters are checked, in one sentence each."""

import pytest

from mldrl_lite.messages import InputError, did_you_mean, listing, require
from mldrl_lite.runs.parameters import parse_scalar

GOOD = [
    (1, float, {"above": 0}),
    (0.5, float, {"above": 0, "at_most": 1}),
    (None, int, {"or_none": True}),
    ("a", str, {"one_of": ("a", "b")}),
    (False, bool, {}),
]


@pytest.mark.parametrize(("value", "kind", "limits"), GOOD)
def test_what_is_allowed_passes(value, kind, limits):
    require("x", value, kind, **limits)


BAD = [
    (0, float, {"above": 0}, "Parameter x = 0 cannot be used: give a number above 0."),
    ("1e-3", float, {"above": 0}, "Parameter x = '1e-3' cannot be used: give a number above 0."),
    (float("nan"), float, {"above": 0}, "Parameter x = nan cannot be used: give a number above 0."),
    (True, int, {}, "Parameter x = True cannot be used: give a whole number."),
    (1.5, int, {"at_least": 0}, "Parameter x = 1.5 cannot be used: give a whole number at least 0."),
    (11, int, {"at_least": 0, "at_most": 9, "or_none": True}, "give a whole number at least 0 and at most 9, or None."),
    (None, int, {}, "Parameter x = None cannot be used: give a whole number."),
    ("adm", str, {"one_of": ("adam", "sgd")}, "give 'adam' or 'sgd' (did you mean 'adam'?)."),
    (1, bool, {}, "give True or False."),
]


@pytest.mark.parametrize(("value", "kind", "limits", "message"), BAD)
def test_what_is_not_allowed_gets_a_sentence(value, kind, limits, message):
    with pytest.raises(InputError) as caught:
        require("x", value, kind, **limits)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1", 1),
        ("1e-3", 1e-3),
        ("True", True),
        ("None", None),
        ("ROSMAP", "ROSMAP"),
        ("../data", "../data"),
        ("[1]", "[1]"),
        ("-3", -3),
    ],
)
def test_scalars_from_a_command_line(text, value):
    assert parse_scalar(text) == value
    assert type(parse_scalar(text)) is type(value)


def test_words():
    assert listing(["a"]) == "a"
    assert listing(["a", "b", "c"]) == "a, b or c"
    assert did_you_mean("rosmpa", ["WDBC", "ROSMAP"]) == " (did you mean 'ROSMAP'?)"
    assert did_you_mean("xyz", ["WDBC", "ROSMAP"]) == ""
