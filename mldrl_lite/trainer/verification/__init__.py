"""Run a batch or two through a copy of a model, and see whether it can learn: `verify(model, data)`."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
