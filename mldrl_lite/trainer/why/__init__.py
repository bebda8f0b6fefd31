"""Why two runs differ: a callback that traces a run step by step, and the first difference of two traces."""
