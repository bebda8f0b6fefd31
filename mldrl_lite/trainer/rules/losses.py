"""Losses that are given what they do not want, or that no gradient flows through."""

import ast
from collections.abc import Iterator, Sequence

from mldrl_lite.trainer.rules.classes import (
    MODULE,
    TORCH,
    Class,
    Function,
    Method,
    Problem,
    called,
    calls,
    constant,
    first_argument,
    full_name,
    keywords,
    own_attribute,
    returns,
)

_LOSSES = {
    "torch.nn.functional.cross_entropy": "softmax",
    "torch.nn.CrossEntropyLoss": "softmax",
    "torch.nn.functional.binary_cross_entropy_with_logits": "sigmoid",
    "torch.nn.BCEWithLogitsLoss": "sigmoid",
}
"""Losses that want logits, and what they apply to them by themselves."""

_SQUASH = {
    "torch.softmax": "softmax",
    "torch.nn.functional.softmax": "softmax",
    "torch.nn.Softmax": "softmax",
    "torch.sigmoid": "sigmoid",
    "torch.nn.functional.sigmoid": "sigmoid",
    "torch.nn.Sigmoid": "sigmoid",
}


def squashed_logits(classes: Sequence[Class]) -> Iterator[Problem]:
    """Softmax or sigmoid before a loss that applies it itself."""
    for cls in classes:
        if cls.kind in (MODULE, TORCH):
            for method in cls.reached:
                yield from _squashed(cls, method)


def _squashed(cls: Class, method: Method) -> Iterator[Problem]:
    flow = _Flow(cls, method.tree)
    for call in calls(method.tree):
        loss, wants = _loss(call, cls, method.tree)
        first = call.args[0] if call.args else keywords(call).get("input")
        if wants and first is not None and flow.squash(first) == wants:
            what = f"{loss} is given the output of a {wants}."
            why = f"It applies {wants} itself: applied twice, the loss can not get near 0, and training is slow."
            fix = f"Give it the logits, and apply {wants} only where probabilities are wanted."
            yield cls.problem("softmax before a loss of logits", what, method, call, why, fix)


def _loss(call: ast.Call, cls: Class, tree: Function) -> tuple[str, str]:
    """Return the name of the loss that is called and what it applies; "" and "" if it is none."""
    function: ast.expr | None = call.func
    attribute = own_attribute(function, tree)
    made = [value for _, value in cls.assigned.get(attribute or "", ())]
    if isinstance(function, ast.Call):
        made = [function]  # nn.CrossEntropyLoss()(x, y)
    if len(made) == 1:
        function = made[0].func if isinstance(made[0], ast.Call) else made[0]
    name = full_name(function, cls.imports) if function is not None else ""
    direct = function is call.func and name[name.rfind(".") + 1 :][:1].isupper()  # nn.CrossEntropyLoss(weight)
    return ("", "") if direct or name not in _LOSSES else (name.rpartition(".")[2], _LOSSES[name])


class _Flow:
    """Follows a value back through the assignments of a function to what made it."""

    def __init__(self, cls: Class, tree: Function) -> None:
        self._cls, self._tree = cls, tree
        self._made: dict[str, list[ast.expr]] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    for part in target.elts if isinstance(target, ast.Tuple | ast.List) else [target]:
                        value = node.value if part is target else ast.Constant(None)
                        self._made.setdefault(getattr(part, "id", ""), []).append(value)

    def squash(self, node: ast.expr, depth: int = 0) -> str:
        """Return `softmax` or `sigmoid` if that is the last thing that happened to the value, else ""."""
        if depth > 5:
            return ""
        if isinstance(node, ast.Name):
            made = self._made.get(node.id, [])
            return self.squash(made[0], depth + 1) if len(made) == 1 else ""
        if not isinstance(node, ast.Call):
            return ""
        if called(node) in ("squeeze", "view", "reshape", "flatten", "float", "contiguous"):
            return self.squash(node.func.value, depth + 1) if isinstance(node.func, ast.Attribute) else ""
        return _applied(node, self._cls, self._tree) or self._by_forward(node, depth)

    def _by_forward(self, call: ast.Call, depth: int) -> str:
        forward = self._cls.methods.get("forward")
        itself = isinstance(call.func, ast.Name) and call.func.id == first_argument(self._tree)
        if forward is None or not (itself or own_attribute(call.func, self._tree) == "forward"):
            return ""
        ends = {_Flow(self._cls, forward.tree).squash(r.value, depth + 1) for r in returns(forward.tree) if r.value}
        return ends.pop() if len(ends) == 1 else ""


