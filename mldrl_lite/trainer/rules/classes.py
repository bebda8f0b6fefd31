"""What is known of a class from its source."""

import ast
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

MODULE, DATAMODULE, CALLBACK = "LightningModule", "LightningDataModule", "Callback"
PACKAGES = ("pytorch_lightning", "lightning")
TORCH = "Module"
"""A plain `torch.nn.Module`, a part of a model."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Method(NamedTuple):
    """One method; the line numbers of its tree are those of the file."""

    name: str
    tree: Function
    file: str
    owner: str
    """The class that defines it."""


class Problem(NamedTuple):
    """What a rule found, and at which place of which file."""

    rule: str
    what: str
    file: str
    node: ast.AST
    why: str
    fix: str


@dataclass(frozen=True, eq=False)
class Class:
    """A class of the user, with the classes of the user that it inherits from."""

    name: str
    kind: str
    """Which class of Lightning (or of PyTorch) it is of."""
    file: str
    node: ast.AST | None
    """Its definition; None where it is not at hand."""
    definitions: tuple[Method, ...]
    """All methods, those of the nearest class first, so that a name may appear several times."""
    complete: bool
    """Whether nothing of it is hidden: each base is Lightning's or PyTorch's own, or is in `definitions`."""
    imports: dict[str, str] = field(default_factory=dict)
    """What the names of its file stand for: `{"pl": "pytorch_lightning"}`."""
    inherited: frozenset[str] = frozenset()
    """The names that its bases in libraries have, as far as they are known beyond the class of Lightning itself."""
    metrics: frozenset[str] = frozenset()
    """The attributes that hold a torchmetrics object."""

    @cached_property
    def methods(self) -> dict[str, Method]:
        """The methods that run: of each name the nearest."""
        return {method.name: method for method in reversed(self.definitions)}

    @cached_property
    def reached(self) -> list[Method]:
        """The methods that run, and the parents' that these reach by `super()`."""
        return [method for name in self.methods for method in self._chain(name)]

    def _chain(self, name: str) -> Iterator[Method]:
        for method in (method for method in self.definitions if method.name == name):
            yield method
            if not any(_is_super(node) for node in ast.walk(method.tree)):
                return

    @cached_property
    def mentions(self) -> Counter[str]:
        """How often each attribute name appears in the methods: what they may call, they call."""
        return mentioned(*(method.tree for method in self.definitions))

    @cached_property
    def assigned(self) -> dict[str, list[tuple[Method, ast.expr]]]:
        """The values that the methods give to each attribute of `self`."""
        found: dict[str, list[tuple[Method, ast.expr]]] = {}
        for method in self.reached:
            for name, value in _assigned(method.tree):
                found.setdefault(name, []).append((method, value))
        return found

    @property
    def manual(self) -> bool:
        """Whether it, or else the nearest of its parents that sets it, sets `automatic_optimization` to False."""
        values = self.assigned.get("automatic_optimization", [])
        setting = {method.owner for method, _ in values}
        nearest = next((method.owner for method in self.definitions if method.owner in setting), "")
        off = any(constant(value) is False for method, value in values if method.owner == nearest)
        return off or "automatic_optimization" in self.methods

    def problem(self, rule: str, what: str, method: Method, node: ast.AST, why: str, fix: str) -> Problem:
        """Return a problem at a node of one of the methods."""
        return Problem(rule, what, method.file, node, why, fix)


def _is_super(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "super"


def mentioned(*trees: ast.AST) -> Counter[str]:
    """Count the attribute names in some code."""
    return Counter(node.attr for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Attribute))


def called_by_others(*trees: ast.AST) -> Counter[str]:
    """Count the attribute names in some code, less those by which a method hands on to its parent's."""
    methods = (node for tree in trees for node in ast.walk(tree) if isinstance(node, Function))
    handed_on = Counter(
        node.attr
        for method in methods
        for node in ast.walk(method)
        if isinstance(node, ast.Attribute) and node.attr == method.name and _is_super(node.value)
    )
    return mentioned(*trees) - handed_on


def _assigned(tree: Function) -> Iterator[tuple[str, ast.expr]]:
    for node in ast.walk(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            for target in targets:
                name = own_attribute(target, tree)
                if name:
                    yield name, node.value


def first_argument(tree: Function) -> str:
    """Return the name of a method's first argument, mostly `self`; "" if it has none."""
    arguments = [*tree.args.posonlyargs, *tree.args.args]
    return arguments[0].arg if arguments else ""


def own_attribute(node: ast.AST | None, tree: Function) -> str | None:
    """Return `x` where the node is `self.x` in the method, else None."""
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == first_argument(tree):
        return node.attr
    return None


def calls(tree: ast.AST) -> Iterator[ast.Call]:
    """Yield all calls in some code."""
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def called(node: ast.AST) -> str:
    """Return the last part of what is called, `Linear` of `nn.Linear(2, 2)`; "" if that is no call."""
    function = node.func if isinstance(node, ast.Call) else None
    return getattr(function, "attr", getattr(function, "id", ""))


def keywords(call: ast.Call) -> dict[str, ast.expr]:
    """Return the keyword arguments of a call."""
    return {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}


def constant(node: ast.AST | None) -> object:
    """Return the value of a literal number, text or None; `...` for anything else."""
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) and isinstance(node.operand, ast.Constant):
        return -node.operand.value if isinstance(node.operand.value, int | float) else ...
    return node.value if isinstance(node, ast.Constant) else ...


def full_name(node: ast.AST, imports: dict[str, str]) -> str:
    """Return what a dotted name stands for: `torch.nn.Linear` for `nn.Linear`; "" if it is no dotted name."""
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return ""
    return ".".join([imports.get(node.id, node.id), *reversed(parts)])


def imports_of(tree: ast.AST) -> dict[str, str]:
    """Return what the names that some code imports stand for; `import *` gives those that no other import gives."""
    found: dict[str, str] = {}
    stars: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                first = name.name.partition(".")[0]
                found[name.asname or first] = name.name if name.asname else first
        elif isinstance(node, ast.ImportFrom):
            package = "." * node.level + (node.module or "")
            if node.names[0].name == "*":
                every = {name: f"{package}.{name}" for name in (MODULE, DATAMODULE, CALLBACK, "Trainer")}
                stars = stars | every if package.partition(".")[0] in PACKAGES else every | stars
            else:
                for name in node.names:
                    found.setdefault(name.asname or name.name, f"{package}.{name.name}")
    return stars | found


def returns(tree: Function) -> Iterator[ast.Return]:
    """Yield the returns of a function, not those of functions inside it."""
    pending: list[ast.AST] = list(tree.body)
    while pending:
        node = pending.pop(0)
        if isinstance(node, ast.Return):
            yield node
        elif not isinstance(node, Function | ast.Lambda | ast.ClassDef):
            pending += ast.iter_child_nodes(node)
