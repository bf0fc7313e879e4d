"""The sizes for a layer, in words."""

import pytest

from impasto_gimp.arguments.size_choices import (
    default_size,
    larger_sizes,
    offered_sizes,
    other_words,
    remark,
    words,
)
from impasto_shared.protocol.messages import ForecastReport
from impasto_shared.settings import SETTINGS, Quality

GOOD, DRAFT = Quality.GOOD, Quality.DRAFT


def forecast(
    painting_s: float | None, needed_gb: float = 1.0, available_gb: float | None = 18.0
) -> ForecastReport:
    available = None if available_gb is None else int(available_gb * 1e9)
    return ForecastReport("1", painting_s, 0.0, int(needed_gb * 1e9), available, 1)


@pytest.mark.parametrize(
    ("layer_px", "sizes"),
    [
        (1, (32,)),
        (40, (40,)),
        (300, (300,)),
        (512, (512, 256)),
        (600, (600, 256)),
        (6000, (6000, 4096, 2048, 1024, 512)),
        (16384, (16384, 8192, 4096, 2048, 1024)),
        (30000, (16384, 8192, 4096, 2048)),
    ],
)
def test_layer_has_its_own_size_and_some_that_are_clearly_smaller(
    layer_px: int, sizes: tuple[int, ...]
) -> None:
    assert offered_sizes(layer_px) == sizes
    for size in sizes:
        SETTINGS.integer("size").check(size)


@pytest.mark.parametrize(
    ("layer_px", "painted_px", "quality", "sizes"),
    [
        (6000, 512, GOOD, (6000, 4096, 2048, 1024)),
        (6000, 384, DRAFT, (6000, 4096, 2048, 1024)),
        (6000, 700, GOOD, (6000, 4096, 2048, 1024)),
        (6000, 4000, GOOD, (6000,)),
        (6000, 5500, GOOD, ()),
        (600, 512, GOOD, ()),
        (600, 450, DRAFT, ()),
        (1, 1, GOOD, ()),
        (30000, 8192, GOOD, (16384,)),
    ],
)
def test_painting_is_finished_at_clearly_larger_sizes(
    layer_px: int, painted_px: int, quality: Quality, sizes: tuple[int, ...]
) -> None:
    assert larger_sizes(layer_px, painted_px, quality) == sizes


@pytest.mark.parametrize(
    ("size", "layer_px", "quality", "takes", "text"),
    [
        (6000, 6000, GOOD, forecast(2700, 5.1), "Like the layer, 6000 px: 45 min, 5.1 GB"),
        (2048, 6000, GOOD, forecast(180), "2048 px, enlarged 3 ×: 3 min"),
        (512, 6000, GOOD, forecast(20), "512 px, enlarged 12 ×: 20 s"),
        (4096, 6000, GOOD, None, "4096 px, enlarged 1.5 ×"),
        (1024, 2048, GOOD, None, "1024 px, enlarged 2 ×"),
        (6000, 6000, DRAFT, None, "Like the layer, 6000 px (draft: 4500 px)"),
        (2048, 6000, DRAFT, forecast(40), "2048 px (draft: 1536 px), enlarged 4 ×: 40 s"),
        (256, 6000, DRAFT, None, "256 px, enlarged 23 ×"),
        (512, 300, GOOD, forecast(0.2), "Like the layer, 300 px: 1 s"),
        (32, 1, GOOD, forecast(None), "Like the layer, 1 px"),
        (16384, 30000, GOOD, None, "16384 px, enlarged 1.8 ×"),
    ],
)
def test_words_say_how_sharp_and_how_long(
    size: int, layer_px: int, quality: Quality, takes: ForecastReport | None, text: str
) -> None:
    assert words(size, layer_px, quality, takes) == text


@pytest.mark.parametrize(
    ("takes", "cost"),
    [
        (forecast(None, 1.0), ""),
        (forecast(None, 5.1), ": 5.1 GB"),
        (forecast(10, 4.0), ": 10 s"),
        (forecast(10, 30.0), ": 30.0 GB, not enough memory"),
        (forecast(10, 30.0, None), ": 10 s"),
        (None, ""),
    ],
    ids=["nothing", "memory", "little memory", "too much", "unknown memory", "no daemon"],
)
def test_words_name_memory_where_it_matters(takes: ForecastReport | None, cost: str) -> None:
    assert words(512, 512, GOOD, takes) == f"Like the layer, 512 px{cost}"


def test_other_size_is_told_once_it_is_chosen() -> None:
    assert other_words(None, 6000, GOOD) == "Other…"
    assert other_words(700, 6000, GOOD) == "Other: 700 px, enlarged 9 ×"


SOFT = "Painted at {} px and enlarged {} ×: brush strokes will look soft at 100 %"


@pytest.mark.parametrize(
    ("size", "layer_px", "quality", "text"),
    [
        (512, 6000, GOOD, SOFT.format(512, 12)),
        (2048, 6000, DRAFT, SOFT.format(1536, 4)),
        (2048, 6000, GOOD, None),
        (2000, 6000, GOOD, None),
        (6000, 6000, DRAFT, None),
        (900, 800, GOOD, "The layer has only 800 px: it is painted at 800 px"),
        (900, 800, DRAFT, "The layer has only 800 px: it is painted at 600 px"),
        (32, 1, GOOD, None),
        (33, 1, GOOD, "The layer has only 1 px: it is painted at 1 px"),
    ],
)
def test_remark_warns_of_soft_strokes_and_of_a_size_without_effect(
    size: int, layer_px: int, quality: Quality, text: str | None
) -> None:
    assert remark(size, layer_px, quality) == text


@pytest.mark.parametrize(
    ("forecasts", "size"),
    [
        ({6000: forecast(2700), 2048: forecast(140), 512: forecast(20)}, 2048),
        ({6000: forecast(90), 2048: forecast(10)}, 6000),
        ({6000: forecast(90, 30.0), 2048: forecast(10)}, 2048),
        ({6000: forecast(90, 30.0, None), 2048: forecast(10)}, 6000),
        ({6000: forecast(2700), 512: forecast(900)}, 512),
        ({6000: forecast(None), 512: forecast(None)}, None),
        ({6000: None, 512: None}, None),
        ({}, None),
    ],
    ids=[
        "slow machine",
        "fast machine",
        "too little memory",
        "unknown memory",
        "nothing is quick",
        "first picture",
        "daemon without forecasts",
        "no daemon",
    ],
)
def test_default_is_the_largest_that_is_painted_soon(
    forecasts: dict[int, ForecastReport | None], size: int | None
) -> None:
    assert default_size(forecasts) == size
