"""Which installed packages a notebook uses, and in which versions; the kernel's Python may be another than ours."""

import re
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from importlib.metadata import Distribution

Site = tuple[str, ...]
"""The folders in which a Python has its packages; none for our own."""
_IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+(\w+)|import[ \t]+([\w., \t]+))", re.M)
_MACHINERY = ("comm", "debugpy", "ipykernel", "ipython", "matplotlib-inline", "pyzmq", "tornado", "traitlets")
"""What a kernel is made of; no notebook computes with it."""


def import_names(sources: Iterable[str]) -> set[str]:
    """Return the packages that these texts of Python import, by the name that stands there."""
    names = set()
    for source in sources:
        for one, several in _IMPORT.findall(source):
            parts = [one] if one else several.split(",")
            names |= {part.strip().split(".")[0].split(" ")[0] for part in parts if part.strip()}
    return names


def versions(
    imported: Collection[str], written: Collection[str], loaded: Collection[str], site: Site
) -> dict[str, str]:
    """Return the versions of the packages that a notebook uses.

    Args:
        imported: the names that it has imported.
        written: names in its text; where a warm kernel has them loaded before, no import is seen.
        loaded: what was loaded in the kernel before its first cell.
        site: where the kernel has its packages.
    """
    used = {name for module in imported if (name := distribution_of(module, site))}
    if warm := {name for module in set(written) & set(loaded) if (name := distribution_of(module, site))}:
        before = frozenset(name for module in loaded if (name := distribution_of(module, site)))
        used |= _with_requirements(frozenset(warm), before, site)
    found = {name: version_of(name, site) for name in sorted(used, key=str.lower) if name not in _MACHINERY}
    return {name: number for name, number in found.items() if number}


@cache
def _with_requirements(names: frozenset[str], among: frozenset[str], site: Site) -> frozenset[str]:
    found, waiting = set(names), list(names)
    while waiting:
        needed = {name for name in _requirements(waiting.pop(), site) if name in among} - found
        found |= needed
        waiting += needed
    return frozenset(found)


@cache
def _requirements(name: str, site: Site) -> tuple[str, ...]:
    package = _find(name, site)
    return tuple(_plain(re.split(r"[^\w.-]", line, maxsplit=1)[0]) for line in (package and package.requires) or ())


@cache
def version_of(name: str, site: Site) -> str:
    """Return the installed version of a package; "" when it is not there."""
    package = _find(name, site)
    return (package and package.version) or ""


def public(version: str) -> str:
    """Return a version without the name of its build: 2.13.0 for 2.13.0+cpu."""
    return version.partition("+")[0]


@cache
def distribution_of(module: str, site: Site) -> str:
    """Return the name of the package that a module is installed by; "" when none has it."""
    return _plain(module) if _find(module, site) else _by_module(site).get(module, "")


@cache
def _by_module(site: Site) -> dict[str, str]:
    found = {}
    for package in _all(site):
        tops = {line.partition("/")[0].partition(",")[0] for line in (package.read_text("RECORD") or "").splitlines()}
        for top in tops:  # a folder, or a file such as six.py
            found.setdefault(top.partition(".")[0], _plain(package.name))
    return found


def _find(name: str, site: Site) -> Distribution | None:
    return next(_all(site, name=name), None)


def _all(site: Site, **options: str) -> Iterator[Distribution]:
    return iter(Distribution.discover(**options, **({"path": list(site)} if site else {})))


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


KNOWN = (_with_requirements, _requirements, version_of, distribution_of, _by_module)
"""What is looked up once, until somebody clears it: packages change seldom, and records ask for them often."""
