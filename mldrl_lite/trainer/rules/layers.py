"""Layers that a module holds and does not know or use."""

import ast
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from mldrl_lite.trainer.rules.classes import (
    MODULE,
    TORCH,
    Class,
    Method,
    Problem,
    called,
    calls,
    full_name,
    own_attribute,
)

# They have no parameters, or are no layers.
_NO_LAYER = re.compile(
    r"(Leaky|R|P|C|S|G|E|Si)?(ReLU6?|ELU|eLU|LU)|Mish|Tanh|(Log)?Sigmoid|(Log)?Softmax|Softplus|Hard\w+|Identity"
    r"|(Unf|F)latten|\w*Dropout[1-3]?d?|Upsample|PixelShuffle|\w+Pad[1-3]d|\w*Pool\w*|\w+Loss"
    r"|Parameter\w*|Module(List|Dict)?"
)


def _is_layer(node: ast.AST, imports: dict[str, str]) -> bool:
    """Tell whether an expression makes a layer of PyTorch that has parameters."""
    name = full_name(node.func, imports) if isinstance(node, ast.Call) else ""
    last = name.rpartition(".")[2]
    plain = name.startswith("torch.nn.") and name.count(".") == 2 and last[:1].isupper()
    return plain and not _NO_LAYER.fullmatch(last)


def hidden_layers(classes: Sequence[Class]) -> Iterator[Problem]:
    """Layers in a plain list or dictionary, of whose parameters the module knows nothing."""
    for cls in classes:
        for name, values in cls.assigned.items() if cls.kind in (MODULE, TORCH) else ():
            method, value = values[0]
            if _holds_layers(value, name, method, cls) and not _registered(name, cls):
                kind = "dictionary" if isinstance(value, ast.Dict | ast.DictComp) else "list"
                what = f"{cls.name}.{name} is a plain {kind} of layers."
                why = "Their parameters are not trained, not moved to the GPU and not in the checkpoint."
                fix = f"Make it a torch.nn.Module{'Dict' if kind == 'dictionary' else 'List'}."
                yield cls.problem("layers in a plain list", what, method, value, why, fix)


def _holds_layers(value: ast.expr, name: str, method: Method, cls: Class) -> bool:
    if isinstance(value, ast.ListComp | ast.DictComp):
        return _is_layer(value.value if isinstance(value, ast.DictComp) else value.elt, cls.imports)
    parts = value.values if isinstance(value, ast.Dict) else getattr(value, "elts", None)
    if not isinstance(value, ast.Dict | ast.List | ast.Tuple) or parts is None:
        return False
    appended = [
        argument
        for call in calls(method.tree)
        if called(call) == "append" and own_attribute(getattr(call.func, "value", None), method.tree) == name
        for argument in call.args
    ]
    return any(_is_layer(part, cls.imports) for part in (*parts, *appended))


def _registered(name: str, cls: Class) -> bool:
    """Tell whether the list is handed on to something that may make modules or parameters of it known."""
    knowing = ("Sequential", "ModuleList", "ModuleDict", "add_module", "register_module", "setattr", "extend", "update")
    for method in cls.definitions:
        for call in calls(method.tree):
            inside = {own_attribute(node, method.tree) for argument in _arguments(call) for node in ast.walk(argument)}
            if called(call) in knowing and name in inside:
                return True
        loops = (node for node in ast.walk(method.tree) if isinstance(node, ast.For))
        for loop in loops:
            over = {own_attribute(node, method.tree) for node in ast.walk(loop.iter)}
            if name in over and any(called(call) in knowing for call in calls(loop)):
                return True
    return len(cls.assigned[name]) > 1


def _arguments(call: ast.Call) -> list[ast.expr]:
    return [*call.args, *(keyword.value for keyword in call.keywords)]


_ALL_AT_ONCE = {
    *("modules", "children", "named_modules", "named_children", "_modules", "__dict__", "get_submodule", "__getattr__"),
    *("__getattribute__", "add_module", "register_module"),
}


def unused_layers(classes: Sequence[Class], mentions: Counter[str], texts: Collection[str]) -> Iterator[Problem]:
    """Layers that `__init__` makes and that no code of the file mentions again.

    Args:
        classes: the classes of one file.
        mentions: how often the file mentions each attribute name.
        texts: all texts in the file, through which a layer may be reached.
    """
    for cls in classes:
        if cls.kind != MODULE or not cls.complete or _ALL_AT_ONCE & cls.mentions.keys() or _dynamic(cls):
            continue
        if not {"forward", "training_step"} & cls.methods.keys():
            continue  # perhaps meant for subclasses elsewhere
        for name, values in cls.assigned.items():
            method, value = values[0]
            used = max(mentions[name], cls.mentions[name]) > 1  # a parent in another file may use it
            if len(values) == 1 and _is_layer(value, cls.imports) and not used and name not in texts:
                what = f"{cls.name}.{name} is a layer that nothing uses."
                why = "It is saved and counted, gets no gradient, and stays as it was made."
                fix = "Use it in forward, or remove it."
                yield cls.problem("module that is never used", what, method, value, why, fix)


def _dynamic(cls: Class) -> bool:
    return any(called(call) in ("getattr", "vars") for method in cls.definitions for call in calls(method.tree))
