"""The build of PyTorch that can be had, by the lines that uv prints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from impasto_shared.installation import torch_build
from impasto_shared.installation.obtainable_torch import Torch, build_in, obtainable_torch
from impasto_shared.installation.torch_build import Build

SMALL = ["Would install 1 package", " + torch==2.15.0+cpu"]
LARGE = [" - torch==2.15.0", " ~ torch==2.15.0", " + nvidia-cublas==13.0", " + triton==3.5"]
OWN_INDEX = "--torch-backend=cpu"


@pytest.mark.parametrize(
    ("lines", "build"),
    [
        (SMALL, Build.CPU),
        (LARGE, Build.GPU),
        ([], None),
        (["Would make no changes"], None),
        ([" + numpy==2.4.0"], None),
        ([" - torch==2.15.0"], None),
        ([" + torch-geometric==2.7"], None),
    ],
    ids=["small", "large", "silent", "nothing", "other", "removed", "similar"],
)
def test_build_is_known_only_if_uv_names_pytorch(lines: list[str], build: Build | None) -> None:
    assert build_in(lines) is build


@pytest.mark.parametrize(
    ("own", "usual", "torch"),
    [
        (SMALL, LARGE, Torch((OWN_INDEX,), Build.CPU)),
        ([], LARGE, Torch((OWN_INDEX,), None)),
        (None, LARGE, Torch((), Build.GPU)),
        (None, None, None),
    ],
    ids=["own", "own-silent", "usual", "none"],
)
def test_usual_index_is_asked_only_if_pytorchs_own_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
    own: list[str] | None,
    usual: list[str] | None,
    torch: Torch | None,
) -> None:
    monkeypatch.setattr(torch_build, "GPU_DEVICES", ())
    asked: list[bool] = []

    def ask(command: Sequence[str], _: Mapping[str, str]) -> list[str] | None:
        asked.append(OWN_INDEX in command)
        return own if asked[-1] else usual

    assert obtainable_torch("uv", Build.CPU, Path("/python"), ask) == torch
    assert asked == ([True] if own is not None else [True, False])
