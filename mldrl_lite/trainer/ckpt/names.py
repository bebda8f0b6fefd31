"""Which classes and functions `torch.load(weights_only=True)` takes, and which others are known to be harmless.

Harmless is what is on a list, by its full name: a class or function that only makes a value of what it is given, and
calls nothing that it is given, unless that is on the list, too. All else is judged by where it comes from.
"""

import re
import sys
from typing import Literal

from mldrl_lite.trainer.ckpt.pickles import How

Verdict = Literal["accepted", "harmless", "unknown", "code"]

_KINDS = "BFloat16|Bool|Byte|Char|Double|Float|Half|Int|Long|Short"
_ACCEPTED = re.compile(
    rf"""
    collections\.(OrderedDict|Counter) | _codecs\.encode | builtins\.(bytearray|set|complex)
    | torch\.(Size|Tensor|device|nn\.parameter\.Parameter|serialization\._get_layout)
    | torch\.((cuda\.)?({_KINDS}|ComplexDouble|ComplexFloat)|QInt32|QInt8|QUInt8|QUInt2x4|QUInt4x2)Storage
    | torch\.((cuda\.)?({_KINDS})|(cuda\.)?sparse\.(?!Bool)({_KINDS}))Tensor
    | torch\.storage\.(Typed|Untyped)Storage
    | torch\.(bool|bfloat16|float(16|32|64)|complex(32|64|128)|bcomplex32|u?int([1-8]|16|32|64))
    | torch\.(float8_(e4m3fn|e5m2|e4m3fnuz|e5m2fnuz|e8m0fnu)|float4_e2m1fn_x2)
    | torch\.(qint8|qint32|quint8|quint2x4|quint4x2|bits\d+(x\d+)?)
    | torch\.per_(channel|tensor)_(affine|symmetric) | torch\.per_channel_affine_float_qparams
    | torch\._utils\._rebuild_(parameter(_with_state)?|(q|sparse_|nested_)?tensor|tensor_v[23]|wrapper_subclass
      |meta_tensor_no_storage|device_tensor_from_(numpy|cpu_tensor))
    | torch\._tensor\._rebuild_from_type_v2
    """,
    re.VERBOSE,
)

_HARMLESS = re.compile(
    r"""
    numpy\.(dtype|ndarray|dtypes\.\w+DType)
    | numpy\.(_core|core)\.multiarray\.(scalar|_reconstruct) | numpy\.(_core|core)\.numeric\._frombuffer
    | numpy\.(bool_?|float(16|32|64)|u?int(8|16|32|64)|complex(64|128)|str_)
    | pathlib\.(_local\.)?(Pure)?(Posix|Windows)?Path
    | datetime\.(date|time|datetime|timedelta|timezone) | decimal\.Decimal | fractions\.Fraction | uuid\.UUID
    | collections\.(deque|defaultdict) | argparse\.Namespace | types\.SimpleNamespace | functools\.partial
    | builtins\.(int|float|bool|str|bytes|list|dict|tuple|frozenset|slice|range|object|NoneType)
    | copyreg\._reconstructor | typing\.Any | re\._compile
    | numpy\.random\._(pickle\.__(randomstate|generator|bit_generator)_ctor|mt19937\.MT19937|pcg64\.PCG64(DXSM)?)
    | (pytorch_lightning|lightning\.pytorch|lightning_fabric|lightning\.fabric)\.utilities\.\w+\.AttributeDict
    | omegaconf\.(dictconfig\.DictConfig|listconfig\.ListConfig|base\.(ContainerMetadata|Metadata|SCMode))
    | omegaconf\.nodes\.(Any|Integer|Float|Boolean|String|Bytes|Path)Node
    """,
    re.VERBOSE,
)
_LAYER = re.compile(r"torch\.nn\.modules\.[a-z]+\.[A-Z]\w*")
"""A class of torch's layers. Unpickling fills its attributes; it runs nothing before the model is used."""
_NAMED_ONLY = re.compile(
    r"(pytorch_lightning|lightning\.pytorch)\.callbacks(\.\w+)*\.[A-Z]\w*|torch\.nn\.functional\.\w+"
)
"""Harmless as long as nobody calls it: Lightning 1.x used classes of callbacks as keys."""
_FUNCTION = re.compile(r"(torch|numpy)\.(.+\.)?[a-z_]\w*")


def verdict(name: str, how: How) -> Verdict:
    """Judge a class or function by its full name and what unpickling does with it.

    Returns:
        `accepted` by `weights_only=True`; else `harmless`: it is on the list; `code`: a function of Python, torch or
        NumPy that is not on it, or anything made up on the way, and it is called; `unknown`: another package's.
    """
    if _ACCEPTED.fullmatch(name):
        return "accepted"
    if _HARMLESS.fullmatch(name) or _LAYER.fullmatch(name) or (how == "named" and _NAMED_ONLY.fullmatch(name)):
        return "harmless"
    of_python = name.partition(".")[0] in sys.stdlib_module_names - {"__main__"}
    if name == "the result of another call" or (how == "called" and (of_python or _FUNCTION.fullmatch(name))):
        return "code"
    return "unknown"


_UNDERSTOOD = """
GLOBAL NEWOBJ REDUCE BUILD APPEND APPENDS SETITEM SETITEMS MARK TUPLE TUPLE1 TUPLE2 TUPLE3 NONE NEWFALSE NEWTRUE
EMPTY_TUPLE EMPTY_LIST EMPTY_DICT EMPTY_SET BININT BININT1 BININT2 BINFLOAT BINUNICODE SHORT_BINSTRING BINPERSID BINGET
LONG_BINGET BINPUT LONG_BINPUT LONG1 PROTO STOP
"""
UNDERSTOOD = frozenset(_UNDERSTOOD.split())
"""The steps of a pickle that `weights_only=True` understands: those of protocol 2, and some of them only."""

_INSTEAD = (
    (r"numpy\.(_core|core)\.multiarray\.scalar", "x.item()"),
    (r"numpy\.(_core|core)\.multiarray\._reconstruct", "x.tolist()"),
    (r"pathlib\.|decimal\.|uuid\.|fractions\.", "str(x)"),
    (r"argparse\.Namespace|types\.SimpleNamespace", "vars(x)"),
    (r"datetime\.timedelta", "x.total_seconds()"),
    (r"datetime\.(date|time|datetime)$", "x.isoformat()"),
    (r"builtins\.(range|frozenset)|collections\.deque", "list(x)"),
    (r"collections\.defaultdict|.*\.AttributeDict", "dict(x)"),
    (r"omegaconf\.(dict|list)config", "OmegaConf.to_container(x, resolve=True)"),
)


def instead(name: str) -> str | None:
    """Return a plain value in place of `x`, which this class or function has made, as Python code; or None."""
    return next((code for pattern, code in _INSTEAD if re.match(pattern, name)), None)


_FILLED = re.compile(r"collections\.(deque|defaultdict)|.*\.AttributeDict|builtins\.frozenset")


def is_left_out(name: str) -> bool:
    """Say whether there is no plain value for it: layers, and functions."""
    return bool(_LAYER.fullmatch(name)) or name.startswith(("torch.nn.functional.", "functools.partial"))


def is_filled_later(name: str) -> bool:
    """Say whether objects of this class are filled piece by piece, which `weights_only=True` does for lists only."""
    return bool(_FILLED.fullmatch(name))
