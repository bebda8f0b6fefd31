"""Checkpoints, looked into without unpickling them: what is inside, what would be refused, and how two differ."""
