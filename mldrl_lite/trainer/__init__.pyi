# What `from mldrl_lite.trainer import …` gives. `__init__.py` reads this file.
from .arguments import GROUPS as GROUPS
from .arguments import NEW as NEW
from .arguments import REMOVED as REMOVED
from .arguments import REMOVED_STRATEGIES as REMOVED_STRATEGIES
from .arguments import explain as explain
from .arguments import table as table
from .diagnosis import REMOVED_HOOKS as REMOVED_HOOKS
from .diagnosis import Finding as Finding
from .diagnosis import Findings as Findings
from .diagnosis import diagnose as diagnose
from .translation import Translation as Translation
from .translation import translate as translate
