"""Key pairs are created once, and used only if this user alone can read them."""

import os
import resource
from pathlib import Path

import pytest

from impasto_shared.connection.keys import KeysUnusable, Role, ensure_keys, keys_dir, load_keys


@pytest.fixture(autouse=True)
def _config(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.delenv("FLATPAK_ID", raising=False)


def secret_file(role: Role = Role.CLIENT) -> Path:
    return keys_dir() / f"{role}.secret"


def test_keys_are_created_once_for_each_role() -> None:
    client, daemon = ensure_keys(Role.CLIENT), ensure_keys(Role.DAEMON)

    assert ensure_keys(Role.CLIENT) == client == load_keys(Role.CLIENT)
    assert client.secret != daemon.secret
    assert len(client.public) == len(client.secret) == 32


def test_files_are_private_whatever_the_umask() -> None:
    previous_umask = os.umask(0)
    try:
        ensure_keys(Role.CLIENT)
    finally:
        os.umask(previous_umask)

    assert keys_dir().stat().st_mode & 0o777 == 0o700
    assert secret_file().stat().st_mode & 0o777 == 0o600


def test_secret_is_not_shown() -> None:
    keys = ensure_keys(Role.CLIENT)

    assert repr(keys.secret) not in repr(keys)
    assert keys.secret.hex() not in repr(keys)


def test_missing_keys_are_reported_with_the_command_to_create_them() -> None:
    with pytest.raises(KeysUnusable, match=r"no daemon key yet\. To create one, run: impasto keys"):
        load_keys(Role.DAEMON)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_keys_that_other_users_may_have_read_are_refused(mode: int) -> None:
    ensure_keys(Role.CLIENT)
    secret_file().chmod(mode)

    with pytest.raises(KeysUnusable, match="Other users may have read"):
        load_keys(Role.CLIENT)


@pytest.mark.parametrize("text", ["", "not hexadecimal", "00" * 31, "é" * 64])
def test_damaged_keys_are_refused(text: str) -> None:
    ensure_keys(Role.CLIENT)
    secret_file().write_text(text)

    with pytest.raises(KeysUnusable, match="is damaged"):
        load_keys(Role.CLIENT)


def test_link_is_not_followed(tmp_path: Path) -> None:
    ensure_keys(Role.CLIENT)
    secret_file().rename(tmp_path / "elsewhere")
    secret_file().symlink_to(tmp_path / "elsewhere")

    with pytest.raises(KeysUnusable, match="cannot be read"):
        load_keys(Role.CLIENT)


def test_keys_for_which_there_is_no_room_are_reported_and_can_be_created_later() -> None:
    former = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, former[1]))
    try:
        with pytest.raises(KeysUnusable, match="cannot be written: File too large"):
            ensure_keys(Role.CLIENT)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, former)

    assert list(keys_dir().iterdir()) == []
    assert ensure_keys(Role.CLIENT) == load_keys(Role.CLIENT)
