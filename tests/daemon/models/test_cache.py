import errno
import os
from collections.abc import Mapping
from pathlib import Path, PureWindowsPath

import pytest
import torch

from impasto_daemon.models import cache
from impasto_daemon.models.cache import (
    cached_file,
    cached_models,
    hub_folder,
    sha256_prefix,
    torchvision_name,
)
from impasto_daemon.models.torchvision_models import published_weights
from impasto_shared.settings import Model


@pytest.mark.parametrize("variables", [{"TORCH_HOME": "~/t"}, {"XDG_CACHE_HOME": "/var/x"}, {}])
def test_folder_is_the_one_that_torch_hub_uses(
    variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert hub_folder() == Path(torch.hub.get_dir()) / "checkpoints"


def test_folder_that_is_chosen_may_be_on_a_drive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "Path", PureWindowsPath)
    monkeypatch.setenv("TORCH_HOME", r"D:\models")

    assert str(hub_folder()) == r"D:\models\hub\checkpoints"


def test_cached_models_are_recognised_by_their_files(hub: Path) -> None:
    assert cached_models() == ["vgg19"]
    for name in ("vgg19-12345678.pth", "resnet50-11ad3fa6.pth", "resnet50-0676ba61.pth"):
        (hub / name).touch()
    for name in ("vgg16.pth", "vgg13-19584684.pth.ab.partial", "Ünfug-12345678.pth"):
        (hub / name).touch()

    assert cached_models() == ["vgg19", "resnet50", "vgg19-torchvision"]


def test_folder_that_cannot_be_read_has_no_models(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    (hub / "resnet50-11ad3fa6.pth").touch()
    for call in ("listdir", "scandir"):
        monkeypatch.setattr(os, call, fail)

    assert cached_models() == ["vgg19"]


def test_files_of_the_models_to_choose_from_have_torchvisions_names() -> None:
    # The server, which imports no torchvision, recognises them so.
    listed = [model for model in Model if model is not Model.VGG19]

    assert listed
    for model in listed:
        assert (
            str(published_weights(model).url)
            .rpartition("/")[2]
            .startswith(f"{torchvision_name(model)}-")
        )


def test_file_is_found_by_its_stem_and_names_the_digits_of_its_checksum(hub: Path) -> None:
    path = hub / "resnet50-0676ba61.pth"
    path.touch()

    assert cached_file("resnet50") == path
    assert cached_file("resnet") is None
    assert sha256_prefix(path) == "0676ba61"
