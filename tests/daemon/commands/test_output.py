import json

import pytest

from impasto_daemon.commands.output import complain, say, say_json, warn

HOSTILE = "\x1b[8mhidden\nimpasto: all is well"


@pytest.mark.parametrize(("print_line", "stream"), [(say, "out"), (warn, "err"), (complain, "err")])
def test_line_stays_one_line_without_control_characters(
    capsys: pytest.CaptureFixture[str], print_line: object, stream: str
) -> None:
    print_line(HOSTILE)  # type: ignore[operator]

    shown = getattr(capsys.readouterr(), stream)
    assert "\x1b" not in shown
    assert shown.count("\n") == 1


def test_json_holds_any_text_as_escapes(capsys: pytest.CaptureFixture[str]) -> None:
    say_json({"text": HOSTILE + "\udce9"})

    shown = capsys.readouterr().out
    assert json.loads(shown)["text"] == HOSTILE + "\udce9"
    assert shown.isascii()
    assert "\x1b" not in shown
