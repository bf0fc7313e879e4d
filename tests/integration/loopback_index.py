"""A package index on this machine's loopback: the wheels of a folder."""

from __future__ import annotations

import base64
import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class LoopbackIndex:
    """An index.

    requests: the path and the range of each request.
    breaks_after: the bytes after which the next file breaks off.
    login: the user's name and password, such as user:password, without which it refuses.
    noise: what it answers in place of everything.
    """

    address: str
    requests: list[tuple[str, str]] = field(default_factory=list)
    breaks_after: int | None = None
    login: str | None = None
    noise: bytes = b""


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    index: LoopbackIndex
    folder: Path

    def do_GET(self) -> None:
        self.index.requests.append((self.path, self.headers.get("Range", "")))
        parts = self.path.strip("/").split("/")
        if not _is_known(self.index.login, self.headers.get("Authorization")):
            self._answer(b"", "text/plain", 401)
        elif parts[0] == "simple":
            self._answer(_page(self.folder, parts[1]).encode(), "text/html")
        else:
            self._send_file(self.folder / parts[-1])

    def handle_one_request(self) -> None:
        if not self.index.noise:
            super().handle_one_request()
            return
        self.rfile.readline()
        self.wfile.write(self.index.noise)
        self.close_connection = True

    def do_HEAD(self) -> None:
        self.do_GET()

    def _send_file(self, file: Path) -> None:
        data, begin = file.read_bytes(), 0
        if match := re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")):
            begin = int(match[1])
            data = data[begin : int(match[2]) + 1 if match[2] else None]
        self._answer(data, "application/octet-stream", 206 if begin or match else 200)

    def _answer(self, data: bytes, kind: str, status: int = 200) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "HEAD":
            return
        limit = self.index.breaks_after if kind.startswith("application") else None
        self.wfile.write(data[:limit])
        if limit is not None and limit < len(data):
            self.index.breaks_after = None
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


@contextmanager
def index_of(folder: Path) -> Iterator[LoopbackIndex]:
    """Serves the wheels of a folder while the context is open."""
    index = LoopbackIndex("")

    handler = type("Handler", (_Handler,), {"index": index, "folder": folder})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    index.address = f"http://127.0.0.1:{server.server_port}/simple"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield index
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _is_known(login: str | None, authorization: str | None) -> bool:
    encoded = base64.b64encode((login or "").encode()).decode()
    return login is None or authorization == f"Basic {encoded}"


def _page(folder: Path, package: str) -> str:
    names = (path.name for path in sorted(folder.glob(f"{package.replace('-', '_')}-*.whl")))
    links = (f'<a href="/files/{name}">{name}</a>' for name in names)
    return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>"
