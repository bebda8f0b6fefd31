"""What a file says before it is rewritten: its imports, what its variables can hold, its Trainers, its classes."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cached_property

import libcst as cst
import libcst.matchers as m

from mldrl_lite.trainer.migrate.expressions import dotted

ROOT = "pytorch_lightning"
_TOP = ("Trainer", "LightningModule", "LightningDataModule", "Callback", "seed_everything")
_USUAL = {"pl": ROOT, "L": "lightning", ROOT: ROOT} | {name: f"{ROOT}.{name}" for name in _TOP}
_USUAL |= {
    name: f"{ROOT}.callbacks.{name}"
    for name in ("ModelCheckpoint", "EarlyStopping", "LearningRateMonitor", "ProgressBar", "TQDMProgressBar")
}


def canonical(name: str) -> str:
    """Return the name that a thing of Lightning has in the package `pytorch_lightning`."""
    if name == "lightning.pytorch" or name.startswith("lightning.pytorch."):
        return ROOT + name.removeprefix("lightning.pytorch")
    package, _, rest = name.partition(".")
    return f"{ROOT}.{rest}" if package == "lightning" and rest.split(".")[0] in _TOP else name


@dataclass
class Reading:
    """The facts of one file. A variable can hold what any part of the file gives it."""

    aliases: dict[str, str] = field(default_factory=dict)
    """What imported names stand for, with their full names."""
    bindings: dict[str, list[cst.BaseExpression]] = field(default_factory=lambda: defaultdict(list))
    """What a variable is given; its own name stands for a value that the file does not show."""
    loads: Counter[str] = field(default_factory=Counter)
    """How often each name occurs."""
    trainers: dict[str, list[cst.Call]] = field(default_factory=lambda: defaultdict(list))
    """The calls of the Trainer by the variable or attribute that they are assigned to."""
    trainer_calls: list[cst.Call] = field(default_factory=list)
    methods: dict[tuple[str, str], list[cst.Call]] = field(default_factory=lambda: defaultdict(list))
    """The calls of methods, by the object's name and the method's."""
    unpacked: Counter[str] = field(default_factory=Counter)
    """How often a variable is unpacked into a Trainer."""
    options: set[str] = field(default_factory=set)
    """The options that the file gives to a parser of the command line."""
    classes: dict[str, cst.ClassDef] = field(default_factory=dict)
    owned: dict[cst.ClassDef, set[str]] = field(default_factory=lambda: defaultdict(set))
    """The names that a class gives itself: its methods, its attributes, and those that they set on `self`."""
    alone: bool = False
    """Whether names that nothing imports are taken for Lightning's, as in a snippet."""
    _kinds: dict[cst.ClassDef, str] = field(default_factory=dict)

    @cached_property
    def package(self) -> str:
        """The package that the file imports: `pytorch_lightning`, or `lightning.pytorch`."""
        roots = [name.split(".")[0] for name in self.aliases.values()]
        return "lightning.pytorch" if "lightning" in roots and ROOT not in roots else ROOT

    def full_name(self, node: cst.CSTNode) -> str:
        """Return the full name of what `a.b.c` stands for, as `pytorch_lightning` calls it; "" if that is unknown."""
        text = dotted(node)
        first, _, rest = text.partition(".")
        known = self.aliases.get(first)
        if known is None and self.alone:
            known = _USUAL.get(first) or (f"{ROOT}.x" if rest.endswith("Trainer") else None)
        if not text or known is None:
            return ""
        return canonical(f"{known}.{rest}" if rest else known)

    def is_trainer_class(self, node: cst.CSTNode) -> bool:
        """Tell whether an expression is Lightning's Trainer."""
        full = self.full_name(node)
        return full.startswith(f"{ROOT}.") and full.endswith(".Trainer")

    def is_trainer(self, node: cst.BaseExpression) -> bool:
        """Tell whether an expression is a Trainer, going by its name, what it is assigned, and what it calls."""
        if isinstance(node, cst.Call):
            return self.is_trainer_class(node.func)
        text = dotted(node)
        if text in self.trainers:
            return True
        if text == "trainer":
            return self._trainer_is_one
        first, _, last = text.rpartition(".")
        return last == "trainer" and first in _HAVE_TRAINERS

    @cached_property
    def _trainer_is_one(self) -> bool:
        """Whether a variable `trainer` is never given anything that the file shows to be something else."""
        given = [dotted(value) for value in self.bindings.get("trainer", [])]
        return "trainer" not in self.aliases and all(name in ("trainer", "None") for name in given)

    def kind_of(self, node: cst.ClassDef) -> str:
        """Return what a class derives from: one of the kinds in `hooks.HOOKS`, or "" for anything else."""
        if node not in self._kinds:
            self._kinds[node] = ""  # of a class that derives from itself, nothing more is to be learnt
            self._kinds[node] = self._kind_by_bases(node)
        return self._kinds[node]

    def _kind_by_bases(self, node: cst.ClassDef) -> str:
        for base in node.bases:
            last = self.full_name(base.value).rpartition(".")[2] if self.is_lightning(base.value) else ""
            if last in _KINDS:
                return _KINDS[last]
            full = self.full_name(base.value)
            for package, kind in _PACKAGES.items():
                if full.startswith(f"{ROOT}.{package}."):
                    return kind
            parent = self.classes.get(dotted(base.value))
            if parent is not None and parent is not node and (kind := self.kind_of(parent)):
                return kind
        return "module" if "training_step" in self.owned[node] and node.bases else ""

    def line_of(self, node: cst.ClassDef) -> list[cst.ClassDef]:
        """Return a class, and those of the file that it inherits from."""
        line = [node]
        for cls in line:  # grows on the way
            parents = (self.classes.get(dotted(base.value)) for base in cls.bases)
            line += [parent for parent in parents if parent is not None and parent not in line]
        return line

    def owns(self, node: cst.ClassDef, name: str) -> bool:
        """Tell whether a class, or one of the file that it inherits from, has a method or attribute of its own."""
        return any(name in self.owned[cls] for cls in self.line_of(node))

    def is_whole(self, node: cst.ClassDef) -> bool:
        """Tell whether all that a class inherits from is of Lightning, or in the file."""
        bases = [base.value for cls in self.line_of(node) for base in cls.bases]
        return all(self.is_lightning(base) or dotted(base) in (*self.classes, "object") for base in bases)

    def may_be_lightnings(self, node: cst.Attribute) -> bool:
        """Tell whether an attribute may be Lightning's: no class of the file has one, and no module of others."""
        owner, name = dotted(node.value), node.attr.value
        if owner in self.classes:
            return not self.owns(self.classes[owner], name)
        if owner.partition(".")[0] in self.aliases:
            is_class = owner.rpartition(".")[2][:1].isupper()  # which may derive from one of Lightning's
            return is_class or self.full_name(node.value).startswith(ROOT)
        return not any(name in names for names in self.owned.values())

    def is_lightning(self, node: cst.BaseExpression) -> bool:
        """Tell whether an expression is something of Lightning."""
        return self.full_name(node).startswith(f"{ROOT}.")

    def meanings(self, name: str) -> list[cst.BaseExpression]:
        """Return what a variable can hold; its own name among them stands for what the file does not show."""
        return [] if name in self.aliases else self.bindings.get(name, [])


