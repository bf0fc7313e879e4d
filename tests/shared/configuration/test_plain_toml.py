"""The reader for Python 3.10 against that of the standard library."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from impasto_shared.configuration.options import OPTIONS, toml_value
from impasto_shared.configuration.plain_toml import PlainTomlError, parse_plain_toml

PIECES = st.sampled_from(
    [
        *("[daemon]", "[ client ] # mine", "[[daemon]]", "[daemon.more]", '["client"]', "[daemon"),
        *("endpoint", "'quoted'", '"quoted"', " = ", "=", "#", "\n", "\r\n", " ", "\t", "\0"),
        *('"tcp://127.0.0.1:5570"', "'C:\\x'", '"\\u00e9\\n"', '"\\/"', '"é#" # no', '"""', '"\\'),
        *("10", "-1.5", "1_000", "1e3", "007", "+5", ".5", "true", "nan", "1979-05-27", "{}", "[]"),
        *("[\"cpu\", 'cuda:0', ] # both", '[ "#" ]', "['a' 'b']", '["a", 1]', '["a",, "b"]'),
    ]
)


@settings(deadline=None, max_examples=1000, derandomize=True)
@given(st.lists(PIECES, max_size=12).map("".join))
def test_what_it_reads_is_what_toml_means(text: str) -> None:
    try:
        plain = parse_plain_toml(text)
    except PlainTomlError:
        return

    assert plain == tomllib.loads(text)


def test_every_option_can_be_written_for_it() -> None:
    lines = [
        f"[{table}]  # of the {table}\n"
        + "".join(
            f"{option.name} = {toml_value(option.setting.default)}\n"
            for option in OPTIONS
            if option.table == table
        )
        for table in ("daemon", "client")
    ]
    text = "# options\n\n" + "\r\n".join(lines)

    assert parse_plain_toml(text) == tomllib.loads(text)
    assert len(parse_plain_toml(text)["daemon"]) > 5


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[daemon]\nkeep_mb 10", "neither \\[table\\] nor name = value \\(at line 2\\)"),
        ("[daemon]\nkeep_mb = ten", "neither text in quotes nor a number \\(at line 2\\)"),
        ("a = 1\na = 2", "a is there twice \\(at line 2\\)"),
        ("a = '\x1b'", "a control character \\(at line 1\\)"),
    ],
)
def test_anything_else_is_refused_with_the_line(text: str, reason: str) -> None:
    with pytest.raises(PlainTomlError, match=reason):
        parse_plain_toml(text)
