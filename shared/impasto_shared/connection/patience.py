"""The times for which a client waits for a daemon that does not answer.

The daemon sends an update of a watched job at least every half second. A lost connection to it may
be replaced for as long as the daemon keeps the job: for its lease.
"""

_LONGEST_SILENCE_S, _SHORTEST_SILENCE_S = 10.0, 2.0
_SHORTEST_PATIENCE_S = 5.0


def tolerated_silence_s(lease_s: float) -> float:
    """Returns the silence after which a connection over a network is replaced.

    A short lease leaves time for three tries.
    """
    return min(_LONGEST_SILENCE_S, max(_SHORTEST_SILENCE_S, lease_s / 3))


def patience_s(lease_s: float) -> float:
    """Returns the silence after which the daemon is given up."""
    return max(_SHORTEST_PATIENCE_S, lease_s)
