"""Mistakes in files that raise no error, found without running them: `mldrl-lite check PATH…`."""
