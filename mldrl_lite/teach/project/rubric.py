"""The rubric of a final project: seven points that tests show, and three that a partner asks about."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape

STATED = "test_the_readme_states_the_result"


@dataclass(frozen=True)
class Point:
    """One point: it is met when `tests` pass; where there are none, a partner asks `text` and decides."""

    text: str
    tests: tuple[str, ...] = ()


POINTS = (
    Point(
        "No sample and no group is in two parts, and each loader serves its own part",
        (
            "test_inputs_and_labels_are_what_a_network_takes",
            "test_no_sample_is_in_two_parts",
            "test_no_group_is_in_two_parts",
            "test_each_loader_serves_its_part_and_nothing_else",
        ),
    ),
    Point(
        "Each part has every class, the split can be drawn again, and what trains is prepared without the other parts",
        (
            "test_every_part_has_every_class",
            "test_the_split_is_the_same_each_time_and_another_seed_draws_another",
            "test_what_trains_is_prepared_without_the_other_parts",
            "test_augmentation_changes_inputs_and_neither_their_shape_nor_their_range",
            "test_only_what_trains_is_augmented",
        ),
    ),
    Point(
        "Its first loss is near ln C, it learns one batch by heart, and judges a sample alike alone and among others",
        (
            "test_a_model_that_knows_nothing_has_a_loss_near_ln_c",
            "test_it_learns_one_batch_by_heart",
            "test_a_sample_is_judged_alike_alone_and_among_others",
        ),
    ),
    Point(
        "One batch of everything runs from end to end, and writes nothing",
        ("test_it_runs_from_end_to_end_and_writes_nothing",),
    ),
    Point(
        "It reaches what its README states, and simple methods do not make it look silly",
        (
            "test_it_reaches_what_the_readme_states",
            STATED,
            "test_simple_methods_do_not_make_it_look_silly",
        ),
    ),
    Point(
        "What it predicts is what was scored, and a process without its code finds the same",
        (
            "test_the_predictions_are_those_that_were_scored",
            "test_another_process_finds_the_same_with_this_code_and_without",
        ),
    ),
    Point(
        "The same seed gives the same, and a run that was stopped goes on",
        ("test_the_same_seed_gives_the_same_and_a_run_goes_on_where_it_stopped",),
    ),
    Point("I had this folder and nothing else. Did I get your number without asking you?"),
    Point("What was computed over all rows, in samples.py too? How often had you looked at the test rows?"),
    Point("Show me three samples that it gets wrong. Who should not use it, and why?"),
)


@dataclass(frozen=True)
class Rubric:
    """The ten points, as a page shows them and as a terminal does; after a judgement, with what it has found."""

    failed: Mapping[str, str] | None = None
    """What each shipped test says that does not pass, by its name; None where no project was judged."""
    found: Mapping[str, str] = field(default_factory=dict)
    """What else the shipped tests have found: the result as `stated` and as `measured`."""
    own: Mapping[str, str] = field(default_factory=dict)
    """What each of the project's own tests says that does not pass, by its name."""
    differing: tuple[str, ...] = ()
    """The shipped tests and checks that the project has changed, or not at all."""

    @property
    def missing(self) -> list[Point]:
        """The points that tests should show, and do not."""
        return [point for point in POINTS if point.tests and not self._has(point)]

    @property
    def shown(self) -> int:
        """How many points tests show."""
        return sum(bool(point.tests) and self._has(point) for point in POINTS)

    @property
    def reasons(self) -> list[str]:
        """What stands in the way: a sentence for each test that does not pass, the project's own too."""
        said = [f"{name}: {said}" for point in self.missing for name, said in self._why(point)]
        return said + [f"its own {name}: {said}" for name, said in self.own.items()]

    @property
    def remarks(self) -> list[str]:
        """What a partner should know besides: the result measured beside stated, and which tests differ."""
        said = []
        if self.found:
            names = ("stated", "measured")
            said.append("The result: " + "; ".join(f"{name} {self.found.get(name, 'nothing')}" for name in names) + ".")
        if self.differing:
            more = len(self.differing) - 4
            differing = ", ".join(self.differing[:4]) + (f" and {more} more" if more > 0 else "")
            said.append(f"Judged by the shipped tests. The project's own differ, so read them: {differing}.")
        return said + [f"Its own {name} fails: {reason}" for name, reason in self.own.items()]

    def _has(self, point: Point) -> bool:
        return self.failed is not None and not set(point.tests) & set(self.failed)

    def _why(self, point: Point) -> Iterator[tuple[str, str]]:
        failed = self.failed or {}
        return ((name, failed[name]) for name in point.tests if name in failed)

    def _sign(self, point: Point) -> str:
        if not point.tests:
            return "a partner asks"
        if self.failed is None:
            return "tests show"
        return "shown" if self._has(point) else "not yet"

    def __repr__(self) -> str:
        lines = []
        for i, point in enumerate(POINTS, 1):
            lines.append(f"{i:2} {self._sign(point):14} {point.text}")
            lines += [f"{'':17} - {name}: {said}" for name, said in self._why(point)]
        return "\n".join(lines + self.remarks)

    def _repr_html_(self) -> str:
        left = ' style="text-align: left"'
        rows = "".join(
            f"<tr><td>{i}</td><td{left}>{self._sign(point)}</td><td{left}>{escape(point.text)}"
            + "".join(f"<br><code>{name}</code>: {escape(said)}" for name, said in self._why(point))
            + "</td></tr>"
            for i, point in enumerate(POINTS, 1)
        )
        return f"<table>{rows}</table>" + "".join(f"<p>{escape(remark)}</p>" for remark in self.remarks)


def rubric() -> Rubric:
    """Return the ten points of a final project; as the last value of a cell, they are displayed."""
    return Rubric()
