"""The algorithm: tensors in, tensors out; it knows nothing of jobs, sockets or files."""
