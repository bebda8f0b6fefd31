"""The helper package of the mldrl-lite course: what the notebooks import, small enough to read."""
