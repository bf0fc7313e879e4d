"""The plug-in in a profile, compared with its source."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from impasto_daemon.commands.doctor.finding import Finding, FixFailed, State
from impasto_daemon.commands.doctor.plugin import check_plugin
from impasto_daemon.setup.plugin_files import NAME, SCRIPT


@pytest.fixture
def profile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A GIMP's profile with the plug-in as this checkout has it."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    profile = tmp_path / "GIMP/3.0"
    profile.mkdir(parents=True)
    fix(*check_plugin(profile))
    return profile


def fix(*findings: Finding) -> None:
    for finding in findings:
        if finding.state is State.PROBLEM:
            assert finding.fix is not None, finding.text
            finding.fix()


def test_repaired_plugin_is_sound(profile: Path) -> None:
    (finding,) = check_plugin(profile)

    assert finding.state is State.OK
    assert os.access(profile / "plug-ins" / NAME / SCRIPT, os.X_OK)


def test_other_first_line_is_no_difference(profile: Path) -> None:
    script = profile / "plug-ins" / NAME / SCRIPT
    _, _, rest = script.read_text().partition("\n")
    script.write_text(f"#!/opt/python3\n{rest}")

    assert [finding.state for finding in check_plugin(profile)] == [State.OK]


def test_changed_module_is_repaired(profile: Path) -> None:
    module = profile / "plug-ins" / NAME / "impasto_gimp/translation.py"
    before = module.read_bytes()
    module.write_text("")

    (finding,) = check_plugin(profile)
    fix(finding)

    assert finding.text == "its impasto_gimp differs from this version's"
    assert module.read_bytes() == before


def test_script_that_is_not_executable_only_gets_the_permission(profile: Path) -> None:
    script = profile / "plug-ins" / NAME / SCRIPT
    script.chmod(0o644)

    (finding,) = check_plugin(profile)
    fix(finding)

    assert finding.remedy == f"Run: chmod +x '{script}'"
    assert script.stat().st_mode & 0o111 == 0o111


def test_folder_of_another_name_is_kept_if_it_has_other_files(profile: Path) -> None:
    plugin = profile / "plug-ins" / NAME
    plugin.rename(plugin.with_name("impasto"))
    notes = plugin.with_name("impasto") / "notes.txt"
    notes.touch()

    misplaced, missing = check_plugin(profile)

    assert missing.text == "not installed"
    with pytest.raises(FixFailed, match=r"notes\.txt"):
        fix(misplaced)
    assert notes.exists()


def test_search_path_without_the_profile_must_be_changed_by_hand(profile: Path) -> None:
    (profile / "gimprc").write_text('(plug-in-path "/opt/plug-ins")\n')

    search_path, _ = check_plugin(profile)

    assert "/opt/plug-ins" in search_path.text
    assert search_path.fix is None
