"""The rules of PROTOCOL.md for changes: programs of this and of the previous release understand
each other as long as both speak impasto/1."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import MISSING, fields, replace
from typing import Any, get_args

import pytest

from compatibility.protocol_description import Description, describe
from compatibility.release_under_test import HERE, VERSION, WHEEL, run_script
from impasto_shared import __version__
from impasto_shared import settings as settings_module
from impasto_shared.beginning import Beginning
from impasto_shared.errors import ErrorCode, InvalidSettings, ProtocolError
from impasto_shared.image import Image, PixelFormat
from impasto_shared.protocol.codec import MAGIC, decode, decode_header, encode
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
    Forecast,
    ForecastReport,
    Forget,
    Hello,
    JobRequest,
    Keep,
    Preview,
    PreviewOptions,
    Result,
    Segment,
    Status,
    StatusReport,
    Submit,
    Update,
    Watch,
    Welcome,
)
from impasto_shared.protocol.reports import (
    CurvePoint,
    JobReport,
    JobState,
    Limits,
    Metrics,
    Problem,
    WorkerReport,
)
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style

JOB = "0123456789abcdef" * 2
PIXEL = Image(1, 1, PixelFormat.RGB_U8, bytes(3))
REPORT = JobReport(JOB, JobState.FAILED, problem=Problem(ErrorCode.INTERNAL, "It failed."))
# No field has its default.
REQUESTS = [
    Hello("1", "test"),
    Submit(
        "1",
        JOB,
        StyleSettings(seed=1),
        PIXEL,
        (Style(PIXEL, 2.0, PIXEL, PIXEL),),
        PreviewOptions(64, 1.0),
        detached=True,
        warm_start=True,
        begin_from=Beginning(PIXEL, 32, PIXEL),
    ),
    Segment("1", JOB, PIXEL, 3),
    Watch("1", JOB, PreviewOptions(64, 1.0)),
    Cancel("1", JOB),
    Keep("1", JOB),
    Detach("1", JOB),
    Status("1", 3),
    Forecast("1", StyleSettings(seed=1), 5, 5, 2, 3, segments=True),
    Fetch("1", JOB),
    Forget("1", JOB),
    Curve("1", JOB),
]
REPLIES = [
    Welcome("1", "boot", "0", Limits(1, 2, 3)),
    Accepted("1", REPORT),
    StatusReport("1", 2, "0", 1.0, WorkerReport(1, "CPU", "vgg19"), (REPORT,), Metrics(done=3)),
    ForecastReport("1", 1.0, 2.0, 3, 4, 5, 6.0),
    CurveReport("1", JOB, (CurvePoint(1, 2.0, 3.0),)),
    Result("1", JOB, PIXEL),
    ErrorReply("1", Problem(ErrorCode.INTERNAL, "It failed.", "size")),
    Update(REPORT),
    Preview(JOB, 3, PIXEL),
]
# A frame and a mask exclude each other.
FRAME = Submit(
    *("1", JOB, StyleSettings(), PIXEL, (Style(PIXEL),)),
    begin_from=Beginning(PIXEL, 32, photo=PIXEL),
)
FORECAST = next(message for message in REQUESTS if isinstance(message, Forecast))
MESSAGES = [*REQUESTS, FRAME, *REPLIES]


def breaches(old: Description, new: Description) -> list[str]:
    """Returns what programs of one description would misunderstand of the other's messages."""
    found = [
        f"The {side} has no message {name} any more"
        for side in ("client", "daemon")
        for name in old[side]
        if name not in new[side]
    ]
    found += [
        f"{kind} must have the choices {choices}: a program refuses others"
        for kind, choices in old["choices"].items()
        if sorted(new["choices"].get(kind, [])) != sorted(choices)
    ]
    found += [
        f"Not every value of the setting {name} is accepted any more"
        for name, setting in old["settings"].items()
        if not includes(new["settings"].get(name), setting)
    ]
    for record, old_fields in old["records"].items():
        new_fields = new["records"].get(record, {})
        found += [
            f"{record}.{name} is not what it was: {new_fields.get(name)} instead of {entry}"
            for name, entry in old_fields.items()
            if new_fields.get(name) != entry
        ]
        found += [
            f"{record}.{name} is new, and has no default"
            for name in new_fields.keys() - old_fields
            if not new_fields[name]["optional"]
        ]
    return found


def includes(new: Any, old: Any) -> bool:
    """Returns whether a setting takes all values that it took, or its former self."""
    return bool(
        new
        and new["kind"] == old["kind"]
        and set(new["choices"]) >= set(old["choices"])
        and (old["low"] is None or new["low"] <= old["low"] <= old["high"] <= new["high"])
    )


@pytest.fixture(scope="module")
def released() -> Description:
    described: Description = json.loads(
        run_script("protocol_description.py", variables={"PYTHONPATH": str(WHEEL)})
    )
    return described


def changed(description: Description, *path: str, to: Any = None) -> Description:
    """Returns a copy with something changed, or deleted, at the path."""
    result = deepcopy(description)
    *folders, name = path
    place = result
    for folder in folders:
        place = place[folder]
    if to is None:
        del place[name]
    else:
        place[name] = to
    return result


def test_one_release_is_stored() -> None:
    stored = [path.name for path in (HERE / "releases").iterdir()]

    assert stored == [f"impasto-{VERSION}-py3-none-any.whl"]
    assert [int(part) for part in VERSION.split(".")] <= [
        int(part) for part in __version__.split(".")[:3]
    ]


