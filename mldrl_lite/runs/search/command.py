"""The subcommand `search`."""

import argparse
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mldrl_lite.messages import InputError, did_you_mean, listing
from mldrl_lite.runs.options import add_jobs, add_kernel, add_limits, add_parameters, limits
from mldrl_lite.runs.progress import STANDARD_ERROR

if TYPE_CHECKING:
    from mldrl_lite.runs.notebook.parameters import Declared
    from mldrl_lite.runs.search.trials import Run, Search, Spec

_SPACE = "1e-4..1e-1:log and 16..256 are ranges, commas separate values; a value for --over is one of the repeats"
_REPEATS = 3
"""So many repeats a parameter of `--over` without values gets: its default, and the whole numbers after it."""


def add_search(command: argparse.ArgumentParser) -> None:
    """Add what `search` takes to its parser."""
    command.add_argument("notebook", type=Path)
    add_parameters(command, "VALUES", _SPACE)
    command.add_argument(
        "--over",
        default="",
        metavar="NAMES",
        help=f"judge by the mean over these, such as seed,cv; without -p, {_REPEATS} whole numbers from the default on",
    )
    goal = command.add_mutually_exclusive_group(required=True)
    goal.add_argument("--maximize", metavar="RESULT", help="a result of the notebook to make large")
    goal.add_argument("--minimize", metavar="RESULT", help="a result of the notebook to make small")
    command.add_argument("--trials", type=int, default=20, help="how many choices of parameters in all (20)")
    command.add_argument("--sampler", default="tpe", help="tpe: near to what was good; random (tpe)")
    command.add_argument("--no-prune", dest="prune", action="store_false", help="run bad trials to their end, too")
    command.add_argument("--seed", type=int, default=0, help="of the sampler (0)")
    command.add_argument("--reveal", action="store_true", help="show the test results of the best trial, and record it")
    add_jobs(command)
    command.add_argument("-o", "--out", type=Path, help="folder for everything that is written (runs/search_NAME)")
    add_kernel(command)
    add_limits(command)


def run_search(options: argparse.Namespace, texts: Mapping[str, str]) -> int:
    """Run `search`; return its exit status: 0 done, 1 a trial failed, 130 interrupted."""
    from mldrl_lite.messages import require
    from mldrl_lite.runs.search.folder import alone, reveal
    from mldrl_lite.runs.search.report import told, told_of_test, write_report
    from mldrl_lite.runs.search.trials import Search

    require("trials", options.trials, int, at_least=1)
    require("jobs", options.jobs, int, at_least=1)
    out = options.out or Path("runs", f"search_{options.notebook.stem}")
    spec = _read_spec(options, texts)
    run = _runner(options, out)
    with alone(out):
        search = Search(spec, out)
        try:
            _go_on(search, options, run)
        except KeyboardInterrupt:
            print("interrupted: the same command does the rest", file=STANDARD_ERROR)
            raise
        finally:
            if search.trials():
                write_report(search)
                print(told(search))
        if options.reveal and (best := search.best()):
            reveal(out, len(search.trials()))
            print(told_of_test(run([best.parameters | repeat for repeat in spec.repeats]), out))
        elif not options.reveal:
            print("Test results stay hidden until --reveal, which is recorded.")
    return int(any(trial.status == "failed" for trial in search.trials()))


def _go_on(search: "Search", options: argparse.Namespace, run: "Run") -> None:
    from tqdm.auto import tqdm

    from mldrl_lite.runs.progress import bar_options

    done = len(search.trials())
    shape = {"total": max(options.trials, done), "initial": done, "unit": "trial"}
    with tqdm(desc=search.spec.notebook, **shape, **bar_options()) as bar:

        def ended(_: object) -> None:
            best = search.best()
            bar.set_postfix_str(f"best {search.spec.goal.metric} {best.mean:.4g}" if best else "", refresh=False)
            bar.update()

        search.go_on(options.trials, run, options.jobs, ended, fail_fast=options.fail_fast)


def _runner(options: argparse.Namespace, out: Path) -> "Run":
    from mldrl_lite.runs.notebook.places import working_folder
    from mldrl_lite.runs.sweeps.plan import installed_kernel
    from mldrl_lite.runs.sweeps.sweep import sweep

    working_folder(options.notebook, options.cwd)  # refused now, and not in the first trial
    installed_kernel(options.notebook, options.kernel)
    chosen = {"jobs": options.jobs, "kernel": options.kernel, "cwd": options.cwd, **limits(options)}

    def run(points: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        grids = [{name: [value] for name, value in point.items()} for point in points]  # a list is one value here
        return sweep(options.notebook, grids, out, progress=False, **chosen).to_dict("records")

    return run


# ---------------------------------------------------------------------------------------------------------------------
# What the command line says


def _read_spec(options: argparse.Namespace, texts: Mapping[str, str]) -> "Spec":
    from mldrl_lite.runs.notebook.file import declared, glance
    from mldrl_lite.runs.search.space import read_space
    from mldrl_lite.runs.search.trials import Goal, Spec

    goal = Goal(options.maximize or options.minimize, maximize=options.maximize is not None)
    names = declared(glance(options.notebook))
    over = [name.strip() for name in options.over.split(",") if name.strip()]
    for name in (*texts, *over):
        if name not in names or name == "out_dir":
            known = [known for known in names if known != "out_dir"]
            raise InputError(f"The notebook takes no {name!r}{did_you_mean(name, known)}: give {listing(known)}.")
    repeats = {name: _repeats(names[name], texts.get(name)) for name in over}
    return Spec(
        notebook=options.notebook.stem,
        goal=goal,
        space=read_space({name: text for name, text in texts.items() if name not in over}, names),
        repeats=tuple(dict(zip(repeats, values, strict=True)) for values in itertools.product(*repeats.values())),
        sampler=options.sampler,
        prune=options.prune,
        seed=options.seed,
    )


def _repeats(parameter: "Declared", text: str | None) -> list[Any]:
    if text is not None:
        return parameter.read_several(text)
    if isinstance(parameter.default, bool) or not isinstance(parameter.default, int):
        raise InputError(f"--over {parameter.name} needs its values: give -p {parameter.name} and some, with commas.")
    return list(range(parameter.default, parameter.default + _REPEATS))
