"""What a course needs besides its notebooks: checks of exercises, self-tests, and what a teacher hands out."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
