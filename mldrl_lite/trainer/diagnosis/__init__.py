"""Find, before a run, what Lightning lets pass in silence.

    diagnose(model, datamodule, trainer)

Each rule looks for one mistake that raises no error. A rule that cannot be sure (the source is not to be had, a name is
put together at run time, `setup` fails) keeps silent, so that a finding is worth reading. What can be seen in the
source alone is in `rules`; what needs live objects stands here by topic: hparams, monitors, optimizers, parts,
callbacks, split.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
