"""A device that lacks what Apple's and many of Intel's GPUs lack, pretended on the processor.

It has no float64, and no maximum over channels_last (which ends the process on Apple's). Its
tensors cannot be used together with the processor's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any, cast

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

DEVICE = torch.device("mps")
_PROCESSOR = torch.device("cpu")
# What torch takes the tensors for: a device whose tensors have no memory.
_META = torch.device("meta")


class Refused(Exception):
    """The device cannot do this."""


class OnDevice(Tensor):
    """A tensor on DEVICE; `numbers` has them, on the processor."""

    numbers: Tensor

    @staticmethod
    def __new__(cls, numbers: Tensor) -> OnDevice:
        """Makes one; raises Refused for numbers that the device does not have."""
        if numbers.dtype == torch.float64:
            raise Refused("float64")
        make: Any = Tensor._make_wrapper_subclass
        made = make(
            cls, numbers.size(), strides=numbers.stride(), dtype=numbers.dtype, device=_META
        )
        made.numbers = numbers
        return cast(OnDevice, made)

    @property
    def device(self) -> torch.device:  # type: ignore[override]
        return DEVICE

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, operation: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        return _run(operation, args, kwargs or {})


class SmallGpu:
    """DEVICE, while this is used with `with`."""

    def __enter__(self) -> None:
        self._stack = ExitStack()
        self._stack.enter_context(_Operations())  # type: ignore[no-untyped-call]
        self._stack.enter_context(_Calls())

    def __exit__(self, *_: object) -> None:
        self._stack.close()


class _Operations(TorchDispatchMode):  # type: ignore[no-untyped-call]
    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        """Returns false, or PyTorch's compiler would be imported, which takes seconds."""
        return False

    def __torch_dispatch__(
        self, operation: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        return _run(operation, args, kwargs or {})


class _Calls(TorchFunctionMode):
    """Makes tensors on DEVICE, which torch would ask a driver for."""

    def __torch_function__(
        self, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if args and isinstance(args[0], OnDevice):
            if function is Tensor.new_tensor:
                return OnDevice(torch.tensor(args[1], dtype=kwargs.get("dtype", args[0].dtype)))
            if function is Tensor.tolist:
                return args[0].numbers.tolist()
        if not any(_is_device(leaf) for leaf in _leaves((args, kwargs))):
            return function(*args, **kwargs)
        args, kwargs = _mapped(
            lambda leaf: _PROCESSOR if _is_device(leaf) else leaf, (args, kwargs)
        )
        return OnDevice(function(*_numbers(args), **_numbers(kwargs)))


def _run(operation: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Runs an operation on the processor; raises Refused if the device could not."""
    tensors = [leaf for leaf in _leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    ours = [tensor for tensor in tensors if isinstance(tensor, OnDevice)]
    wanted = kwargs.get("device")
    if ours and wanted is None:
        _check(str(operation), tensors, ours)
    there = {**kwargs, "device": _PROCESSOR} if wanted else kwargs
    result = operation(*_numbers(args), **_numbers(there))
    if wanted == _PROCESSOR or not (ours or wanted == _META) or result is args[0]:
        return result
    for tensor in ours:
        if result is tensor.numbers:  # changed in place
            return tensor
    return _mapped(lambda leaf: OnDevice(leaf) if isinstance(leaf, Tensor) else leaf, result)


def _check(name: str, tensors: Sequence[Tensor], ours: Sequence[OnDevice]) -> None:
    # Copies go from one device to the other; a single number is passed on with the call.
    are_two = any(tensor.ndim and not isinstance(tensor, OnDevice) for tensor in tensors)
    if are_two and "copy_" not in name:
        raise Refused(f"{name}: tensors of two devices")
    if "max_pool" in name and any(_is_channels_last(tensor.numbers) for tensor in ours):
        raise Refused(f"{name}: channels_last")


def _is_channels_last(tensor: Tensor) -> bool:
    laid_out = tensor.ndim == 4 and tensor.is_contiguous(memory_format=torch.channels_last)
    return laid_out and not tensor.is_contiguous()


def _is_device(leaf: object) -> bool:
    return isinstance(leaf, torch.device) and leaf == DEVICE


def _numbers(tree: Any) -> Any:
    return _mapped(lambda leaf: leaf.numbers if isinstance(leaf, OnDevice) else leaf, tree)


# PyTorch's own functions for trees know many more kinds, and take most of a test's time.
def _leaves(tree: Any) -> Iterator[Any]:
    """Yields what the sequences and dictionaries of a tree hold."""
    if isinstance(tree, list | tuple):
        for part in tree:
            yield from _leaves(part)
    elif isinstance(tree, dict):
        yield from _leaves(tuple(tree.values()))
    else:
        yield tree


def _mapped(change: Callable[[Any], Any], tree: Any) -> Any:
    """Returns a tree of the same shape, with each leaf changed."""
    if isinstance(tree, list | tuple):
        parts = [_mapped(change, part) for part in tree]
        return parts if type(tree) is list else type(tree)(parts)
    if isinstance(tree, dict):
        return {name: _mapped(change, part) for name, part in tree.items()}
    return change(tree)
