from impasto_daemon.server.jobs import round_robin as round_robin_module
from impasto_daemon.server.jobs.round_robin import RoundRobin

WAITING = [("alice", 1), ("alice", 2), ("bob", 3), ("alice", 4), ("bob", 5)]


def test_clients_take_turns_each_with_its_oldest_item() -> None:
    assert RoundRobin[int]().in_order(WAITING) == [1, 3, 2, 5, 4]


def test_order_alone_takes_no_turn() -> None:
    turns = RoundRobin[int]()

    assert turns.in_order(WAITING) == turns.in_order(WAITING)


def test_client_whose_last_turn_is_longest_ago_comes_next() -> None:
    turns = RoundRobin[int]()
    for client in ("bob", "alice", "carol"):
        turns.record_turn(client)

    assert turns.in_order([("carol", 1), ("alice", 2), ("bob", 3)]) == [3, 2, 1]


def test_new_client_comes_before_one_that_has_had_a_turn() -> None:
    turns = RoundRobin[int]()
    turns.record_turn("alice")

    assert turns.in_order([("alice", 1), ("bob", 2)]) == [2, 1]


def test_number_of_remembered_clients_is_limited() -> None:
    turns = RoundRobin[int]()
    for client in range(round_robin_module._REMEMBERED_CLIENTS + 1):
        turns.record_turn(client)

    # Client 0 is forgotten and comes first like a new one; client 1 is remembered.
    assert turns.in_order([(1, 1), ("new", 2), (0, 3)]) == [2, 3, 1]
