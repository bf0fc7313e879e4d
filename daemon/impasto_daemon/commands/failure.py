"""The errors that end a command with a sentence instead of a traceback."""

from __future__ import annotations

from impasto_shared.errors import ImpastoError

FAILURES = (ImpastoError, OSError, UnicodeError, MemoryError, RecursionError)


def sentence(error: BaseException) -> str:
    """Returns what is wrong, and if possible where and what to do, for one of FAILURES."""
    match error:
        case ImpastoError():
            return str(error)
        case OSError(strerror=str(reason)):
            path = error.filename
            name = path.decode(errors="backslashreplace") if isinstance(path, bytes) else path
            return f"{reason}." if name is None else f"{name}: {reason[0].lower()}{reason[1:]}."
        case UnicodeError():
            return f"A text or the name of a file is not Unicode ({error}). Rename the file."
        case MemoryError():
            return "There is not enough memory. Choose a smaller picture, or close other programs."
        case RecursionError():
            return "A file is nested too deeply to be read."
        case _:
            return f"{error or type(error).__name__}."
