# What `from mldrl_lite.runs import …` gives. `__init__.py` reads this file.
from .course import run_course as run_course
from .formats import read_table as read_table
from .launch import NotebookRun as NotebookRun
from .launch import run_notebook as run_notebook
from .notebooks import declared_parameters as declared_parameters
from .notebooks import pictures as pictures
from .record import execute as execute
from .storing import store as store
from .sweeps import sweep as sweep
from .table import collect as collect
