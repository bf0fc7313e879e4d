"""Messages survive the wire, and anything else is refused with its reason."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto_shared.beginning import Beginning
from impasto_shared.errors import (
    ErrorCode,
    ImpastoError,
    InvalidImage,
    InvalidSettings,
    ProtocolError,
)
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.codec import (
    MAGIC,
    MAX_FRAMES,
    MAX_HEADER_BYTES,
    decode,
    encode,
    header_bytes,
)
from impasto_shared.protocol.messages import (
    Accepted,
    Cancel,
    ClientMessage,
    Curve,
    CurveReport,
    DaemonMessage,
    Detach,
    ErrorReply,
    Fetch,
    Forget,
    Hello,
    Keep,
    Preview,
    PreviewOptions,
    Result,
    Status,
    StatusReport,
    Submit,
    Update,
    Welcome,
)
from impasto_shared.protocol.reports import (
    CurvePoint,
    JobReport,
    JobState,
    Limits,
    Problem,
    WorkerReport,
)
from impasto_shared.settings import StyleSettings
from impasto_shared.style import MAX_STYLES, Style

JOB = "0123456789abcdef" * 2

names = st.text(max_size=20, min_size=1).filter(str.isprintable)
text = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
numbers = st.floats(allow_nan=False, allow_infinity=False)
counts = st.integers(0, 2**40)
jobs = st.text("0123456789abcdef", min_size=32, max_size=32)


@st.composite
def images(draw: st.DrawFn) -> Image:
    form = draw(st.sampled_from(PixelFormat))
    width, height = draw(st.integers(1, 5)), draw(st.integers(1, 5))
    size = width * height * form.bytes_per_pixel
    return Image(width, height, form, draw(st.binary(min_size=size, max_size=size)))


problems = st.builds(Problem, st.sampled_from(ErrorCode), text, st.none() | text)
reports = st.builds(
    JobReport,
    jobs,
    st.sampled_from(JobState),
    counts,
    counts,
    counts,
    numbers,
    st.none() | numbers,
    st.none() | numbers,
    counts,
    counts,
    st.none() | problems,
)


@st.composite
def submissions(draw: st.DrawFn) -> Submit:
    """Draws a submission with up to three styles, some with a weight, a region, or a part."""
    content = draw(images())
    styles = []
    for _ in range(draw(st.integers(1, 3))):
        painting = draw(images())
        region = draw(st.none() | st.just(content))
        part = draw(st.none() | st.just(painting))
        styles.append(Style(painting, draw(st.floats(0.001, 1000)), region, part))
    previews = draw(
        st.none() | st.builds(PreviewOptions, st.integers(16, 512), st.floats(0.2, 60.0))
    )
    trust = st.none() | st.just(content)
    begun_px = st.integers(1, 16384)
    beginnings = st.builds(Beginning, st.just(content), begun_px, trust)
    frames = st.builds(Beginning, st.just(content), begun_px, photo=trust)
    begin_from = draw(st.none() | beginnings | frames)
    return Submit(
        draw(text),
        draw(jobs),
        draw(style_settings),
        content,
        tuple(styles),
        previews,
        draw(st.booleans()),
        draw(st.booleans()),
        begin_from,
    )


style_settings = st.builds(StyleSettings, size=st.integers(32, 4096), seed=st.integers(0, 99))
requests = st.one_of(
    st.builds(Hello, text, names),
    submissions(),
    st.builds(Cancel, text, jobs),
    st.builds(Keep, text, jobs),
    st.builds(Detach, text, jobs),
    st.builds(Status, text),
    st.builds(Fetch, text, jobs),
    st.builds(Forget, text, jobs),
    st.builds(Curve, text, jobs),
)
replies = st.one_of(
    st.builds(Welcome, text, text, text, st.builds(Limits, counts, counts, counts, counts)),
    st.builds(Accepted, text, reports),
    st.builds(
        CurveReport,
        text,
        jobs,
        st.lists(st.builds(CurvePoint, counts, numbers, numbers), max_size=3).map(tuple),
    ),
    st.builds(
        StatusReport,
        text,
        counts,
        text,
        numbers,
        st.builds(WorkerReport, st.none() | counts, st.none() | text, st.none() | text),
        st.lists(reports, max_size=3).map(tuple),
    ),
    st.builds(Result, text, jobs, images()),
    st.builds(ErrorReply, st.none() | text, problems),
    st.builds(Update, reports),
    st.builds(Preview, jobs, counts, images()),
)


def plain(value: Any) -> Any:
    """Returns the frames of a message in comparable form, with the header as an object."""
    frames = encode(value)
    return json.loads(bytes(frames[1])), [bytes(frame) for frame in frames[2:]]


def submission() -> list[bytes]:
    pixels = Image(2, 2, PixelFormat.RGB_U8, bytes(range(12)))
    return [
        bytes(frame)
        for frame in encode(Submit("1", JOB, StyleSettings(), pixels, (Style(pixels),)))
    ]


def styled(width: int = 2, height: int = 2) -> dict[str, Any]:
    """Returns a style in the notation of a header."""
    return {"image": {"width": width, "height": height, "format": "R'G'B' u8"}}


def with_header(changes: dict[str, Any]) -> list[bytes]:
    magic, header, *pixels = submission()
    return [magic, json.dumps({**json.loads(header), **changes}).encode(), *pixels]


@given(requests)
def test_request_survives_the_wire(message: Any) -> None:
    decoded = decode(encode(message), ClientMessage)

    assert type(decoded) is type(message)
    assert plain(decoded) == plain(message)


@given(replies)
def test_reply_survives_the_wire(message: Any) -> None:
    decoded = decode(encode(message), DaemonMessage)

    assert type(decoded) is type(message)
    assert plain(decoded) == plain(message)


def test_pixels_are_not_copied() -> None:
    pixels = memoryview(bytearray(12))
    image = Image(2, 2, PixelFormat.RGB_U8, pixels)

    frames = encode(Result("1", JOB, image))

    assert frames[2] is pixels
    assert decode(frames, DaemonMessage).image.pixels is pixels


def test_largest_submission_has_29_frames_and_survives_the_wire() -> None:
    pixel = Image(1, 1, PixelFormat.RGB_U8, bytes(3))
    styles = (Style(pixel, 1.0, pixel, pixel),) * 8
    begin_from = Beginning(pixel, 32, pixel)
    message = Submit("1", JOB, StyleSettings(), pixel, styles, begin_from=begin_from)

    frames = encode(message)
    assert len(frames) == 29
    assert plain(decode(frames, ClientMessage)) == plain(message)


def test_header_has_at_most_65536_bytes() -> None:
    magic, header = encode(Cancel("1", JOB))

    assert decode([magic, bytes(header).ljust(65_536)], ClientMessage) == Cancel("1", JOB)
    with pytest.raises(ProtocolError) as refused:
        decode([magic, bytes(header).ljust(65_537)], ClientMessage)
    assert refused.value.code is ErrorCode.TOO_LARGE


def test_reports_in_a_list_take_no_more_of_the_header_than_is_counted() -> None:
    jobs = tuple(JobReport(JOB, JobState.DONE, client="ä" * count) for count in range(5))

    def length(count: int) -> int:
        frames = encode(StatusReport("1", 2, "0", 1.0, WorkerReport(), jobs[:count]))
        return len(frames[1])

    counted = sum(map(header_bytes, jobs))
    assert counted - len(b", ") == length(len(jobs)) - length(0)


@pytest.mark.parametrize("number", [0, 107, -(2**53 - 1), 2**53 - 1])
def test_whole_number_that_is_exact_is_a_real_one(number: int) -> None:
    magic, header = encode(Update(JobReport(JOB, JobState.RUNNING)))
    content = json.loads(bytes(header))
    content["report"]["painted_s"] = number

    decoded = decode([magic, json.dumps(content).encode()], DaemonMessage).report.painted_s
    assert (type(decoded), decoded) == (float, number)


@pytest.mark.parametrize("number", [2**53, -(2**53), True, "1"])
def test_anything_else_is_no_real_number(number: object) -> None:
    magic, header = encode(Update(JobReport(JOB, JobState.RUNNING)))
    content = json.loads(bytes(header))
    content["report"]["painted_s"] = number

    with pytest.raises(ProtocolError, match="must be of type float"):
        decode([magic, json.dumps(content).encode()], DaemonMessage)


def test_unknown_field_is_ignored() -> None:
    message = decode(with_header({"colour": "blue"}), ClientMessage)

    assert message.job == JOB


@pytest.mark.parametrize("model", ["auto", "vgg16-hed"])
def test_client_of_an_earlier_version_may_name_its_network(model: str) -> None:
    message = decode(with_header({"settings": {"model": model}}), ClientMessage)

    assert message.settings == StyleSettings(model="vgg19")


def test_largest_submission_has_the_most_frames() -> None:
    pixel = Image(1, 1, PixelFormat.RGB_U8, bytes(3))
    styles = (Style(pixel, 1.0, pixel, pixel),) * MAX_STYLES
    beginning = Beginning(pixel, 64, trust=pixel)
    largest = Submit("1", JOB, StyleSettings(), pixel, styles, begin_from=beginning)

    frames = encode(largest)

    assert len(frames) == MAX_FRAMES
    assert len(encode(decode(frames, ClientMessage))) == MAX_FRAMES


@pytest.mark.parametrize("frame", range(4))
def test_every_truncation_is_refused(frame: int) -> None:
    complete = submission()
    for length in range(len(complete[frame])):
        frames = [*complete[:frame], complete[frame][:length], *complete[frame + 1 :]]
        with pytest.raises(ImpastoError):
            decode(frames, ClientMessage)
    with pytest.raises(ImpastoError):
        decode(complete[:frame], ClientMessage)


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([], ErrorCode.UNSUPPORTED_VERSION),
        ([b"impasto/2", b"{}"], ErrorCode.UNSUPPORTED_VERSION),
        ([b"impasto/10", b"{}"], ErrorCode.UNSUPPORTED_VERSION),
        ([b""], ErrorCode.UNSUPPORTED_VERSION),
        ([MAGIC], ErrorCode.BAD_MESSAGE),
        ([MAGIC] + [b"{}"] * MAX_FRAMES, ErrorCode.BAD_MESSAGE),
        ([MAGIC, b" " * (MAX_HEADER_BYTES + 1)], ErrorCode.TOO_LARGE),
        ([MAGIC, b""], ErrorCode.BAD_MESSAGE),
        ([MAGIC, b"\xff"], ErrorCode.BAD_MESSAGE),
        ([MAGIC, b"[]"], ErrorCode.BAD_MESSAGE),
        ([MAGIC, b"null"], ErrorCode.BAD_MESSAGE),
        ([MAGIC, b'{"type":"hello","id":NaN}'], ErrorCode.BAD_MESSAGE),
        ([MAGIC, b"[" * 60_000], ErrorCode.BAD_MESSAGE),
        ([MAGIC, b'{"id":' + b"9" * 60_000 + b"}"], ErrorCode.BAD_MESSAGE),
        ([MAGIC, b"{}"], ErrorCode.UNKNOWN_TYPE),
        ([MAGIC, b'{"type":"kill","id":"1"}'], ErrorCode.UNKNOWN_TYPE),
        ([MAGIC, b'{"type":["hello"],"id":"1"}'], ErrorCode.UNKNOWN_TYPE),
        ([MAGIC, b'{"type":"welcome","re":"1"}'], ErrorCode.UNKNOWN_TYPE),
        ([MAGIC, b'{"type":"status"}'], ErrorCode.BAD_MESSAGE),
        ([MAGIC, b'{"type":"status","id":1}'], ErrorCode.BAD_MESSAGE),
        ([MAGIC, b'{"type":"status","id":null}'], ErrorCode.BAD_MESSAGE),
        ([MAGIC, b'{"type":"status","id":""}'], ErrorCode.BAD_MESSAGE),
        ([MAGIC, b'{"type":"status","id":"' + b"i" * 101 + b'"}'], ErrorCode.BAD_MESSAGE),
        ([MAGIC, b'{"type":"status","id":"\\ud800"}'], ErrorCode.BAD_MESSAGE),
        ([MAGIC, b'{"type":"status","id":"1"}', b"pixels"], ErrorCode.BAD_MESSAGE),
        ([MAGIC, b'{"type":"cancel","id":"1","job":"../etc/passwd"}'], ErrorCode.BAD_MESSAGE),
    ],
)
def test_malformed_message_is_refused_with_its_code(frames: list[bytes], code: ErrorCode) -> None:
    with pytest.raises(ProtocolError) as caught:
        decode(frames, ClientMessage)

    assert caught.value.code is code


@pytest.mark.parametrize(
    ("changes", "error", "field"),
    [
        ({"settings": {"size": 1e999}}, ProtocolError, None),
        ({"settings": {"size": 0}}, InvalidSettings, "size"),
        ({"settings": None}, InvalidSettings, "settings"),
        ({"content": None}, ProtocolError, "content"),
        ({"begin_from": {"size": 32}}, ProtocolError, "begin_from.image"),
        (
            {"begin_from": {"image": styled()["image"], "size": 32}},
            ProtocolError,
            "begin_from.image",
        ),
        ({"content": {"width": 2, "height": 2}}, ProtocolError, "content.format"),
        (
            {"content": {"width": 2, "height": 2, "format": "CMYK u8"}},
            ProtocolError,
            "content.format",
        ),
        (
            {"content": {"width": True, "height": 2, "format": "R'G'B' u8"}},
            ProtocolError,
            "content.width",
        ),
        (
            {"content": {"width": 2.0, "height": 2, "format": "R'G'B' u8"}},
            ProtocolError,
            "content.width",
        ),
        ({"content": {"width": -2, "height": -2, "format": "R'G'B' u8"}}, InvalidImage, "content"),
        ({"styles": [styled(height=3)]}, InvalidImage, "styles[0].image"),
        ({"styles": [styled(width=2**40)]}, InvalidImage, "styles[0].image"),
        ({"styles": styled()}, ProtocolError, "styles"),
        ({"styles": [styled() | {"weight": "1"}]}, ProtocolError, "styles[0].weight"),
        ({"styles": [styled() | {"weight": 0}]}, InvalidSettings, "styles[0].weight"),
        ({"styles": [styled() | {"weight": 1e9}]}, InvalidSettings, "styles[0].weight"),
        ({"styles": [styled() | {"region": styled()["image"]}]}, ProtocolError, "styles[0].region"),
        ({"styles": []}, InvalidImage, None),
        ({"previews": {"longest_side_px": 15}}, ProtocolError, "previews.longest_side_px"),
        ({"previews": {"longest_side_px": 1537}}, ProtocolError, "previews.longest_side_px"),
        ({"previews": {"interval_s": 0.19}}, ProtocolError, "previews.interval_s"),
        ({"previews": True}, ProtocolError, "previews"),
    ],
)
def test_malformed_submission_is_refused_by_field(
    changes: dict[str, Any], error: type[ImpastoError], field: str | None
) -> None:
    with pytest.raises(error) as caught:
        decode(with_header(changes), ClientMessage)

    assert caught.value.field == field


@settings(max_examples=300)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | numbers | st.text(max_size=8),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "id", "job", "settings", "content", "width"]), inner
            )
        ),
    ),
    st.sampled_from(["submit", "cancel", "hello"]),
    st.lists(st.binary(max_size=16), max_size=3),
)
def test_any_json_is_decoded_or_refused_on_purpose(
    value: Any, kind: str, pixels: list[bytes]
) -> None:
    header = {**value, "type": kind} if isinstance(value, dict) else value
    with suppress(ImpastoError):
        decode([MAGIC, json.dumps(header).encode(), *pixels], ClientMessage)


@pytest.mark.parametrize(
    ("version", "advice"),
    [
        (b"impasto/2", "connects to it impasto/2. Update the older one, the daemon: .* restart it"),
        (b"impasto/0", "Update the older one, the program that connects to it: install the newer"),
        (b"impasto/1" * 9, "no message of Impasto"),
    ],
)
def test_program_of_another_version_learns_which_side_to_update(
    version: bytes, advice: str
) -> None:
    with pytest.raises(ProtocolError, match=advice):
        decode([version, b"{}"], ClientMessage)
