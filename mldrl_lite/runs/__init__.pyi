# What `from mldrl_lite.runs import …` gives. `__init__.py` reads this file.
from .cluster.cluster import Cluster as Cluster
from .course import run_course as run_course
from .launch import NotebookRun as NotebookRun
from .launch import run_notebook as run_notebook
from .notebook.file import declared_parameters as declared_parameters
from .notebook.file import pictures as pictures
from .record.record import execute as execute
from .results.formats import read_table as read_table
from .results.table import collect as collect
from .storing import store as store
from .sweeps.sweep import sweep as sweep
