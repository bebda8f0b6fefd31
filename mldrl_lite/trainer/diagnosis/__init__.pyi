# What `from mldrl_lite.trainer.diagnosis import …` gives. `__init__.py` reads this file.
from .entry import diagnose as diagnose
from .findings import Finding as Finding
from .findings import Findings as Findings
