"""A search for good parameters: what may be tried, its trials, its folder, its report, and the subcommand."""
