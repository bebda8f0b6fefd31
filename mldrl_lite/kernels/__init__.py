"""Warm kernels: Jupyter kernels forked from a process that has torch and Lightning loaded, and their installation."""

COLD = "mldrl-lite: this kernel starts cold"
"""How the line begins in which a stand-in says why it becomes a plain kernel."""
