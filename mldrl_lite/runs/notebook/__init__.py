"""What a notebook file says: its parameters and what they may be, its result, and the folders that its paths are in."""
