"""What `weights_only=True` would refuse in a file, whether it is harmless, and how to save the file anew."""

import textwrap
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

from mldrl_lite.trainer.ckpt.names import UNDERSTOOD, Verdict, instead, is_filled_later, is_left_out, verdict
from mldrl_lite.trainer.ckpt.pickles import How, Mark, Pickle
from mldrl_lite.trainer.ckpt.tensors import Place
from mldrl_lite.trainer.ckpt.values import Shower, text

_MOST_PLACES = 5


@dataclass
class Refusal:
    """A class or function that `weights_only=True` does not accept."""

    name: str
    how: How
    verdict: Verdict
    places: list[str] = field(default_factory=list)
    """Where it stands, the first few."""
    ways: list[list[object]] = field(default_factory=list)
    """The same, as keys."""
    call: str = ""
    """The call that unpickling would make, of code."""

    def as_dict(self) -> dict[str, object]:
        """Return it for JSON."""
        return {key: value for key, value in asdict(self).items() if key != "ways"} | {"name": text(self.name)}


def refusals(pickle: Pickle, marks: Iterable[tuple[Mark, Place]], shower: Shower) -> list[Refusal]:
    """Return what would be refused, the worst first."""
    found = {}
    for name, how in pickle.names.items():
        if (judged := verdict(name, how)) != "accepted":
            found[name] = Refusal(name, how, judged)
    for mark, place in marks:
        if (refusal := found.get(mark.name)) and len(refusal.ways) < _MOST_PLACES:
            if refusal.verdict == "code" and mark.how == "called" and not refusal.call:
                arguments = ", ".join(repr(shower.show(part)) for part in mark.args)
                refusal.call = text(f"{mark.name}({arguments})", 200)
            if place.keys not in refusal.ways:
                refusal.ways.append(place.keys)
                refusal.places.append(text(str(place)))
    order = ("code", "unknown", "harmless")
    return sorted(found.values(), key=lambda refusal: order.index(refusal.verdict))


def unusual_steps(pickle: Pickle) -> list[str]:
    """Return the steps of the pickle that `weights_only=True` does not know, such as those of protocol 4."""
    return sorted(pickle.steps - UNDERSTOOD)


def recipe(found: list[Refusal], source: str, whole: bool = False) -> list[str]:
    """Return lines of Python that load a file of harmless things and save it anew with plain values in their place.

    Of a whole model (`whole`), only its state_dict is saved anew. The list is empty where there is something else in
    the file, or something that torch cannot load in that way.
    """
    if not found or any(refusal.verdict != "harmless" or is_filled_later(refusal.name) for refusal in found):
        return []
    modules = sorted({name for refusal in found if (name := refusal.name.rpartition(".")[0]) != "builtins"})
    names = sorted(refusal.name.removeprefix("builtins.") for refusal in found)
    if "numpy.dtype" in names:
        names.append("*map(type, map(numpy.dtype, '?bhilqBHILQefd'))")
    changes = list(dict.fromkeys(line for refusal in found for line in _changes(refusal)))
    what, saved = ("model", "model.state_dict()") if whole else ("checkpoint", "checkpoint")
    return [
        f"import {', '.join(['torch', *modules])}",
        *textwrap.wrap(f"safe = [{', '.join(names)}]", 100, subsequent_indent="    ", break_long_words=False),
        "with torch.serialization.safe_globals(safe):",
        f"    {what} = torch.load({source!r}, weights_only=True)",
        *changes,
        f"torch.save({saved}, {_anew(source)!r})",
    ]


def _changes(refusal: Refusal) -> list[str]:
    """Return a line for each of its places that puts a plain value there, or takes out what has none."""
    code = instead(refusal.name)
    lines = []
    for way in refusal.ways:
        place = "checkpoint" + "".join(f"[{key!r}]" for key in way)
        if code and way:
            lines.append(f"{place} = {code.replace('(x', f'({place}').replace('x.', f'{place}.')}")
        elif way and is_left_out(refusal.name) and "_modules" not in way:  # with a layer go the layers in it
            lines.append(f"del {place}  # give it anew when you load")
    return lines


def _anew(source: str) -> str:
    stem, dot, ending = source.rpartition(".")
    return f"{stem}-plain{dot}{ending}" if dot else f"{source}-plain"
