"""The activity of a process: the processor time that it has used."""

from __future__ import annotations

from pathlib import Path

# The fields of /proc/PID/stat after the name, which may contain spaces and parentheses.
_USER_TIME, _SYSTEM_TIME = 11, 12


def processor_ticks(pid: int) -> int | None:
    """Returns the processor time of a process in clock ticks; None if the system does not say."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
        return int(fields[_USER_TIME]) + int(fields[_SYSTEM_TIME])
    except (OSError, IndexError, ValueError):
        return None
