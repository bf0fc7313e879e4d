"""Paths follow the XDG variables, and folders of sockets and keys are private."""

import os
import pwd
from pathlib import Path

import pytest

from impasto_shared.errors import ImpastoError
from impasto_shared.files.paths import (
    UnsafeDirectory,
    config_dir,
    home_dir,
    is_loopback,
    jobs_dir,
    log_path,
    make_private,
    runtime_dir,
    sandbox_endpoint,
    socket_path,
    temporary_dir,
    usual_endpoint,
)
from impasto_shared.system import posix


def test_runtime_dir_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    assert runtime_dir() == tmp_path / "impasto"
    assert usual_endpoint() == f"ipc://{tmp_path}/impasto/daemon.sock"


def test_runtime_dir_without_xdg_belongs_to_this_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)

    assert str(os.getuid()) in str(runtime_dir())


@pytest.mark.parametrize("has_usual", [True, False])
def test_runtime_dir_without_xdg_is_the_usual_one_or_in_tmp(
    monkeypatch: pytest.MonkeyPatch, *, has_usual: bool
) -> None:
    # Of which this machine has perhaps none.
    usual = Path(f"/run/user/{os.getuid()}")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setattr(Path, "is_dir", lambda path: path == usual and has_usual)
    monkeypatch.setattr(posix, "is_own_folder", lambda path: path == str(usual))

    expected = usual / "impasto" if has_usual else Path(f"/tmp/impasto-{os.getuid()}")  # noqa: S108
    assert runtime_dir() == expected


@pytest.mark.parametrize("configured", ["run", "", "/proc/self/environ", "/dev/null"])
def test_runtime_dir_that_is_no_folder_does_not_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, configured: str
) -> None:
    (tmp_path / "run").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_RUNTIME_DIR", configured)

    assert runtime_dir() in (
        Path(f"/run/user/{os.getuid()}/impasto"),
        temporary_dir(),
    )


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
@pytest.mark.parametrize("name", ["theirs", "theirs/removed"])
def test_runtime_dir_of_another_user_does_not_count(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 65533, 65533)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / name))

    assert tmp_path not in runtime_dir().parents


def test_own_runtime_dir_that_does_not_exist_yet_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "run/later"))

    assert runtime_dir() == tmp_path / "run/later/impasto"


@pytest.mark.parametrize("home", ["", "relative", None])
def test_home_that_is_no_absolute_path_does_not_count(
    monkeypatch: pytest.MonkeyPatch, home: str | None
) -> None:
    monkeypatch.delenv("HOME") if home is None else monkeypatch.setenv("HOME", home)

    assert home_dir() == Path(pwd.getpwuid(os.getuid()).pw_dir)


def test_user_without_a_home_has_the_runtime_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", refuse)
    monkeypatch.delenv("HOME")
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    assert tmp_path in log_path().parents


@pytest.mark.parametrize("configured", ["cache", "./cache", "~/cache"])
def test_relative_folder_of_xdg_does_not_count(
    monkeypatch: pytest.MonkeyPatch, configured: str
) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("XDG_CACHE_HOME", configured)

    assert jobs_dir("ipc:///a").parent == Path("/home/ada/.cache/impasto/jobs")
    assert jobs_dir("ipc:///a") != jobs_dir("ipc:///b")


def test_sandbox_uses_the_configuration_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/ada/.var/app/org.gimp.GIMP/config")
    assert config_dir() == Path("/home/ada/.var/app/org.gimp.GIMP/config/impasto")

    monkeypatch.setenv("FLATPAK_ID", "org.gimp.GIMP")
    assert config_dir() == Path("/home/ada/.config/impasto")

    monkeypatch.setenv("HOST_XDG_CONFIG_HOME", "/home/ada/settings")
    assert config_dir() == Path("/home/ada/settings/impasto")


