import pytest

from impasto_daemon.commands.failure import FAILURES, sentence
from impasto_shared.errors import ImpastoError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ImpastoError("The photo is too large."), "The photo is too large."),
        (PermissionError(13, "Permission denied", "/etc/x"), "/etc/x: permission denied."),
        (OSError(28, "No space left on device"), "No space left on device."),
        (FileNotFoundError(2, "No such file", b"o\xe9"), "o\\xe9: no such file."),
        (UnicodeEncodeError("utf-8", "x", 0, 1, "no"), "Rename the file."),
        (MemoryError(), "not enough memory"),
        (RecursionError(), "nested too deeply"),
        (OSError("odd"), "odd."),
    ],
)
def test_failure_is_a_sentence(error: Exception, text: str) -> None:
    assert isinstance(error, FAILURES)
    assert text in sentence(error)
