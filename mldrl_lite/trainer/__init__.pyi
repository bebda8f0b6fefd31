# What `from mldrl_lite.trainer import …` gives. `__init__.py` reads this file.
from .arguments import NEW as NEW
from .arguments import explain as explain
from .arguments import table as table
from .diagnosis import Finding as Finding
from .diagnosis import Findings as Findings
from .diagnosis import diagnose as diagnose
from .migrate.snippet import Translation as Translation
from .migrate.snippet import translate as translate
from .names import GROUPS as GROUPS
from .names import REMOVED as REMOVED
from .names import REMOVED_STRATEGIES as REMOVED_STRATEGIES
from .recorder import HookCall as HookCall
from .recorder import HookRecorder as HookRecorder
from .recorder import hook_names as hook_names
from .rules.hooks import REMOVED_HOOKS as REMOVED_HOOKS
from .verification import verify as verify
