"""The errors with which torch and its libraries report that memory ran out."""

from __future__ import annotations

import torch

# On the CPU torch has no error of its own, and the libraries have none on either device.
_MESSAGES = (
    "allocate memory",
    "could not create a primitive",
    "could not execute a primitive",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "MPS backend out of memory",
    "UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY",
    "UR_RESULT_ERROR_OUT_OF_HOST_MEMORY",
)


def is_out_of_memory(error: Exception) -> bool:
    """Returns whether `error` means that memory ran out."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or (
        isinstance(error, RuntimeError) and any(message in str(error) for message in _MESSAGES)
    )
