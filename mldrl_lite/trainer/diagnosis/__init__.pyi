# What `from mldrl_lite.trainer.diagnosis import …` gives. `__init__.py` reads this file.
from .entry import diagnose as diagnose
from .findings import Finding as Finding
from .findings import Findings as Findings
from .hooks import OTHER_NAMES as OTHER_NAMES
from .hooks import REMOVED_HOOKS as REMOVED_HOOKS