_KINDS = {"LightningModule": "module", "LightningDataModule": "datamodule", "Callback": "callback"}
_PACKAGES = {"callbacks": "callback", "accelerators": "accelerator"} | dict.fromkeys(
    ("plugins", "strategies", "loggers", "profilers", "profiler"), "plugin"
)
_HAVE_TRAINERS = ("self", "pl_module", "model", "module")


def read(module: cst.Module, imports: dict[str, str], *, alone: bool = False) -> Reading:
    """Read the facts of a file, in one walk through it.

    Args:
        module: the file.
        imports: what the names that it imports stand for.
        alone: whether names that nothing imports are taken for Lightning's, as in a snippet.
    """
    reading = Reading(imports, alone=alone)
    module.visit(_Names(reading))
    return reading


class _Names(cst.CSTVisitor):
    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.scopes: list[cst.ClassDef | cst.FunctionDef] = []

    def visit_FunctionDef(self, node: cst.FunctionDef) -> None:
        self._own(node.name)
        self.scopes.append(node)

    def leave_FunctionDef(self, original_node: cst.FunctionDef) -> None:
        self.scopes.pop()

    def visit_ClassDef(self, node: cst.ClassDef) -> None:
        self.reading.classes[node.name.value] = node
        self.scopes.append(node)

    def leave_ClassDef(self, original_node: cst.ClassDef) -> None:
        self.scopes.pop()

    def _own(self, target: cst.CSTNode) -> None:
        """Note a name that a class is given in its body, or on `self` in a method."""
        owner = next((scope for scope in reversed(self.scopes) if isinstance(scope, cst.ClassDef)), None)
        if owner is None:
            return
        if isinstance(target, cst.Name) and self.scopes[-1] is owner:
            self.reading.owned[owner].add(target.value)
        elif isinstance(target, cst.Attribute) and m.matches(target.value, m.Name("self")):
            self.reading.owned[owner].add(target.attr.value)
        elif isinstance(target, cst.Tuple | cst.List):
            for element in target.elements:
                self._own(element.value)

    def visit_Assign(self, node: cst.Assign) -> None:
        for target in node.targets:
            self._bind(target.target, node.value)

    def visit_AnnAssign(self, node: cst.AnnAssign) -> None:
        self._own(node.target)
        if node.value is not None:
            self._bind(node.target, node.value)

    def visit_Param(self, node: cst.Param) -> None:
        self.reading.bindings[node.name.value] += [node.name, *([node.default] if node.default else [])]

    def _bind(self, target: cst.BaseExpression, value: cst.BaseExpression) -> None:
        self._own(target)
        if isinstance(target, cst.Name):
            self.reading.bindings[target.value].append(value)
        else:
            self._unknown(target)
        if isinstance(value, cst.Call) and self.reading.is_trainer_class(_made(value)):
            self.reading.trainers[dotted(target)].append(value)

    def _unknown(self, target: cst.CSTNode) -> None:
        for name in m.findall(target, m.Name()) if isinstance(target, cst.Tuple | cst.List | cst.Name) else ():
            self.reading.bindings[name.value].append(name)

    def visit_For(self, node: cst.For) -> None:
        self._unknown(node.target)

    def visit_CompFor(self, node: cst.CompFor) -> None:
        self._unknown(node.target)

    def visit_AugAssign(self, node: cst.AugAssign) -> None:
        self._unknown(node.target)

    def visit_NamedExpr(self, node: cst.NamedExpr) -> None:
        self._unknown(node.target)

    def visit_AsName(self, node: cst.AsName) -> None:
        self._unknown(node.name)

    def visit_Name(self, node: cst.Name) -> None:
        self.reading.loads[node.value] += 1

    def visit_Call(self, node: cst.Call) -> None:
        if isinstance(node.func, cst.Attribute):
            self.reading.methods[dotted(node.func.value), node.func.attr.value].append(node)
            if node.func.attr.value == "add_argument":
                texts = [arg.value.evaluated_value for arg in node.args if isinstance(arg.value, cst.SimpleString)]
                self.reading.options |= {str(text).lstrip("-").replace("-", "_") for text in texts}
        if self.reading.is_trainer_class(_made(node)):
            self.reading.trainer_calls.append(node)
            self.reading.unpacked.update(dotted(arg.value) for arg in node.args if arg.star == "**")


def _made(call: cst.Call) -> cst.BaseExpression:
    """Return the class that a call makes an object of: of `A(...)` and of `A.from_argparse_args(...)`."""
    func = call.func
    is_factory = isinstance(func, cst.Attribute) and func.attr.value == "from_argparse_args"
    return func.value if is_factory else func
