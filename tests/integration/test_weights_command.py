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
    *others, embedded = listed.stdout.splitlines()
    for line, name in zip(
        others, ("vgg19", "vgg16", "vgg19_bn", "vgg16_bn", "resnet50"), strict=True
    ):
        assert line.split() == [name, "missing", "impasto", "weights", "fetch", name]
    assert embedded.startswith("vgg16-hed")
    assert embedded.endswith(".h5  (the default)")


def test_vgg19_is_the_default_once_it_is_downloaded(machine: DaemonProcess, hub: Path) -> None:
    hub.mkdir(parents=True)
    (hub / NAME).touch()

    listed = machine.run("weights", "list")

    vgg19, *_, embedded = listed.stdout.splitlines()
    assert vgg19.endswith(f"{hub / NAME}  (the default)")
    assert "default" not in embedded


def test_embedded_network_is_verified(machine: DaemonProcess) -> None:
    verified = machine.run("weights", "verify", "vgg16-hed")

    assert (verified.returncode, verified.stderr) == (0, "")
    assert verified.stdout.endswith(".h5 matches its published checksum\n")


def test_embedded_network_is_fetched_offline(machine: DaemonProcess) -> None:
    fetched = machine.run("weights", "fetch", "vgg16-hed")

    assert (fetched.returncode, fetched.stderr) == (0, "")
    assert Path(fetched.stdout.rstrip("\n")).is_file()


def test_missing_network_is_not_verified(machine: DaemonProcess) -> None:
    refused = machine.run("weights", "verify", "vgg19")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "impasto weights fetch vgg19" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_damaged_network_is_reported(machine: DaemonProcess, hub: Path) -> None:
    hub.mkdir(parents=True)
    (hub / NAME).write_bytes(b"half of a network")

    refused = machine.run("weights", "verify", "vgg19")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert f"{hub / NAME} is damaged" in refused.stderr
    assert "Run: impasto weights fetch vgg19" in refused.stderr


def test_failed_download_names_the_installed_network(machine: DaemonProcess, hub: Path) -> None:
    refused = machine.run("weights", "fetch", "vgg19")

    assert refused.returncode == 1
    assert "The network vgg19 could not be downloaded" in refused.stderr
    assert "Choose vgg16-hed (in GIMP: VGG-16 (" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert list(hub.iterdir()) == []


def test_unknown_network_is_refused_with_the_known_ones(machine: DaemonProcess) -> None:
    refused = machine.run("weights", "fetch", "vgg12")

    assert (refused.returncode, refused.stdout) == (1, "")
    assert "There is no model 'vgg12'. There are auto, vgg19, " in refused.stderr
    assert "vgg16-hed" in refused.stderr
    assert "vgg13" in refused.stderr
    assert "Traceback" not in refused.stderr
