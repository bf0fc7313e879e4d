"""Whose turn it is: clients take turns, each with the oldest of its jobs."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

_REMEMBERED_CLIENTS = 256

T = TypeVar("T")


class RoundRobin(Generic[T]):
    """Round robin: the client that has waited longest for a turn comes next."""

    def __init__(self) -> None:
        self._count = 0
        self._last: dict[Hashable, int] = {}

    def record_turn(self, client: Hashable) -> None:
        """Notes that a client has had its turn now."""
        self._last.pop(client, None)
        self._last[client] = self._count
        self._count += 1
        # One that is forgotten comes first when it returns, as does one that is new.
        if len(self._last) > _REMEMBERED_CLIENTS:
            del self._last[next(iter(self._last))]

    def in_order(self, waiting: Iterable[tuple[Hashable, T]]) -> list[T]:
        """What waits, each with its client and the oldest first, as it will have its turns."""
        of_client: dict[Hashable, deque[T]] = {}
        for client, item in waiting:
            of_client.setdefault(client, deque()).append(item)
        heap = [
            (self._last.get(client, -1), arrival, client)
            for arrival, client in enumerate(of_client)
        ]
        heapq.heapify(heap)
        ordered: list[T] = []
        turn = self._count
        while heap:
            _, arrival, client = heapq.heappop(heap)
            ordered.append(of_client[client].popleft())
            if of_client[client]:
                heapq.heappush(heap, (turn, arrival, client))
            turn += 1
        return ordered
