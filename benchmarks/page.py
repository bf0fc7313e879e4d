"""The tables in docs/benchmarks.md, made from the records by `python -m benchmarks page`.

A table stands between the lines `<!-- record NAME -->` and `<!-- end -->`. What is around it is
written by hand.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from record import RECORDS, ROOT, Record

PAGE = ROOT / "docs/benchmarks.md"
_PLACE = re.compile(r"<!-- record ([\w-]+) -->\n.*?<!-- end -->", re.DOTALL)


def page_of_records(text: str, records: dict[str, Record]) -> str:
    """Returns the page with the tables of the records; raises SystemExit if there is none."""

    def filled(place: re.Match[str]) -> str:
        name = place[1]
        if name not in records:
            raise SystemExit(f"docs/benchmarks.md shows {name}, but there is no such record.")
        return "\n".join([f"<!-- record {name} -->", *_shown(records[name]), "<!-- end -->"])

    return _PLACE.sub(filled, text)


def places(text: str) -> list[str]:
    """Returns the names of the records that the page shows, in its order."""
    return [place[1] for place in _PLACE.finditer(text)]


def _shown(record: Record) -> Iterator[str]:
    if record.command:
        yield f"`{record.command}`"
        yield ""
    yield from record.table.lines()
    yield ""
    versions = [f"{name} {number}" for name, number in record.versions.items()]
    facts = [f"{record.date} at {record.commit}", record.machine, ", ".join(versions)]
    note = f" {record.note}" if record.note else ""
    yield f"*{'; '.join(facts)}.{note}*"
    if record.is_older_than_sources():
        yield ""
        yield "*Older than what it measures.*"


def read_records(folder: Path = RECORDS) -> dict[str, Record]:
    """Returns all records by the names of their files."""
    return {path.stem: Record.from_json(path.read_text()) for path in sorted(folder.glob("*.json"))}


def main() -> None:
    """Writes the page."""
    PAGE.write_text(page_of_records(PAGE.read_text(), read_records()))
