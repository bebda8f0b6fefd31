"""Many runs: the table, its formats and its picture, and the repeats as one result."""
