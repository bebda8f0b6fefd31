"""The helper package of the mldrl-lite course.

The modules of this folder are the core, which the notebooks import: data sources, the DataModule, the model, callbacks,
figures, reproducibility. The folders are rooms beside it: `trainer` (anyone's Trainer), `runs` (notebooks as
experiments), `kernels` (warm kernels), `teach` (exercises and what a teacher hands out), `studies` (what single
notebooks compare).
"""

from mldrl_lite.messages import attach_stub

# What can be imported from here stands in `__init__.pyi`. Lightning, whose import takes seconds, is imported with the
# first name that needs it.
__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
