"""Anyone's Trainer: its arguments, the names that are gone, calls of 1.x brought to today, and silent mistakes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
