"""The command in poor environments: a sentence or the right result, and never a traceback."""

from __future__ import annotations

import os
import pty
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path

import pytest

from impasto_shared.protocol.reports import JobState
from impasto_shared.settings import StyleSettings
from impasto_shared.style import Style
from integration.daemon_process import PATIENCE_S, ROOT, DaemonProcess, picture, wait_for

PHOTO = ROOT / "assets/photos/chelsea.jpg"
IMPASTO = (sys.executable, "-P", "-m", "impasto_daemon")
QUICK = ("--iterations", "2", "--size", "64")
COMMANDS: Mapping[str, tuple[str, ...]] = {
    "serve": ("serve", "--endpoint", "tcp://192.0.2.1:5570"),
    "stylize": ("stylize", "missing.png", "missing.png", "-o", "out.png"),
    "batch": ("batch", "missing.png", "--style", "missing.png", "-o", "painted"),
    "texture": ("texture", "missing.png", "-o", "out.png"),
    "explore": ("explore", "missing.png", "-o", "sheets"),
    "status": ("status",),
    "jobs": ("jobs",),
    "show": ("show", "abc"),
    "fetch": ("fetch", "abc", "-o", "out.png"),
    "cancel": ("cancel", "abc"),
    "keep": ("keep", "abc"),
    "weights": ("weights",),
    "keys": ("keys",),
    "keys add": ("keys", "add", "laptop", "0" * 64),
    "config": ("config",),
    "config --init": ("config", "--init"),
    "doctor": ("doctor",),
}
AS_A_USER_WITHOUT_AN_ENTRY = ("unshare", "--user", "--map-user=65533", "--map-group=65533")


@pytest.fixture
def machine() -> Iterator[DaemonProcess]:
    """A machine without a daemon."""
    machine = DaemonProcess()
    yield machine
    machine.end()


@pytest.fixture(scope="module")
def scripted() -> Iterator[DaemonProcess]:
    with DaemonProcess(is_scripted=True) as daemon:
        yield daemon


def run(
    machine: DaemonProcess, *command: str, **variables: str | None
) -> subprocess.CompletedProcess[str]:
    """Runs a command with changed variables; None removes one."""
    environment = machine.environment | {"PATH": os.defpath}
    for name, value in variables.items():
        environment.pop(name, None)
        if value is not None:
            environment[name] = value
    return subprocess.run(
        command,
        env=environment,
        cwd=machine.folder,
        capture_output=True,
        text=True,
        errors="surrogateescape",
        timeout=2 * PATIENCE_S,
    )


def assert_is_explained(completed: subprocess.CompletedProcess[str]) -> None:
    assert "Traceback" not in completed.stderr
    assert completed.returncode in (0, 1), completed.stderr
    assert completed.returncode == 0 or completed.stdout + completed.stderr


NO_XDG = dict.fromkeys(("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"))


@pytest.mark.parametrize("command", COMMANDS)
def test_home_that_cannot_be_written_to_is_explained(machine: DaemonProcess, command: str) -> None:
    assert_is_explained(run(machine, *IMPASTO, *COMMANDS[command], HOME="/proc/x", **NO_XDG))


@pytest.mark.parametrize("command", COMMANDS)
def test_user_without_a_home_and_an_entry_gets_an_answer(
    machine: DaemonProcess, command: str
) -> None:
    if subprocess.run([*AS_A_USER_WITHOUT_AN_ENTRY, "true"], capture_output=True).returncode:
        pytest.skip("this machine has no user namespaces")
    strange = (*AS_A_USER_WITHOUT_AN_ENTRY, *IMPASTO, *COMMANDS[command])

    completed = run(machine, *strange, HOME=None, **NO_XDG)

    assert_is_explained(completed)


@pytest.mark.parametrize("command", COMMANDS)
def test_damaged_files_are_explained(machine: DaemonProcess, command: str) -> None:
    folder = machine.folder / ".config/impasto"
    (folder / "keys/daemon.secret").mkdir(parents=True, mode=0o700)
    folder.chmod(0o700)
    (folder / "keys").chmod(0o700)
    (folder / "keys/client.secret").symlink_to("daemon.secret")
    (folder / "keys/known_clients").write_bytes(b"\xff\xfe\n")
    (folder / "config.toml").write_text("a = " + "[" * 20_000)
    cache = machine.folder / "cache/impasto"
    cache.mkdir(parents=True, exist_ok=True)
    (cache / "pace.json").write_text('{"x": [' + "9" * 500 + "]}")

    completed = run(machine, *IMPASTO, *COMMANDS[command], IMPASTO_LISTEN="tcp://127.0.0.1:5571")

    assert_is_explained(completed)


