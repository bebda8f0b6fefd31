"""Warm kernels: Jupyter kernels forked from a process that has torch and Lightning loaded, and their installation."""
