from __future__ import annotations

import math

from impasto_daemon.server.jobs.memory_estimate import estimate_memory
from impasto_daemon.style_transfer.planning.work import Work
from impasto_shared.settings import Precision, StyleSettings


def test_less_memory_means_tiles() -> None:
    settings = StyleSettings(size=2000)

    at_once = estimate_memory(Work(settings, 2000, 1500), math.inf)
    in_tiles = estimate_memory(Work(settings, 2000, 1500), at_once.needed_bytes / 2)

    assert at_once.tiles == 1
    assert in_tiles.tiles > 1
    assert in_tiles.needed_bytes <= at_once.needed_bytes / 2


def test_layer_counts_at_the_size_at_which_it_is_painted() -> None:
    settings = StyleSettings(size=500)

    small, large = (estimate_memory(Work(settings, side, side), math.inf) for side in (500, 5000))

    assert small == large


def test_padding_of_a_tileable_picture_counts() -> None:
    plain, tileable = (
        estimate_memory(Work(StyleSettings(tileable=switch), 512, 512), math.inf)
        for switch in (False, True)
    )

    assert tileable.needed_bytes > 1.3 * plain.needed_bytes


def test_numbers_of_half_the_size_take_about_half_the_memory_of_a_gpu() -> None:
    automatic, precise = StyleSettings(), StyleSettings(precision=Precision.FLOAT32)

    short, long, as_told = (
        estimate_memory(Work(settings, 4000, 3000), math.inf, on_gpu=True, auto_bfloat16=auto)
        for settings, auto in ((automatic, True), (automatic, False), (precise, True))
    )

    assert long == as_told
    assert 0.4 < short.needed_bytes / long.needed_bytes < 0.8
    assert long.needed_bytes < estimate_memory(Work(automatic, 4000, 3000), math.inf).needed_bytes
