"""The process that runs a notebook's cells: the kernel, the engine that drives it, its limits and its end."""