def test_daemon_is_started_where_no_log_can_be_written(machine: DaemonProcess) -> None:
    arguments = ("stylize", str(PHOTO), str(PHOTO), "-o", "out.png", *QUICK)

    completed = run(machine, *IMPASTO, *arguments, HOME="/proc/x", **NO_XDG)

    with machine.client() as client:
        os.kill(client.status().pid, signal.SIGTERM)
    wait_for(lambda: not (machine.runtime / "daemon.sock").exists(), "the daemon's exit")
    assert completed.returncode == 0, completed.stderr
    assert (machine.runtime / "daemon.log").stat().st_mode & 0o777 == 0o600


# Streams


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", ["jobs", "stylize"])
def test_closed_streams_do_no_harm(scripted: DaemonProcess, command: str, closed: str) -> None:
    output = scripted.folder / "closed.png"
    output.unlink(missing_ok=True)
    paint = ("stylize", str(PHOTO), str(PHOTO), "-o", str(output), *QUICK)
    arguments = paint if command == "stylize" else ("jobs",)

    completed = run(scripted, "sh", "-c", f'exec "$@" {closed}', "sh", *IMPASTO, *arguments)

    assert completed.returncode == 0, completed.stderr
    assert "Traceback" not in completed.stderr
    assert output.exists() is (command == "stylize")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("arguments", ["jobs", "--help", "stylize --help", "config"])
def test_reader_that_exits_early_is_no_error(
    scripted: DaemonProcess, arguments: str, unbuffered: str
) -> None:
    program = 'sleep 0.1; "$@" | true; exit 0'
    completed = run(
        scripted,
        *("sh", "-c", program, "sh", *IMPASTO, *arguments.split()),
        PYTHONUNBUFFERED=unbuffered,
    )

    assert completed.stderr == ""


def test_full_disk_under_the_output_is_an_error(scripted: DaemonProcess) -> None:
    command = ("sh", "-c", '"$@" >/dev/full', "sh", *IMPASTO, "status")

    completed = run(scripted, *command, PYTHONUNBUFFERED="")
    unbuffered = run(scripted, *command, PYTHONUNBUFFERED="1")

    assert (completed.returncode, unbuffered.returncode) == (1, 1)
    assert completed.stderr == "impasto: The output is incomplete: No space left on device.\n"
    assert unbuffered.stderr == "impasto: No space left on device.\n"


@pytest.mark.parametrize("encoding", ["ascii:strict", "latin-1:strict", "utf-8:strict"])
@pytest.mark.parametrize("command", sorted({name.split()[0] for name in COMMANDS} | {""}))
def test_help_is_shown_in_every_locale(machine: DaemonProcess, command: str, encoding: str) -> None:
    completed = run(
        machine, *IMPASTO, *([command] if command else []), "--help", PYTHONIOENCODING=encoding
    )

    assert completed.returncode == 0, completed.stderr
    assert "usage: impasto" in completed.stdout


@pytest.mark.parametrize("encoding", ["ascii:strict", "utf-8:strict"])
def test_name_that_is_not_text_is_painted_to(scripted: DaemonProcess, encoding: str) -> None:
    name = os.fsdecode(b"o\xe9.png")
    arguments = ("stylize", str(PHOTO), str(PHOTO), "-o", name, *QUICK)

    completed = run(scripted, *IMPASTO, *arguments, PYTHONIOENCODING=encoding)
    jobs = run(scripted, *IMPASTO, "jobs", PYTHONIOENCODING=encoding)

    assert (completed.returncode, completed.stderr.count("Traceback")) == (0, 0), completed.stderr
    assert (scripted.folder / name).exists()
    assert completed.stdout == f"{name}\n", "a script could not open the file"
    assert jobs.returncode == 0


# Signals


def test_daemon_under_nohup_survives_the_end_of_its_terminal() -> None:
    ignore = partial(signal.signal, signal.SIGHUP, signal.SIG_IGN)
    daemon = DaemonProcess(is_scripted=True)
    with subprocess.Popen(
        daemon.serve_command, env=daemon.environment, preexec_fn=ignore
    ) as process:
        wait_for(daemon.answers, "an answer of the daemon")
        process.send_signal(signal.SIGHUP)
        with daemon.client() as client:
            job = client.submit(picture(), [Style(picture())], StyleSettings(size=64, iterations=5))
            *_, final = client.updates(job)
        assert process.poll() is None
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    daemon.end()

    assert final.state is JobState.DONE


