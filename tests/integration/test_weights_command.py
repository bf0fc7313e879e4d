"""The command `impasto weights`, on a machine with nothing but the installation."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from integration.daemon_process import DaemonProcess

NAME = "vgg19-dcbb9e9d.pth"


@pytest.fixture
def hub(tmp_path: Path) -> Path:
    """Torch hub's folder, which does not exist yet."""
    return tmp_path / "hub/checkpoints"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DaemonProcess]:
    """A machine without the user's networks and without access to the internet."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    for variable in ("https_proxy", "http_proxy"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for variable in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    machine = DaemonProcess()
    yield machine
    machine.end()


def test_missing_networks_are_listed_with_the_command_to_fetch_them(machine: DaemonProcess) -> None:
    listed = machine.run("weights")

    assert (listed.returncode, listed.stderr) == (0, "")
    installed, *others = listed.stdout.splitlines()
    assert installed.startswith("vgg19 ")
    assert installed.endswith(".bin  (the default, installed with Impasto)")
    names = ("vgg19-torchvision", "vgg16", "vgg19_bn", "vgg16_bn", "resnet50")
    for line, name in zip(others, names, strict=True):
        assert line.split() == [name, "missing", "impasto", "weights", "fetch", name]


def test_downloaded_vgg19_is_torchvisions(machine: DaemonProcess, hub: Path) -> None:
    hub.mkdir(parents=True)
    (hub / NAME).touch()

    listed = machine.run("weights", "list")

    installed, downloaded, *_ = listed.stdout.splitlines()
    assert "default" in installed
    assert downloaded.startswith("vgg19-torchvision ")
    assert downloaded.endswith(str(hub / NAME))


@pytest.mark.parametrize("name", ["vgg19", "vgg16-hed"])
def test_installed_network_is_verified(machine: DaemonProcess, name: str) -> None:
    verified = machine.run("weights", "verify", name)

    assert (verified.returncode, verified.stderr) == (0, "")
    assert verified.stdout.endswith(".bin matches its published checksum\n")


def test_installed_network_is_fetched_offline(machine: DaemonProcess) -> None:
    fetched = machine.run("weights", "fetch", "vgg19")

    assert (fetched.returncode, fetched.stderr) == (0, "")
    assert Path(fetched.stdout.rstrip("\n")).is_file()


def test_missing_network_is_not_verified(machine: DaemonProcess) -> None:
    refused = machine.run("weights", "verify", "vgg19-torchvision")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "impasto weights fetch vgg19-torchvision" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_damaged_network_is_reported(machine: DaemonProcess, hub: Path) -> None:
    hub.mkdir(parents=True)
    (hub / NAME).write_bytes(b"half of a network")

    refused = machine.run("weights", "verify", "vgg19-torchvision")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert f"{hub / NAME} is damaged" in refused.stderr
    assert "Run: impasto weights fetch vgg19-torchvision" in refused.stderr


def test_failed_download_names_the_installed_network(machine: DaemonProcess, hub: Path) -> None:
    refused = machine.run("weights", "fetch", "vgg19-torchvision")

    assert refused.returncode == 1
    assert "The network vgg19-torchvision could not be downloaded" in refused.stderr
    assert "Choose vgg19 (in GIMP: VGG-19), which comes with Impasto" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert list(hub.iterdir()) == []


def test_unknown_network_is_refused_with_the_known_ones(machine: DaemonProcess) -> None:
    refused = machine.run("weights", "fetch", "vgg12")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "There is no model 'vgg12'. There are vgg19, vgg19-torchvision, " in refused.stderr
    assert "vgg13" in refused.stderr
    assert "Traceback" not in refused.stderr
