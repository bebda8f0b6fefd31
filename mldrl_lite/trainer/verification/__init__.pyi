# What `from mldrl_lite.trainer.verification import …` gives. `__init__.py` reads this file.
from .entry import verify as verify
