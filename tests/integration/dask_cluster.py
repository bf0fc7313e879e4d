"""A real Dask cluster on this machine: a scheduler and its workers, each a process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from distributed import Client

from integration.daemon_process import PATIENCE_S, ROOT, free_address, wait_for

_SCHEDULER = (sys.executable, "-m", "distributed.cli.dask_scheduler", "--no-dashboard")
_WORKER = (sys.executable, "-m", "distributed.cli.dask_worker", "--no-dashboard", "--no-nanny")


class DaskCluster:
    """A scheduler and a folder, used with `with`; its processes are killed at the end.

    A worker has no nanny, so that it is gone when it is killed.

    patience_s: for a connection.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self.folder = Path(tempfile.mkdtemp(prefix="impasto-test-"))
        self.file = self.folder / "scheduler.json"
        self.variables: dict[str, str] = {}
        self._protocol = "tcp"
        self._host, _, self._port = free_address().removeprefix("tcp://").partition(":")
        self.workers: list[subprocess.Popen[bytes]] = []
        self.scheduler: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        """The variables under which nothing of the user's is found."""
        return os.environ | {
            "HOME": str(self.folder),
            "XDG_CONFIG_HOME": str(self.folder / ".config"),
            "XDG_RUNTIME_DIR": str(self.folder),
            "PYTHONPATH": f"{ROOT / 'shared'}:{ROOT / 'daemon'}",
            "DASK_DISTRIBUTED__ADMIN__LOG_LENGTH": "100",
            "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": f"{self._patience_s:.0f}s",
            **self.variables,
        }

    def secure(self, certificate: str, key: str) -> None:
        """Has all programs use TLS with a certificate, which signs itself; names of files."""
        self._protocol = "tls"
        self.variables["DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION"] = "true"
        self.variables["DASK_DISTRIBUTED__COMM__TLS__CA_FILE"] = certificate
        for role in ("SCHEDULER", "WORKER", "CLIENT"):
            self.variables[f"DASK_DISTRIBUTED__COMM__TLS__{role}__CERT"] = certificate
            self.variables[f"DASK_DISTRIBUTED__COMM__TLS__{role}__KEY"] = key

    @property
    def address(self) -> str:
        """The address of the scheduler."""
        return str(json.loads(self.file.read_text())["address"])

    def start_scheduler(self) -> None:
        """Starts the scheduler, each time at the same address; waits until it has its file."""
        self.file.unlink(missing_ok=True)
        options = (
            "--protocol",
            self._protocol,
            "--host",
            self._host,
            "--port",
            self._port,
            "--scheduler-file",
            str(self.file),
        )
        self.scheduler = self._start("scheduler", [*_SCHEDULER, *options])
        wait_for(self.file.exists, "the scheduler")

    def start_workers(self, count: int) -> None:
        """Starts workers; does not wait for them."""
        for number in range(len(self.workers), len(self.workers) + count):
            options = ("--nthreads", "1", "--memory-limit", "0", "--resources", "impasto=1")
            places = ("--name", str(number), "--scheduler-file", str(self.file))
            local = ("--local-directory", str(self.folder / f"worker-{number}"))
            command = [*_WORKER, *options, *places, *local]
            self.workers.append(self._start(f"worker-{number}", command))

    def _start(self, name: str, command: Sequence[str]) -> subprocess.Popen[bytes]:
        with (self.folder / f"{name}.log").open("ab") as log:
            return subprocess.Popen(
                command, env=self.environment, cwd=self.folder, stdout=log, stderr=log
            )

    def client(self) -> Any:
        """Opens a connection of the test's own."""
        return Client(self.address, set_as_default=False)

    def command(self, *arguments: str) -> list[str]:
        """Returns the command line of `impasto` with `arguments`."""
        return [sys.executable, "-P", "-m", "impasto_daemon", *arguments]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs `impasto` with `arguments` to its end."""
        with self.popen(*arguments) as process:
            out, told = process.communicate()
        return subprocess.CompletedProcess(arguments, process.returncode, out, told)

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        """Starts `impasto` with `arguments`."""
        return subprocess.Popen(
            self.command(*arguments),
            env=self.environment,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        for process in (*self.workers, self.scheduler):
            if process is not None and process.poll() is None:
                process.send_signal(signal.SIGKILL)
                process.wait(PATIENCE_S)
        if kind is not None:
            for log in sorted(self.folder.glob("*.log")):
                sys.stderr.write(f"{log.name}:\n{log.read_text()}")
        shutil.rmtree(self.folder)
