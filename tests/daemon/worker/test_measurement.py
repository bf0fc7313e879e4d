from __future__ import annotations

from itertools import count

import torch

from daemon.style_transfer.networks.tiny_network import tiny_vgg
from impasto_daemon.server.jobs.time_estimate import ThroughputHistory
from impasto_daemon.style_transfer.planning.work import Work
from impasto_daemon.worker.measurement import ON_GPU, ON_PROCESSOR, measure
from impasto_shared.settings import StyleSettings

NETWORK = tiny_vgg(dtype=torch.float32)
TINY = StyleSettings(size=48, iterations=3)


def test_measured_steps_tell_the_pace_of_the_machine() -> None:
    ticks = count()
    measured = measure(NETWORK, TINY, lambda: False, clock=lambda: float(next(ticks)))

    assert measured is not None
    assert [(point.step, point.seconds) for point in measured.points] == [(1, 1), (2, 2), (3, 3)]
    history = ThroughputHistory()
    history.record(Work(measured.settings, measured.width, measured.height), measured.points)
    estimate_s = history.estimate_s(Work(TINY, 48, 48))
    assert estimate_s is not None
    assert 3 <= estimate_s < 6


def test_measurement_is_given_up_when_there_is_something_to_do() -> None:
    asked = count()

    measured = measure(NETWORK, TINY, lambda: next(asked) > 20)

    assert measured is None
    assert next(asked) < 40


def test_measured_settings_are_of_the_usual_kind() -> None:
    """Of other kinds the paces would tell nothing about usual jobs."""
    for settings in (ON_PROCESSOR, ON_GPU):
        history = ThroughputHistory()
        measured = measure(NETWORK, StyleSettings(size=48, iterations=3), lambda: False)
        assert measured is not None
        history.record(Work(settings, 48, 48), measured.points)
        assert history.estimate_s(Work(StyleSettings(), 512, 512)) is not None
