"""The origin of PyTorch: the addresses that uv asks for, and a stand-in for PyTorch's own index.

All of uv's connections go to a proxy on this machine, so that nothing leaves it.
"""

from __future__ import annotations

import http.server
import os
import re
import shutil
import ssl
import subprocess
import threading
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from impasto_daemon.setup import environment as environments
from impasto_daemon.setup.uv import torch_for
from impasto_shared.installation import obtainable_torch, torch_build
from impasto_shared.installation.environment import Environment
from impasto_shared.installation.obtainable_torch import question_to
from impasto_shared.installation.torch_build import Build
from integration.loopback_index import LoopbackIndex, index_of
from release.installed_release import uv_program
from release.stub_wheels import write_stub

VERSION = "2.15.0"
_ADDRESS = re.compile(r"https://([^/]+)(/whl/cpu/torch/)")
_CERTIFICATES = """
set -e
new="openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=test"
$new -x509 -days 2 -keyout ca.key -out ca.pem
$new -keyout server.key -out server.csr
printf 'subjectAltName=DNS:%s\\n' "$1" >names
openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
    -extfile names -out server.pem
"""


@dataclass
class Proxy:
    """A proxy that is every host: it has the wheels of a folder, or refuses each connection.

    asked: the addresses that were asked for.
    """

    port: int = 0
    folder: Path | None = None
    asked: list[str] = field(default_factory=list)
    context: ssl.SSLContext | None = None


class _Tunnel(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    proxy: Proxy
    host = ""

    def do_CONNECT(self) -> None:
        if self.proxy.context is None:
            self.proxy.asked.append(f"https://{self.path.removesuffix(':443')}")
            self.send_error(403)
            return
        self.send_response(200)
        self.end_headers()
        self.host = self.path.removesuffix(":443")
        self.connection = self.proxy.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb")
        self.wfile = self.connection.makefile("wb", buffering=0)
        self.close_connection = False

    def do_GET(self) -> None:
        assert self.proxy.folder is not None
        self.proxy.asked.append(f"https://{self.host}{self.path}")
        *_, package, last = self.path.split("/")
        data = b"" if last else self._page(package)
        if last:
            data = (self.proxy.folder / last).read_bytes()
        self.send_response(200)
        self.send_header("Content-Type", "application/octet-stream" if last else "text/html")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(data)

    def do_HEAD(self) -> None:
        self.do_GET()

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def _page(self, package: str) -> bytes:
        assert self.proxy.folder is not None
        names = sorted(path.name for path in self.proxy.folder.glob(f"{package}-*.whl"))
        links = "".join(f'<a href="/whl/cpu/{name}">{name}</a>' for name in names)
        return f"<!DOCTYPE html><html><body>{links}</body></html>".encode()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def running_proxy() -> Iterator[Proxy]:
    """Serves as a proxy while the context is open."""
    proxy = Proxy()
    handler = type("Handler", (_Tunnel,), {"proxy": proxy})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    proxy.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def proxy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """The only way to other machines, of a machine without a GPU."""
    monkeypatch.setattr(torch_build, "GPU_DEVICES", ())
    monkeypatch.setattr(environments, "check_disk_space", lambda *_: None)
    monkeypatch.setenv("PATH", f"{Path(uv_program()).parent}:{os.environ['PATH']}")
    constraints = tmp_path / "constraints.txt"
    constraints.write_text(f"torch=={VERSION}\n")
    monkeypatch.setattr(obtainable_torch, "CONSTRAINTS", constraints)
    for name in [name for name in os.environ if name.startswith("UV_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache-of-uv"))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS", "never")
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")
    with running_proxy() as proxy:
        for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        yield proxy


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LoopbackIndex]:
    """The usual index, whose PyTorch is for GPUs."""
    folder = tmp_path / "usual"
    folder.mkdir()
    write_stub(folder, "nvidia_cublas", "13.0")
    write_stub(folder, "torch", VERSION, requires=("nvidia-cublas",))
    with index_of(folder) as index:
        monkeypatch.setenv("UV_DEFAULT_INDEX", index.address)
        yield index


