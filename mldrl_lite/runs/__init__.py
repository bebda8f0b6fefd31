"""Notebooks as experiments: their parameters, one run and its record, a sweep, its table and picture, the course."""

from mldrl_lite.messages import attach_stub

__getattr__, __dir__, __all__ = attach_stub(__name__, __file__)
