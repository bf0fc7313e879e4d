"""Records are read as they were written, are shown as tables, and know when they are outdated."""

from __future__ import annotations

import json
import runpy
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

import record as record_module
from integration.daemon_process import ROOT
from page import page_of_records, places, read_records
from record import Record, Table, digest_of

TABLE = Table(("Picture", "Seconds"), (("a cat", "1.5"), ("a dog", "–")))
RECORD = Record(
    "drafts", "256 512", "abc1234", "2026-11-29", "a machine", {"torch": "2"}, ("src",), "", TABLE
)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one file of sources."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src/engine.py").write_text("FAST = True\n")
    monkeypatch.setattr(record_module, "ROOT", tmp_path)
    return tmp_path


def test_record_is_read_as_it_was_written() -> None:
    read = Record.from_json(RECORD.to_json())

    assert read.to_json() == RECORD.to_json()
    assert json.loads(RECORD.to_json())["commit"] == "abc1234"
    assert read.command == "python -m benchmarks drafts 256 512"
    assert replace(read, arguments=None).command == ""


def test_columns_of_numbers_are_aligned_to_the_right() -> None:
    assert list(TABLE.lines()) == [
        "| Picture | Seconds |",
        "| --- | ---: |",
        "| a cat | 1.5 |",
        "| a dog | – |",
    ]


def test_record_is_outdated_once_its_sources_differ(root: Path) -> None:
    fresh = replace(RECORD, digest=digest_of(RECORD.measured))
    assert not fresh.is_older_than_sources()
    (root / "src/notes.txt").write_text("not a source")
    assert not fresh.is_older_than_sources()

    (root / "src/engine.py").write_text("FAST = False\n")
    assert fresh.is_older_than_sources()

    (root / "src/engine.py").write_text("FAST = True\n")
    (root / "src/engine.py").rename(root / "src/motor.py")
    assert fresh.is_older_than_sources()
    assert RECORD.is_older_than_sources(), "nothing is known of its sources"


def test_page_shows_records_in_their_places(root: Path) -> None:
    fresh = replace(RECORD, digest=digest_of(RECORD.measured))
    page = "# Text\n\n<!-- record drafts -->\nold\n<!-- end -->\n\nMore.\n"

    shown = page_of_records(page, {"drafts": fresh})
    assert places(shown) == ["drafts"]
    assert "`python -m benchmarks drafts 256 512`\n\n| Picture | Seconds |" in shown
    assert "*2026-11-29 at abc1234; a machine; torch 2.*" in shown
    assert "old" not in shown
    assert shown.startswith("# Text\n\n")
    assert shown.endswith("\n\nMore.\n")
    assert page_of_records(shown, {"drafts": fresh}) == shown

    (root / "src/engine.py").unlink()
    assert "*Older than what it measures.*" in page_of_records(shown, {"drafts": fresh})


def test_page_that_shows_an_unknown_record_is_refused() -> None:
    with pytest.raises(SystemExit, match="no such record"):
        page_of_records("<!-- record absent -->\n<!-- end -->", {})


Run = Callable[..., None]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A function that runs `python -m benchmarks` with arguments; `drafts` measures nothing."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    program = runpy.run_path(str(ROOT / "benchmarks/__main__.py"), run_name="benchmarks")
    main = program["main"]
    monkeypatch.setitem(main.__globals__, "RECORDS", tmp_path)
    monkeypatch.setitem(main.__globals__, "write_page", lambda: None)

    def tabulate(arguments: list[str]) -> Table:
        return Table(("Argument",), [(argument,) for argument in arguments])

    monkeypatch.setitem(sys.modules, "drafts", SimpleNamespace(tabulate=tabulate))

    def run(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["benchmarks", *arguments])
        main()

    return run


def test_benchmark_prints_its_table_or_a_record_with_its_circumstances(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    run("drafts", "256")
    assert capsys.readouterr().out == "| Argument |\n| ---: |\n| 256 |\n"

    run("drafts", "--json", "256")
    printed = json.loads(capsys.readouterr().out)
    assert printed["rows"] == [["256"]]
    assert printed["arguments"] == "256"
    assert {"impasto", "python", "torch"} <= printed["versions"].keys()
    assert all(printed[name] for name in ("commit", "date", "machine", "digest"))


def test_kept_record_is_stored_and_is_current(run: Run, tmp_path: Path) -> None:
    run("drafts", "--keep", "drafts-small", "256")

    stored = read_records(tmp_path)["drafts-small"]
    assert stored.arguments == "256"
    assert not stored.is_older_than_sources()


@pytest.mark.parametrize("arguments", [(), ("absent",), ("samples",), ("drafts", "--keep")])
def test_wrong_command_line_is_explained(run: Run, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit, match=r"drafts, enlarging|needs the name"):
        run(*arguments)
