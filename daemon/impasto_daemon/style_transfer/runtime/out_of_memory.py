"""What torch, and the libraries that it works with, say when there is not enough memory."""

from __future__ import annotations

import torch

# On a processor torch has no error of its own, and the libraries have none on either device.
_NO_MEMORY = (
    "allocate memory",
    "could not create a primitive",
    "could not execute a primitive",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
)


def is_out_of_memory(error: Exception) -> bool:
    """Whether it says that there is not enough memory."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in _NO_MEMORY)
    )
