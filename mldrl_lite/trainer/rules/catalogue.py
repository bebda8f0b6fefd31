"""All rules: their codes, their names and where each one looks."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from mldrl_lite.messages import InputError, did_you_mean, listing


class Rule(NamedTuple):
    """One kind of mistake that raises no error, or raises it late."""

    code: str
    name: str
    seen_by: str
    """Which of check, diagnose and verify can see it."""
    default: bool = True
    """Whether `check` looks for it unless told; a rule that is right in fewer than 95 of 100 findings is off."""


RULES = (
    Rule("MLT001", "file that cannot be read", "check"),
    Rule("MLT101", "dead hook", "check diagnose"),
    Rule("MLT102", "returned value that nobody reads", "check diagnose"),
    Rule("MLT201", "monitor that nothing logs", "check diagnose"),
    Rule("MLT202", "monitor in the wrong direction", "check diagnose"),
    Rule("MLT203", "log_every_n_steps above the batches", "diagnose"),
    Rule("MLT204", "metric that is never reset", "check diagnose"),
    Rule("MLT205", "running value logged per step", "check diagnose"),
    Rule("MLT301", "raw optimizer in manual optimization", "check diagnose"),
    Rule("MLT302", "parameters without an optimizer", "diagnose verify"),
    Rule("MLT303", "scheduler stepped at the wrong interval", "check diagnose"),
    Rule("MLT304", "gradients that are never set to zero", "check diagnose"),
    Rule("MLT305", "scheduler that nobody steps", "check diagnose"),
    Rule("MLT306", "plateau without a monitor", "check diagnose"),
    Rule("MLT401", "split that depends on the stages", "diagnose"),
    Rule("MLT501", "callback that already ran", "diagnose"),
    Rule("MLT502", "checkpoint that this run never reaches", "check diagnose"),
    Rule("MLT503", "validation that this run never reaches", "check diagnose"),
    Rule("MLT601", "empty hparams", "check diagnose", default=False),
    Rule("MLT602", "hparam that will not load back", "diagnose"),
    Rule("MLT701", "layers in a plain list", "check diagnose"),
    Rule("MLT702", "module that is never used", "check verify"),
    Rule("MLT703", "softmax before a loss of logits", "check diagnose verify"),
    Rule("MLT704", "detached loss", "check diagnose verify"),
    Rule("MLT705", "gradient that does not arrive", "verify"),
    Rule("MLT706", "samples that influence each other", "verify"),
    Rule("MLT707", "first loss far from chance", "verify"),
    Rule("MLT708", "batch that cannot be overfitted", "verify"),
    Rule("MLT801", "two packages mixed", "check diagnose"),
    Rule("MLT901", "machines that nobody starts", "diagnose"),
    Rule("MLT902", "processes that the Trainer does not count", "diagnose"),
    Rule("MLT903", "host name of this machine alone", "diagnose"),
    Rule("MLT904", "order that Lightning deals out again", "diagnose"),
    Rule("MLT905", "value of one process", "check diagnose"),
)

CODES = {rule.name: rule.code for rule in RULES}


def chosen(names: Iterable[str], what: str) -> set[str]:
    """Return the names of the rules that codes, starts of codes (`MLT1`) or names stand for.

    Raises:
        InputError: one of them stands for no rule; `what` says where it was given.
    """
    if isinstance(names, str):
        names = names.split(",")
    return {name for given in names for name in _standing_for(str(given).strip(), what)}


def _standing_for(given: str, what: str) -> Sequence[str]:
    found = [rule.name for rule in RULES if given and (rule.name == given or rule.code.startswith(given.upper()))]
    if not found:
        known = [*CODES.values(), *CODES]
        raise InputError(
            f"{what} names no rule with {given!r}{did_you_mean(given, known)}: give a code such as "
            f"{listing(list(CODES.values())[1:4])}, or the name of a rule."
        )
    return found
