"""The functions that workers of a cluster call.

The program with the batch refers to them, and does not load PyTorch.
"""

from __future__ import annotations

from impasto_daemon.cluster.order import Order, Outcome


def as_it_is(painting: bytes) -> bytes:
    """Returns the file of a painting, which Dask then sends once to each worker that needs it."""
    return painting


def paint(order: Order, *paintings: bytes) -> Outcome:
    """Paints a picture; see `painter.paint`."""
    from impasto_daemon.cluster import painter

    return painter.paint(order, *paintings)
