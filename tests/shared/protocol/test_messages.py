"""Messages check their fields, and have different names on the wire."""

from collections.abc import Callable
from typing import Any, get_args

import pytest

from impasto_shared.beginning import Beginning
from impasto_shared.errors import ImpastoError, InvalidImage, ProtocolError
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.messages import (
    Cancel,
    ClientMessage,
    DaemonMessage,
    Forecast,
    Hello,
    PreviewOptions,
    Segment,
    Status,
    Submit,
)
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

JOB = "0123456789abcdef" * 2
PIXEL = Image(1, 1, PixelFormat.RGB_U8, bytes(3))


def test_names_on_the_wire_are_different() -> None:
    names = [message.type for message in (*get_args(ClientMessage), *get_args(DaemonMessage))]

    assert len(set(names)) == len(names)


@pytest.mark.parametrize("identifier", ["", "i" * 101])
def test_id_of_another_length_is_refused(identifier: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        Status(identifier)

    assert refused.value.field == "id"


@pytest.mark.parametrize("job", ["", JOB[1:], JOB + "0", JOB.upper(), "../" + JOB[3:]])
def test_name_of_a_job_must_be_32_hexadecimal_digits(job: str) -> None:
    assert Cancel("1", JOB).job == JOB
    with pytest.raises(ProtocolError, match="32 hexadecimal digits") as refused:
        Cancel("1", job)

    assert refused.value.field == "job"


@pytest.mark.parametrize("client", ["", "c" * 101, "two\nlines", "\x1b[31mred"])
def test_name_of_a_client_must_be_short_and_printable(client: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        Hello("1", client)

    assert refused.value.field == "client"


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"longest_side_px": 15}, "longest_side_px"),
        ({"longest_side_px": 1537}, "longest_side_px"),
        ({"interval_s": 0.1}, "interval_s"),
        ({"interval_s": float("nan")}, "interval_s"),
    ],
)
def test_previews_out_of_range_are_refused(values: dict[str, Any], field: str) -> None:
    with pytest.raises(ProtocolError) as refused:
        PreviewOptions(**values)

    assert refused.value.field == field


@pytest.mark.parametrize(
    "message",
    [
        lambda: Status("i"),
        lambda: Status("i" * 100),
        lambda: Status("i", 0),
        lambda: Status("i", 10**6),
        lambda: Hello("1", "c"),
        lambda: Hello("1", "c" * 100),
        lambda: PreviewOptions(16, 0.2),
        lambda: PreviewOptions(1536, 60),
        lambda: Forecast("1", StyleSettings(), 1, 1, 0, 0),
        lambda: Forecast("1", StyleSettings(), 10_000, 10_000, 8, 16_384),
    ],
)
def test_numbers_at_their_limits_are_accepted(message: Callable[[], object]) -> None:
    assert message() is not None


@pytest.mark.parametrize("skip", [-1, 10**6 + 1])
def test_number_of_jobs_to_leave_out_has_limits(skip: int) -> None:
    with pytest.raises(ProtocolError, match="skip must lie between 0 and 1000000"):
        Status("1", skip)


@pytest.mark.parametrize("values", [{"longest_side_px": 1537}, {"interval_s": 60.5}])
def test_previews_above_their_limits_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError, match="of the previews must lie between"):
        PreviewOptions(**values)


def test_message_without_its_optional_fields_has_the_documented_defaults() -> None:
    submission = Submit("1", JOB, StyleSettings(), PIXEL, (Style(PIXEL),))

    assert (submission.previews, submission.begin_from, submission.begun_px) == (None, None, 0)
    assert (submission.detached, submission.warm_start) == (False, False)
    assert (PreviewOptions().longest_side_px, PreviewOptions().interval_s) == (512, 0.5)
    forecast = Forecast("1", StyleSettings(), 5, 5)
    assert (forecast.paintings, forecast.begun_px, Status("1").skip) == (1, 0, 0)


@pytest.mark.parametrize("regions", [-1, 1, 7])
def test_segmentation_checks_the_number_of_regions(regions: int) -> None:
    with pytest.raises(ImpastoError) as refused:
        Segment("1", JOB, PIXEL, regions)

    assert refused.value.field == "regions"
    assert [Segment("1", JOB, PIXEL, number).regions for number in (2, 6)] == [2, 6]
    segmentation = Segment("1", JOB, PIXEL)
    assert (segmentation.regions, segmentation.detached, segmentation.previews) == (0, False, None)


def test_submission_checks_its_styles() -> None:
    with pytest.raises(ImpastoError, match="No style is given"):
        Submit("1", JOB, StyleSettings(), PIXEL, ())

    assert Submit("1", JOB, StyleSettings(), PIXEL, (Style(PIXEL),)).detached is False


def test_submission_checks_the_picture_to_begin_from() -> None:
    wide = Image(3, 1, PIXEL.format, bytes(PIXEL.pixels) * 3)
    with pytest.raises(InvalidImage, match="begin from is 3 × 1 pixels, but the photo is 1 × 1"):
        Submit("1", JOB, StyleSettings(), PIXEL, (Style(PIXEL),), begin_from=Beginning(wide, 32))

    submission = Submit(
        "1", JOB, StyleSettings(), PIXEL, (Style(PIXEL),), begin_from=Beginning(PIXEL, 32)
    )
    assert submission.images == (PIXEL, PIXEL, PIXEL)
    assert submission.begun_px == 32


@pytest.mark.parametrize("begun_px", [-1, 16385])
def test_forecast_checks_where_it_begins(begun_px: int) -> None:
    with pytest.raises(ProtocolError, match="begun_px must lie between 0 and 16384"):
        Forecast("1", StyleSettings(), 5, 5, begun_px=begun_px)


def test_forecast_checks_the_size_of_the_content() -> None:
    with pytest.raises(InvalidImage, match="The image has 0 × 5 pixels"):
        Forecast("1", StyleSettings(), 0, 5)


@pytest.mark.parametrize("paintings", [-1, 9])
def test_forecast_checks_the_number_of_paintings(paintings: int) -> None:
    with pytest.raises(ProtocolError, match="0 to 8 paintings"):
        Forecast("1", StyleSettings(), 5, 5, paintings)
