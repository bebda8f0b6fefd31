"""Notebooks as experiments: their parameters, one run and its record, a sweep, its table and picture, the course."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
