"""Paths follow the XDG variables, and folders of sockets and keys are private."""

import os
from pathlib import Path

import pytest

from impasto_shared.errors import ImpastoError
from impasto_shared.paths import (
    UnsafeDirectory,
    config_dir,
    is_loopback,
    make_private,
    runtime_dir,
    socket_path,
    usual_endpoint,
)


def test_runtime_dir_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    assert runtime_dir() == tmp_path / "impasto"
    assert usual_endpoint() == f"ipc://{tmp_path}/impasto/daemon.sock"


def test_runtime_dir_without_xdg_belongs_to_this_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)

    assert str(os.getuid()) in str(runtime_dir())


def test_sandbox_uses_the_configuration_of_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/ada/.var/app/org.gimp.GIMP/config")
    assert config_dir() == Path("/home/ada/.var/app/org.gimp.GIMP/config/impasto")

    monkeypatch.setenv("FLATPAK_ID", "org.gimp.GIMP")
    assert config_dir() == Path("/home/ada/.config/impasto")

    monkeypatch.setenv("HOST_XDG_CONFIG_HOME", "/home/ada/settings")
    assert config_dir() == Path("/home/ada/settings/impasto")


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
        ("tcp://0.0.0.0:5000", False),
        ("tcp://192.0.2.1:5000", False),
        ("tcp://gpu:5000", False),
        ("tcp://*:5000", False),
    ],
)
def test_only_loopback_addresses_count_as_loopback(endpoint: str, expected: bool) -> None:
    assert is_loopback(endpoint) is expected
