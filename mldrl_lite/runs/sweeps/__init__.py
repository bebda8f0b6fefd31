"""One notebook many times: what is to run, and the runs under way."""