def test_programs_of_the_previous_release_understand_this_one(released: Description) -> None:
    assert breaches(released, describe()) == []


@pytest.mark.parametrize(
    ("path", "to", "breach"),
    [
        (("client", "keep"), None, "The client has no message keep any more"),
        (("daemon", "preview"), None, "The daemon has no message preview any more"),
        (("records", "Watch", "previews"), None, "Watch.previews is not what it was"),
        (
            ("records", "Forecast", "width", "type"),
            "float",
            "Forecast.width is not what it was",
        ),
        (
            ("records", "Submit", "detached", "optional"),
            False,
            "Submit.detached is not what it was",
        ),
        (
            ("records", "Status", "skip", "default"),
            "1",
            "Status.skip is not what it was",
        ),
        (
            ("records", "Style", "opacity"),
            {"type": "float", "optional": False},
            "Style.opacity is new, and has no default",
        ),
        (("choices", "JobState"), ["queued", "paused"], "JobState must have the choices"),
        (("settings", "seed"), None, "Not every value of the setting seed"),
        (("settings", "size", "low"), 64, "Not every value of the setting size"),
        (("settings", "size", "high"), 64, "Not every value of the setting size"),
        (("settings", "start", "choices"), ["photo"], "Not every value of the setting start"),
    ],
)
def test_change_that_a_program_would_misunderstand_is_found(
    released: Description, path: tuple[str, ...], to: Any, breach: str
) -> None:
    (found,) = breaches(released, changed(released, *path, to=to))

    assert found.startswith(breach)


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (("client", "pause"), "Pause"),
        (("records", "Style", "opacity"), {"type": "float", "optional": True}),
        (("settings", "varnish"), {"kind": "SwitchSetting"}),
        (("settings", "size", "high"), 10**6),
    ],
)
def test_addition_is_none(released: Description, path: tuple[str, ...], to: Any) -> None:
    assert breaches(released, changed(released, *path, to=to)) == []


def test_settings_are_those_of_the_first_release_and_the_added_ones(released: Description) -> None:
    assert describe()["settings"].keys() - settings_module.ADDED_SETTINGS <= (
        released["settings"].keys()
    )


def test_added_setting_is_sent_only_if_it_was_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings_module, "ADDED_SETTINGS", frozenset({"seed", "quality"}))

    def sent(settings: StyleSettings) -> Any:
        return decode_header(encode(Forecast("1", settings, 5, 5)))["settings"]

    assert sent(StyleSettings()).keys() == StyleSettings().to_json().keys() - {"seed", "quality"}
    assert sent(StyleSettings(seed=7))["seed"] == 7
    assert StyleSettings.from_json(sent(StyleSettings(seed=7))) == StyleSettings(seed=7)


def test_every_message_has_an_example() -> None:
    assert [type(message) for message in REQUESTS] == list(get_args(ClientMessage))
    assert [type(message) for message in REPLIES] == list(get_args(DaemonMessage))


@pytest.mark.parametrize("message", REQUESTS, ids=lambda message: message.type)
def test_every_request_checks_its_id_and_the_name_of_its_job(message: Any) -> None:
    with pytest.raises(ProtocolError, match="id must have 1 to 100 characters"):
        replace(message, id="")
    if isinstance(message, JobRequest):
        with pytest.raises(ProtocolError, match="32 hexadecimal digits"):
            replace(message, job="../job")


def decoded(message: Any, header: Any) -> Any:
    frames = [MAGIC, json.dumps(header).encode(), *encode(message)[2:]]
    union = ClientMessage if message in [*REQUESTS, FRAME] else DaemonMessage
    return decode(frames, union)


def with_more(value: Any) -> Any:
    """Returns the JSON value with an unknown field in each object of it."""
    if isinstance(value, list):
        return [with_more(item) for item in value]
    if not isinstance(value, dict):
        return value
    # In settings a misspelt name would go unnoticed.
    inner = {name: item if name == "settings" else with_more(item) for name, item in value.items()}
    return {**inner, "of_a_later_version": {"a": [1]}}


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.type)
def test_unknown_fields_are_ignored_everywhere(message: Any) -> None:
    header = with_more(decode_header(encode(message)))

    assert json.dumps(header).count("of_a_later_version") >= 1
    assert encode(decoded(message, header)) == encode(message)


@pytest.mark.parametrize("message", [REQUESTS[1], FORECAST], ids=lambda message: message.type)
def test_unknown_setting_is_refused_by_name(message: Any) -> None:
    header = decode_header(encode(message))
    header["settings"]["varnish"] = 1

    with pytest.raises(InvalidSettings, match="There is no setting 'varnish'"):
        decoded(message, header)


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.type)
def test_missing_field_has_its_default_or_is_missed_by_name(message: Any) -> None:
    header = decode_header(encode(message))
    images = {"content", "styles", "begin_from", "image"}  # their frames would be left over
    for entry in fields(message):
        if entry.name in images:
            continue
        rest = {name: value for name, value in header.items() if name != entry.name}
        if entry.default is MISSING:
            with pytest.raises(ProtocolError, match=rf"The field {entry.name} is missing"):
                decoded(message, rest)
        else:
            assert getattr(decoded(message, rest), entry.name) == entry.default


def test_missing_settings_have_their_defaults() -> None:
    header = decode_header(encode(FORECAST))
    header["settings"] = {"size": 77}

    assert decoded(FORECAST, header).settings == StyleSettings(size=77)
