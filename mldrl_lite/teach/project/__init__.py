"""A project of the learner's own: the files in `template/` are copied, and never imported here."""
