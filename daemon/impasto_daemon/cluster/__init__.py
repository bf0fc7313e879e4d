"""Batches on several machines, whose scheduling is Dask's (dask.distributed)."""
