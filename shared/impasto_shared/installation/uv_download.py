"""The program uv from its wheel, which is a zip: downloaded, verified and unpacked.

Not on Windows: from within GIMP, Impasto is installed on other systems only.
"""

from __future__ import annotations

import hashlib
import platform
import re
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from impasto_shared.errors import ImpastoError
from impasto_shared.installation.package_index import IndexFile, files_of, opened
from impasto_shared.installation.pins import Pin, pin_of
from impasto_shared.text.sentences import sentence

_CHUNK_BYTES = 2**16
_LIMIT_BYTES = 200 * 2**20
_PARTIAL_CONTENT = 206
# The ends of the names of wheels, by system; the C library's minimal version stands before.
_TAGS = {
    "linux": ("manylinux", "musllinux"),
    "darwin": ("macosx",),
}
_MACHINES = {
    "x86_64": ("x86_64",),
    "aarch64": ("aarch64",),
    "arm64": ("arm64",),
}

Report = Callable[[int, "int | None"], None]
"""Called with the bytes received and, if the server says how many, with all; may raise."""


def fetched_uv(index: str, folder: Path, report: Report) -> Path:
    """Returns the path of the pinned uv in a folder, where it is put unless it is there.

    Raises:
        OSError, ValueError: if it cannot be received or written; another try continues.
        ImpastoError: if the index has none for this machine, or another than the pinned one.
    """
    pin = pin_of("uv")
    program = folder / f"uv-{pin.version}" / "uv"
    if not program.is_file():
        wheel = folder / "uv.whl.part"
        program.parent.mkdir(parents=True, exist_ok=True)
        _download(_wheel_for_this_machine(files_of(index, "uv"), pin), wheel, pin, report)
        _unpack(wheel, program)
        wheel.unlink()
    return program


def _wheel_for_this_machine(files: list[IndexFile], pin: Pin) -> IndexFile:
    systems, machine = _TAGS.get(sys.platform, ()), platform.machine().lower()
    for system in systems:
        for word in _MACHINES.get(machine, ()):
            name = re.compile(rf"uv-{re.escape(pin.version)}-.*{system}.*_{word}\.whl")
            for file in files:
                if name.fullmatch(file.name):
                    return file
    raise ImpastoError(sentence("no-uv", version=pin.version, system=f"{sys.platform} {machine}"))


def _download(file: IndexFile, partial: Path, pin: Pin, report: Report) -> None:
    """Receives the rest of a wheel, and all of it again if the result is not the pinned one."""
    was_begun = partial.is_file()
    _receive(file, partial, report)
    if _sha256(partial) in pin.hashes:
        return
    partial.unlink()
    if was_begun:
        _receive(file, partial, report)
        if _sha256(partial) in pin.hashes:
            return
        partial.unlink()
    raise ImpastoError(sentence("uv-damaged", version=pin.version))


def _receive(file: IndexFile, partial: Path, report: Report) -> None:
    begin = partial.stat().st_size if partial.is_file() else 0
    headers = {"Range": f"bytes={begin}-"} if begin else {}
    try:
        reply = opened(file.url, headers)
    except OSError as error:
        if getattr(error, "code", None) == 416:  # all of it is there
            return
        raise
    with reply:
        if begin and reply.status != _PARTIAL_CONTENT:
            begin = 0
        length = reply.headers.get("Content-Length", "")
        total = begin + int(length) if length.isdecimal() else None
        with partial.open("r+b" if begin else "wb") as target:
            target.seek(begin)
            while chunk := reply.read(_CHUNK_BYTES):
                target.write(chunk)
                if target.tell() > _LIMIT_BYTES:
                    raise ImpastoError(sentence("uv-damaged", version=pin_of("uv").version))
                report(target.tell(), total)
    if total is not None and partial.stat().st_size < total:
        raise ConnectionResetError("the connection broke")


def _sha256(file: Path) -> str:
    digest = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def _unpack(wheel: Path, program: Path) -> None:
    draft = program.with_suffix(".new")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(f"/scripts/{program.name}"))
        with archive.open(name) as source, draft.open("wb") as target:
            shutil.copyfileobj(source, target)
    draft.chmod(0o755)
    draft.replace(program)
