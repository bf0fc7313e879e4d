"""Round robin: clients take turns, each with its oldest job."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Hashable, Iterable
from typing import Generic, TypeVar

_REMEMBERED_CLIENTS = 256

T = TypeVar("T")


class RoundRobin(Generic[T]):
    """The order of turns: the client whose last turn is longest ago comes next."""

    def __init__(self) -> None:
        self._count = 0
        self._last_turns: dict[Hashable, int] = {}

    def record_turn(self, client: Hashable) -> None:
        """Records that a client has its turn now."""
        self._last_turns.pop(client, None)
        self._last_turns[client] = self._count
        self._count += 1
        # A forgotten client comes first when it returns, like a new one.
        if len(self._last_turns) > _REMEMBERED_CLIENTS:
            del self._last_turns[next(iter(self._last_turns))]

    def in_order(self, waiting: Iterable[tuple[Hashable, T]]) -> list[T]:
        """Returns waiting items, each given with its client and oldest first, in turn order."""
        by_client: dict[Hashable, deque[T]] = {}
        for client, item in waiting:
            by_client.setdefault(client, deque()).append(item)
        heap = [
            (self._last_turns.get(client, -1), arrival, client)
            for arrival, client in enumerate(by_client)
        ]
        heapq.heapify(heap)
        ordered: list[T] = []
        turn = self._count
        while heap:
            _, arrival, client = heapq.heappop(heap)
            ordered.append(by_client[client].popleft())
            if by_client[client]:
                heapq.heappush(heap, (turn, arrival, client))
            turn += 1
        return ordered