def test_sandbox_finds_the_socket_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.delenv("FLATPAK_ID", raising=False)
    served = sandbox_endpoint()
    assert usual_endpoint() != served

    monkeypatch.setenv("FLATPAK_ID", "org.gimp.GIMP")
    for variable in ("XDG_RUNTIME_DIR", "XDG_CACHE_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(variable, "/home/ada/.var/app/org.gimp.GIMP")

    assert usual_endpoint() == served
    assert str(socket_path(served)).startswith("/home/ada/.cache/impasto/sandbox/")


def test_tcp_endpoint_has_no_socket_file() -> None:
    assert socket_path("tcp://127.0.0.1:5000") is None


def test_socket_path_beyond_the_limit_of_the_system_is_refused() -> None:
    with pytest.raises(ImpastoError, match="longer than 107 bytes"):
        socket_path("ipc:///" + "x" * 107)


def test_private_folder_is_created_for_this_user_only(tmp_path: Path) -> None:
    previous_umask = os.umask(0)
    try:
        make_private(tmp_path / "a" / "impasto")
    finally:
        os.umask(previous_umask)

    assert (tmp_path / "a" / "impasto").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o750, 0o705, 0o770, 0o777])
def test_folder_open_to_others_is_refused(tmp_path: Path, mode: int) -> None:
    folder = tmp_path / "impasto"
    folder.mkdir()
    folder.chmod(mode)

    with pytest.raises(UnsafeDirectory, match="chmod 700"):
        make_private(folder)


def test_new_folders_above_a_private_one_are_private_too(tmp_path: Path) -> None:
    previous_umask = os.umask(0)
    try:
        make_private(tmp_path / "a" / "b" / "impasto")
    finally:
        os.umask(previous_umask)

    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o700


def test_folder_that_others_could_replace_is_refused(tmp_path: Path) -> None:
    parent = tmp_path / "shared"
    (parent / "impasto").mkdir(parents=True, mode=0o700)
    (parent / "impasto").chmod(0o700)
    parent.chmod(0o777)

    with pytest.raises(UnsafeDirectory, match=f"chmod go-w '{parent}'"):
        make_private(parent / "impasto")
    parent.chmod(0o1777)  # as /tmp is
    make_private(parent / "impasto")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder to another user")
@pytest.mark.parametrize("name", ["theirs", "theirs/impasto"])
def test_folder_of_another_user_is_refused(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir(parents=True, mode=0o700)
    os.chown(tmp_path / "theirs", 65533, 65533)

    with pytest.raises(UnsafeDirectory, match=r"nother user"):
        make_private(folder)


@pytest.mark.parametrize("folder", ["/proc/impasto", "/dev/null/impasto"])
def test_folder_that_cannot_be_created_is_reported(folder: str) -> None:
    with pytest.raises(UnsafeDirectory, match="cannot be created"):
        make_private(Path(folder))


def test_socket_path_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(ImpastoError, match="UTF-8"):
        socket_path("ipc:///tmp/o\udce9")


def test_link_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    (tmp_path / "impasto").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(UnsafeDirectory, match="not a folder of yours"):
        make_private(tmp_path / "impasto")


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("tcp://127.0.0.1:5000", True),
        ("tcp://localhost:5000", True),
        ("tcp://[::1]:5000", True),
        ("tcp://127.0.0.1:0;203.0.113.9:5570", False),
        ("tcp://[::1]:0;[2001:db8::1]:5570", False),
        ("tcp://me@127.0.0.1:5000", False),
        ("tcp://127.0.0.1:5000/", False),
        ("tcp://127.0.0.1:5000\n", False),
        ("tcp://127.0.0.1", False),
        ("tcp://0.0.0.0:5000", False),
        ("tcp://192.0.2.1:5000", False),
        ("tcp://gpu:5000", False),
        ("tcp://*:5000", False),
    ],
)
def test_only_loopback_addresses_count_as_loopback(endpoint: str, expected: bool) -> None:
    assert is_loopback(endpoint) is expected
