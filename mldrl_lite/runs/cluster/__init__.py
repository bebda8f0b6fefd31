"""One sweep on many machines, through dask.distributed (extra `cluster`): scheduler, workers, and who is fit for it."""