@pytest.fixture
def environment(tmp_path: Path) -> Environment:
    return Environment(tmp_path / "venv")


@pytest.fixture
def python(tmp_path: Path) -> Path:
    venv.create(tmp_path / "bare", symlinks=True)
    return tmp_path / "bare/bin/python"


def make(environment: Environment, build: Build = Build.CPU) -> set[str]:
    """Makes an environment with PyTorch, and returns the names of what is in it."""
    environments.make(environment, "test", build, ["torch"])
    (site_packages,) = environment.folder.glob("lib/python3*/site-packages")
    return {path.name.partition("-")[0] for path in site_packages.glob("*.dist-info")} - {"pip"}


def address_of_pytorch(python: Path) -> str:
    """Returns the host that uv asks for the build for processors, by its own words."""
    failed = subprocess.run(
        question_to(uv_program(), python, "cpu"),
        env=os.environ | {"UV_HTTP_RETRIES": "0"},
        capture_output=True,
        text=True,
    )
    match = _ADDRESS.search(failed.stderr)
    assert match, failed.stderr
    return match[1]


def test_build_for_processors_is_asked_for_at_pytorchs_own_index(
    proxy: Proxy, index: LoopbackIndex, python: Path
) -> None:
    host = address_of_pytorch(python)

    assert proxy.asked == [f"https://{host}"]
    assert index.requests == []


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes certificates")
def test_build_for_processors_comes_from_there(
    proxy: Proxy,
    index: LoopbackIndex,
    environment: Environment,
    python: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    host = address_of_pytorch(python)
    proxy.asked.clear()
    proxy.folder = tmp_path / "of-pytorch"
    proxy.folder.mkdir()
    wheel = write_stub(proxy.folder, "torch", f"{VERSION}+cpu")
    making = ["sh", "-c", _CERTIFICATES, "sh", host]
    subprocess.run(making, cwd=tmp_path, check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    proxy.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    proxy.context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")

    packages = make(environment)

    assert packages == {"torch"}
    assert environment.build is Build.CPU
    assert f"https://{host}/whl/cpu/torch/" in proxy.asked
    assert f"https://{host}/whl/cpu/{wheel.name}" in proxy.asked
    assert all(address.startswith(f"https://{host}/whl/cpu/") for address in proxy.asked)
    assert not any("torch" in path for path, _ in index.requests)


def test_usual_index_has_it_where_that_cannot_be_reached(
    proxy: Proxy, index: LoopbackIndex, environment: Environment, capsys: pytest.CaptureFixture[str]
) -> None:
    packages = make(environment)
    again = make(environment)

    assert packages == again == {"torch", "nvidia_cublas"}
    assert environment.build is Build.GPU  # whatever was wished for
    assert proxy.asked
    assert "/simple/torch/" in [path for path, _ in index.requests]
    said = capsys.readouterr().out
    assert "the build for GPUs, since the smaller one cannot be reached" in said
    assert "build for a CPU cannot be reached from here; the present one stays" in said
    assert "Environment: up to date" in said


@pytest.mark.usefixtures("proxy", "index")
def test_folder_of_wheels_has_it_where_that_cannot_be_reached(
    environment: Environment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_stub(tmp_path, "torch", f"{VERSION}+cpu")
    monkeypatch.setenv("UV_FIND_LINKS", str(tmp_path))

    assert make(environment) == {"torch"}
    assert environment.build is Build.CPU
    assert "About 400 MB are downloaded" in capsys.readouterr().out


@pytest.mark.usefixtures("proxy")
def test_present_build_stays_where_no_index_can_be_reached(
    python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")

    assert torch_for(uv_program(), Build.CPU, python) is None
