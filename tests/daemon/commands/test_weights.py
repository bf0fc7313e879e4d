"""Listing, downloading and verifying networks, with files that are not weights."""

from __future__ import annotations

import re
import subprocess
import sys
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

    first, *others = capsys.readouterr().out.splitlines()
    assert re.fullmatch(r"vgg19 +20 MB  .*\.bin  \(the default, installed with Impasto\)", first)
    assert others
    for line in others:
        name = line.split()[0]
        assert line.split()[1:] == ["missing", "impasto", "weights", "fetch", name]


@pytest.mark.parametrize("action", ["list", "verify vgg19"])
def test_files_are_listed_and_verified_without_torch_which_takes_seconds(action: str) -> None:
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from impasto_daemon.commands.main import main\n"
        f"main(['weights', *{action.split()!r}])"
    )

    completed = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)

    assert (completed.returncode, completed.stderr) == (0, b"")


def test_size_of_a_downloaded_network_is_shown(
    hub: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (hub / "vgg19-dcbb9e9d.pth").write_bytes(bytes(2_000_000))

    run()

    _, second, *_ = capsys.readouterr().out.splitlines()
    assert second == f"vgg19-torchvision     2 MB  {hub}/vgg19-dcbb9e9d.pth"


def test_verified_network_is_named_by_its_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(models, "verify", lambda model: Path(f"/weights/{model}.pth"))

    assert run("verify", "vgg16") == 0
    assert capsys.readouterr().out == "/weights/vgg16.pth matches its published checksum\n"


@pytest.mark.parametrize("name", ["auto", "vgg16-hed"])
@pytest.mark.parametrize("action", ["verify", "fetch"])
def test_name_of_an_earlier_version_means_the_installed_network(
    action: str, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(models, action, lambda model: Path(f"/weights/{model}.bin"))

    assert run(action, name) == 0
    assert capsys.readouterr().out.startswith("/weights/vgg19.bin")


def test_fetched_network_is_printed_as_a_path(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(models, "fetch", lambda model: Path(f"/weights/{model}.pth"))

    assert run("fetch", "vgg16") == 0
    assert capsys.readouterr().out == "/weights/vgg16.pth\n"