def _applied(call: ast.Call, cls: Class, tree: Function) -> str:
    """Return what a call applies: F.softmax(x), x.softmax(1), self.softmax(x) or self.net(x) that ends in one."""
    name = _SQUASH.get(full_name(call.func, cls.imports), "")
    if name and not name[:1].isupper():
        return name
    attribute = own_attribute(call.func, tree)
    if attribute:
        values = [value for _, value in cls.assigned.get(attribute, ())]
        return _ends_in(values[0], cls) if len(values) == 1 else ""
    if isinstance(call.func, ast.Call):
        return _ends_in(call.func, cls)
    method = called(call) if isinstance(call.func, ast.Attribute) else ""
    # x.softmax(1) of a value; a name of a module (scipy.special.softmax) is no value.
    root = getattr(getattr(call.func, "value", None), "id", "")
    return method if method in ("softmax", "sigmoid") and root not in cls.imports else ""


def _ends_in(value: ast.expr, cls: Class) -> str:
    if not isinstance(value, ast.Call):
        return ""
    name = full_name(value.func, cls.imports)
    if name == "torch.nn.Sequential" and value.args:
        return _ends_in(value.args[-1], cls)
    return _SQUASH.get(name, "") if name in ("torch.nn.Softmax", "torch.nn.Sigmoid") else ""


def detached_losses(classes: Sequence[Class]) -> Iterator[Problem]:
    """A training step whose loss has lost its way back to the parameters."""
    for cls in classes:
        method = cls.methods.get("training_step") if cls.kind == MODULE and not cls.manual else None
        for statement in returns(method.tree) if method else ():
            how = _cut(_loss_of(statement.value), method.tree, cls)
            if how:
                what = f"{method.owner}.training_step returns a loss after {how}, without a gradient."
                why = "backward has nothing to go back through: it fails, or trains nothing."
                fix = "Return the loss as it was computed; detach only what is logged or kept."
                yield cls.problem("detached loss", what, method, statement, why, fix)
                break


def _loss_of(node: ast.expr | None) -> ast.expr | None:
    if isinstance(node, ast.Dict):
        pairs = zip(node.keys, node.values, strict=True)
        return next((value for key, value in pairs if constant(key) == "loss"), None)
    return node


def _cut(node: ast.expr | None, tree: Function, cls: Class, depth: int = 0) -> str:
    if isinstance(node, ast.Name) and depth < 3:
        made = [
            other.value
            for other in ast.walk(tree)
            if isinstance(other, ast.Assign) and any(getattr(target, "id", "") == node.id for target in other.targets)
        ]
        return _cut(made[-1], tree, cls, depth + 1) if made else ""
    name = called(node) if node is not None else ""
    if isinstance(node, ast.Call) and name in ("item", "detach", "numpy", "tolist") and not node.args:
        return f".{name}()"
    if isinstance(node, ast.Call) and name == "cpu" and isinstance(node.func, ast.Attribute):
        return _cut(node.func.value, tree, cls, depth)
    if name == "float" and isinstance(getattr(node, "func", None), ast.Name):
        return "float()"
    if full_name(getattr(node, "func", ast.Constant(0)), cls.imports) in ("torch.tensor", "torch.as_tensor"):
        return f"torch.{name}()" if node.args and not isinstance(node.args[0], ast.Constant) else ""
    return ""