INTERRUPTED = """
import os, signal, sys
class Interrupt:
    def find_spec(self, name, *_):
        if name == sys.argv[1]:
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupt())
from impasto_daemon.commands.main import main
main(sys.argv[2:])
"""

INTERRUPTED_PARSER = """
import argparse, os, signal, sys
from impasto_daemon.commands.main import main
format_usage = argparse.ArgumentParser.format_usage
def interrupted(self):
    os.kill(os.getpid(), signal.SIGINT)
    return format_usage(self)
argparse.ArgumentParser.format_usage = interrupted  # amid parse_known_intermixed_args
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    "module",
    [
        "impasto_daemon.commands.output",
        "argparse",
        "impasto_shared.connection.local_socket",
        "impasto_daemon.commands.all_commands",
        "impasto_shared.client",
        "impasto_daemon.commands.failure",
        "impasto_daemon.commands.image_file",
        "impasto_daemon.commands.image_file.deep_gray",
        "PIL",
    ],
)
def test_ctrl_c_during_the_start_ends_without_a_traceback(
    machine: DaemonProcess, module: str
) -> None:
    check_interrupted(machine, INTERRUPTED, module, *COMMANDS["stylize"])


def test_ctrl_c_while_the_options_are_parsed_ends_without_a_traceback(
    machine: DaemonProcess,
) -> None:
    check_interrupted(machine, INTERRUPTED_PARSER, *COMMANDS["stylize"])


def check_interrupted(machine: DaemonProcess, program: str, *arguments: str) -> None:
    """Runs a program that interrupts itself."""
    restore = partial(signal.signal, signal.SIGINT, signal.default_int_handler)
    completed = subprocess.run(
        [sys.executable, "-P", "-c", program, *arguments],
        env=machine.environment,
        cwd=machine.folder,
        capture_output=True,
        text=True,
        preexec_fn=restore,
    )

    assert "Traceback" not in completed.stderr
    assert completed.returncode in (130, -signal.SIGINT)


# Terminals


def on_a_terminal(machine: DaemonProcess, columns: int, terminal: str) -> str:
    """Returns what a terminal of that width receives from a job."""
    ours, theirs = pty.openpty()
    subprocess.run(["stty", "cols", str(columns)], stdin=theirs, check=True)
    arguments = ("stylize", str(PHOTO), str(PHOTO), "-o", "wide.png", "--size", "64")
    process = subprocess.Popen(
        [*IMPASTO, *arguments, "--iterations", "40"],
        env=machine.environment | {"TERM": terminal},
        cwd=machine.folder,
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=theirs,
    )
    os.close(theirs)
    received = b""
    try:
        while chunk := os.read(ours, 4096):
            received += chunk
    except OSError:  # the other end is closed
        pass
    os.close(ours)
    assert process.wait(PATIENCE_S) == 0
    return received.decode()


@pytest.mark.parametrize("columns", [100, 80, 40, 20, 10])
def test_bar_is_redrawn_in_one_line_whatever_the_width(
    scripted: DaemonProcess, columns: int
) -> None:
    received = on_a_terminal(scripted, columns, "xterm")

    redrawn = [line.partition("\033[K")[0] for line in received.split("\r") if "\033[K" in line]
    assert len(redrawn) > 2
    assert max(map(len, redrawn)) < columns
    assert any("#" in line for line in redrawn) is (columns >= 40)


@pytest.mark.parametrize("terminal", ["dumb", ""])
def test_dumb_terminal_gets_plain_lines(scripted: DaemonProcess, terminal: str) -> None:
    received = on_a_terminal(scripted, 80, terminal)

    assert "\033" not in received
    assert "40/40" in received
    assert shutil.which("stty")


def test_text_of_a_file_cannot_control_the_terminal(machine: DaemonProcess) -> None:
    name = "\033]0;title\a.png"

    completed = run(machine, *IMPASTO, "stylize", name, name, "-o", "out.png")

    assert completed.returncode == 1
    assert "title" in completed.stderr
    assert "\033" not in completed.stderr
    assert "\a" not in completed.stderr


def test_daemon_that_cannot_paint_is_not_well(tmp_path: Path) -> None:
    broken = {"PYTHONPATH": f"{tmp_path}:{ROOT / 'shared'}:{ROOT / 'daemon'}"}
    with DaemonProcess(variables=broken) as daemon:
        (tmp_path / "torch.py").write_text("raise SystemExit(7)")
        completed = run(daemon, *IMPASTO, "doctor")

    assert completed.returncode == 1
    assert "All is well" not in completed.stdout
    assert "a test picture was not painted" in completed.stdout
