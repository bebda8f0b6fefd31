"""Grading: handed-in copies run apart, are judged by the course's own checks, and become a book.

Why an engine of its own, and not one of the two that the field has (both tried on notebook 01):

nbgrader 0.9.6 puts its tests back and interrupts an endless loop. But a copy that ends its kernel, as by `exit()`, or
that was renamed, has no grade at all; copies run one after the other, in cold kernels, with the whole page and with the
network; and its book, a SQLite database, holds points, not what the check has said. A school that has it can use it all
the same: `nbgrader.py` writes the course as its assignments.

otter-grader 7 grades a class in Docker containers only; without them, `otter run` takes one copy, and one that ends its
kernel has no result. The questions have to be written in its own format, and learners need its package.
"""
