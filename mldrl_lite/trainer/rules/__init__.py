"""What `check`, `diagnose` and `verify` look for: the catalogue, and the rules that need only the source of a class.

Nothing here imports torch. `classes` says what is known of a class from its source; a rule takes such classes and
yields problems. `check` makes the classes from files, `diagnose` from live objects.
"""
