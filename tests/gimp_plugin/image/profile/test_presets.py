from pathlib import Path
from typing import Any

import pytest

from impasto_gimp.image.profile.presets import (
    OF_THE_MACHINE,
    SHIPPED,
    Preset,
    PresetPainting,
    Presets,
)
from impasto_shared.errors import InvalidSettings
from impasto_shared.files.atomic_write import write_atomically
from impasto_shared.settings import StyleSettings

WAVE = PresetPainting("file:///bilder/gro%C3%9Fe%20Welle.jpg", 2.5)
BOLD = Preset("Van Gogh, bold", {"style_strength": 3.0, "size": 2048}, (WAVE,))


def presets(folder: Path) -> Presets:
    return Presets(folder / "presets.json", write_atomically)


def own(folder: Path) -> list[Preset]:
    return [preset for preset in presets(folder).all if preset.is_own]


def test_presets_are_kept_by_name(tmp_path: Path) -> None:
    plain = Preset("Ölkreide", {"seed": 7})
    presets(tmp_path).save(BOLD)
    presets(tmp_path).save(plain)

    assert own(tmp_path) == [BOLD, plain]
    assert presets(tmp_path).all[: len(SHIPPED)] == SHIPPED


def test_preset_of_the_same_name_is_replaced(tmp_path: Path) -> None:
    presets(tmp_path).save(BOLD)
    presets(tmp_path).save(Preset(" van gogh,  BOLD ", {"seed": 1}))

    assert own(tmp_path) == [Preset("van gogh, BOLD", {"seed": 1})]


def test_preset_is_renamed_and_deleted(tmp_path: Path) -> None:
    presets(tmp_path).save(BOLD)
    presets(tmp_path).save(Preset("Other", {}))
    presets(tmp_path).rename("Van Gogh, bold", "Vincent")
    renamed = own(tmp_path)
    with pytest.raises(InvalidSettings, match="already a preset “vincent”"):
        presets(tmp_path).rename("Other", "vincent")
    presets(tmp_path).delete("Vincent")

    assert [preset.name for preset in renamed] == ["Other", "Vincent"]
    assert renamed[1].paintings == (WAVE,)
    assert [preset.name for preset in own(tmp_path)] == ["Other"]


@pytest.mark.parametrize("name", ["Default", "default", " DEFAULT ", "Bold strokes"])
def test_default_cannot_be_replaced_renamed_or_deleted(tmp_path: Path, name: str) -> None:
    kept = presets(tmp_path)
    kept.save(BOLD)
    with pytest.raises(InvalidSettings, match="comes with Impasto and stays as it is"):
        kept.save(Preset(name, {"seed": 1}))
    with pytest.raises(InvalidSettings, match="comes with Impasto and stays as it is"):
        kept.rename(BOLD.name, name)
    kept.delete(name)

    assert presets(tmp_path).all == (*SHIPPED, BOLD)
    assert SHIPPED[0].name == "Default"


@pytest.mark.parametrize("name", ["", "  ", "x" * 61])
def test_name_must_be_short_and_not_empty(tmp_path: Path, name: str) -> None:
    with pytest.raises(InvalidSettings, match="needs a name of at most 60"):
        presets(tmp_path).save(Preset(name, {}))


def test_presets_of_the_plug_in_leave_size_and_quality_alone() -> None:
    defaults = StyleSettings().to_json()
    for preset in SHIPPED:
        assert set(preset.settings) == set(defaults) - OF_THE_MACHINE
        StyleSettings.from_json({**defaults, **preset.settings})
    assert SHIPPED[0].settings.items() <= defaults.items()


@pytest.mark.parametrize(
    ("values", "paintings", "matches"),
    [
        ({"style_strength": 3.0, "size": 2048, "seed": 5}, (WAVE,), True),
        ({"style_strength": 3.1, "size": 2048, "seed": 5}, (WAVE,), False),
        ({"style_strength": 3.0, "size": 2048, "seed": 5}, (), False),
        ({"style_strength": 3.0, "size": 2048, "seed": 5}, None, False),
    ],
)
def test_preset_matches_what_it_would_leave_as_it_is(
    *, values: dict[str, Any], paintings: tuple[PresetPainting, ...] | None, matches: bool
) -> None:
    assert BOLD.matches(values, paintings) is matches


def test_preset_without_paintings_matches_any() -> None:
    assert Preset("Plain", {"seed": 1}).matches({"seed": 1}, (WAVE,))


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b"\xff",
        b"{}x",
        b"7",
        b"[7]",
        b'[{"name": "A"}]',
        b'[{"name": "A", "settings": {"seed": "x"}, "paintings": null}]',
        b'[{"name": "A", "settings": {}, "paintings": [{"file": "a"}]}]',
        b'[{"name": "", "settings": {}, "paintings": null}]',
    ],
)
def test_damaged_file_is_a_sentence_and_stays_as_it_is(tmp_path: Path, damaged: bytes) -> None:
    file = tmp_path / "presets.json"
    file.write_bytes(damaged)
    broken = presets(tmp_path)

    assert broken.all == SHIPPED
    with pytest.raises(InvalidSettings, match="left as they are") as caught:
        broken.save(BOLD)
    assert str(file) in str(caught.value)
    assert file.read_bytes() == damaged


def test_preset_of_a_later_version_is_used_as_far_as_it_is_known(tmp_path: Path) -> None:
    stored = b'[{"name": "A", "settings": {"seed": 3, "brush": 7}, "paintings": null}]'
    (tmp_path / "presets.json").write_bytes(stored)

    assert own(tmp_path) == [Preset("A", {"seed": 3})]


def test_preset_that_cannot_be_stored_is_told(tmp_path: Path) -> None:
    kept = presets(tmp_path / "missing")

    with pytest.raises(InvalidSettings, match="could not be stored in"):
        kept.save(BOLD)
    assert not kept.has(BOLD.name)


def test_presets_of_two_dialogs_are_kept(tmp_path: Path) -> None:
    one, other = presets(tmp_path), presets(tmp_path)
    one.save(BOLD)
    other.save(Preset("Other", {}))
    one.save(Preset("Third", {}))
    other.rename("Third", "Last")
    one.delete("Other")

    assert [preset.name for preset in own(tmp_path)] == ["Last", BOLD.name]
