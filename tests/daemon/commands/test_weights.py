"""Listing, downloading and verifying networks, with files that are not weights."""

from __future__ import annotations

from pathlib import Path

import pytest

from impasto_daemon.commands.main import main
from impasto_daemon.models import weights as models


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Torch hub's folder of weights, empty."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    folder = tmp_path / "hub/checkpoints"
    folder.mkdir(parents=True)
    return folder


def run(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as exit_:
        main(["weights", *arguments])
    return exit_.value.code


@pytest.mark.usefixtures("hub")
@pytest.mark.parametrize("arguments", [(), ("list",)])
def test_list_is_the_default_action(
    arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*arguments) == 0

    first, *_, last = capsys.readouterr().out.splitlines()
    assert first.split() == ["vgg19", "missing", "impasto", "weights", "fetch", "vgg19"]
    assert last.endswith("(the default)")


def test_size_of_a_downloaded_network_is_shown(
    hub: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (hub / "vgg19-dcbb9e9d.pth").write_bytes(bytes(2_000_000))

    run()

    first, *_, last = capsys.readouterr().out.splitlines()
    assert first == f"vgg19         2 MB  {hub}/vgg19-dcbb9e9d.pth  (the default)"
    assert "default" not in last


def test_verified_network_is_named_by_its_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(models, "verify", lambda model: Path(f"/weights/{model}.pth"))

    assert run("verify", "vgg19") == 0
    assert capsys.readouterr().out == "/weights/vgg19.pth matches its published checksum\n"


def test_fetched_network_is_printed_as_a_path(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(models, "fetch", lambda model: Path(f"/weights/{model}.pth"))

    assert run("fetch", "vgg19") == 0
    assert capsys.readouterr().out == "/weights/vgg19.pth\n"
