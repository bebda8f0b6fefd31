"""Anyone's Trainer: its arguments, the names that are gone, calls of 1.x brought to today, and silent mistakes."""

from mldrl_lite.messages import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
