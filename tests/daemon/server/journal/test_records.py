from dataclasses import replace
from typing import Any

import pytest

from impasto_daemon.server.journal.records import (
    InputFile,
    PictureFile,
    Record,
    decode_record,
    encode_record,
)
from impasto_shared.errors import ErrorCode, ImpastoError
from impasto_shared.image import PixelFormat
from impasto_shared.protocol.reports import JobState, Problem
from impasto_shared.settings import StyleSettings

JOB = "0" * 32
RECORD = Record(
    job=JOB,
    number=3,
    state=JobState.DONE,
    client="GIMP",
    detached=True,
    settings=StyleSettings(size=384),
    width=64,
    height=48,
    submitted_at=1.5e9,
    starts=1,
    step=90,
    steps=90,
    loss=0.5,
    painted_s=60.0,
    ended_at=1.5e9 + 70,
    problem=Problem(ErrorCode.INTERNAL, "It broke."),
    input=InputFile(f"{JOB}-01234567.input", 9000),
    picture=PictureFile(f"{JOB}-89abcdef.picture", 64, 48, PixelFormat.RGBA_U16, "boot"),
    removal_reason="It expired.",
    begun_px=256,
)


def test_record_survives_its_encoding() -> None:
    assert decode_record(encode_record(RECORD)) == RECORD
    bare = replace(RECORD, problem=None, input=None, picture=None, loss=None, ended_at=None)
    assert decode_record(encode_record(bare)) == bare


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"number": 3', b'"number": "3"'),
        (b'"width": 64', b'"width": -64'),
        (b'"state": "done"', b'"state": "painted"'),
        (b"1500000070.0", b"1e999"),
        (b'"size": 384', b'"size": 0'),
        (b'"size": 384', b'"sice": 384'),
        (b"-01234567.input", b"/../../../.ssh/id.input"),
        (b'"type": "job"', b'"type": "submit"'),
        (b'{"type"', b'"type"'),
        (b"GIMP", b"\xff"),
    ],
)
def test_damaged_record_is_refused_with_a_reason(old: bytes, new: bytes) -> None:
    data = encode_record(RECORD)
    assert old in data

    with pytest.raises(ImpastoError, match=r"\w+"):
        decode_record(data.replace(old, new, 1))


def test_size_of_the_file_follows_from_the_picture() -> None:
    picture: Any = RECORD.picture

    assert picture.size_bytes == 64 * 48 * 8
