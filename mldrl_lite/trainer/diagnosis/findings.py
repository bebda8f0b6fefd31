"""What a rule says when it has found something."""

import html
from dataclasses import astuple, dataclass

from mldrl_lite.trainer.diagnosis.source import short_name
from mldrl_lite.trainer.rules.classes import Problem


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong and raises no error."""

    rule: str
    """Which rule found it; see `RULES`."""
    what: str
    where: str
    """`file:line` of the code in question, or the place in the Trainer that the object was given to."""
    why: str
    """Why it matters: what will happen, or not happen, in the run."""
    fix: str


def finding_of(problem: Problem) -> Finding:
    """Return what a rule found in the source as a finding."""
    where = f"{short_name(problem.file)}:{problem.node.lineno}"
    return Finding(problem.rule, problem.what, where, problem.why, problem.fix)


class Findings(list[Finding]):
    """What `diagnose` found; shows as text at the prompt and as a table in a notebook."""

    def __repr__(self) -> str:
        lines = [f"{f.what}\n    where  {f.where}\n    why    {f.why}\n    fix    {f.fix}" for f in self]
        return "\n".join(lines) or _NOTHING

    def _repr_html_(self) -> str:
        rows = [
            [f'<td style="text-align: left">{html.escape(text)}</td>' for text in astuple(finding)[1:]]
            for finding in self
        ]
        head = "".join(f"<th>{title}</th>" for title in ("what", "where", "why it matters", "fix"))
        body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
        return f"<table><tr>{head}</tr>{body}</table>" if rows else f"<p>{_NOTHING}</p>"


_NOTHING = "Nothing found."
