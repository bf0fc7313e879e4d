"""Records of benchmarks: what was measured, when, on which machine and with which sources.

A record is a JSON file in `records`. docs/benchmarks.md shows them: page.py.
"""

from __future__ import annotations

import hashlib
import json
import platform
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from impasto_shared import __version__

ROOT = Path(__file__).resolve().parents[1]
RECORDS = ROOT / "benchmarks/records"
ENGINE = ("daemon/impasto_daemon/style_transfer",)
"""The sources that most benchmarks measure."""

SERVICE = (
    "daemon/impasto_daemon/server",
    "daemon/impasto_daemon/worker",
    "shared/impasto_shared",
)
"""The sources of those that measure the way of a picture through the daemon."""

_NUMBER = re.compile(r"[−+-]?\d[\d.,]*( ?(%|s|ms|MB|GB))?|–|inf|")


@dataclass(frozen=True)
class Table:
    """Figures of a benchmark: a row for each case, its cells as they are shown."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def lines(self) -> Iterator[str]:
        """Yields the lines of a Markdown table; columns of numbers are aligned to the right."""
        cells = list(zip(*self.rows, strict=True))
        marks = [
            "---:" if all(map(_NUMBER.fullmatch, column)) and any(column) else "---"
            for column in cells or [()] * len(self.columns)
        ]
        for row in (self.columns, marks, *self.rows):
            yield f"| {' | '.join(row)} |"


@dataclass(frozen=True)
class Record:
    """A table with its circumstances.

    arguments: the command line after the benchmark's name; None if it was measured by hand.
    commit: the commit that was measured.
    date: the day, as YYYY-MM-DD.
    machine: the processor or GPU, as people call it.
    versions: of the packages that count, and the network.
    measured: the folders and files that were measured.
    digest: of their contents; empty if that is unknown.
    note: anything else that one has to know to judge the figures.
    """

    benchmark: str
    arguments: str | None
    commit: str
    date: str
    machine: str
    versions: dict[str, str]
    measured: Sequence[str]
    digest: str
    table: Table
    note: str = ""

    @property
    def command(self) -> str:
        """The command that measures it again; empty if there is none."""
        if self.arguments is None:
            return ""
        return " ".join(["python -m benchmarks", self.benchmark, *self.arguments.split()])

    def is_older_than_sources(self) -> bool:
        """Returns whether what it measured has changed since, or may have."""
        return self.digest != digest_of(self.measured)

    def to_json(self) -> str:
        """Returns the record as JSON, a row of the table on each line."""
        values = asdict(self)
        rows = values["table"].pop("rows")
        text = json.dumps(values, indent=2, ensure_ascii=False)
        lines = ",\n".join(f"    {json.dumps(row, ensure_ascii=False)}" for row in rows)
        return f'{text[:-2]},\n  "rows": [\n{lines}\n  ]\n}}\n'

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Returns the record that `to_json` wrote."""
        values = json.loads(text)
        table = Table(values.pop("table")["columns"], values.pop("rows"))
        return cls(**values, table=table)


def digest_of(measured: Sequence[str]) -> str:
    """Returns a hash of the names and the contents of all Python files in the folders."""
    paths = [path for name in measured for path in _python_files(ROOT / name)]
    digest = hashlib.sha256()
    for path in sorted(paths):
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        digest.update(f"{path.relative_to(ROOT)} {content}\n".encode())
    return digest.hexdigest()[:16]


def _python_files(path: Path) -> list[Path]:
    return [path] if path.is_file() else list(path.rglob("*.py"))


def new_record(
    benchmark: str, arguments: Sequence[str], measured: Sequence[str], table: Table
) -> Record:
    """Returns the record of a table that this process has measured just now."""
    return Record(
        benchmark,
        " ".join(arguments),
        _commit(),
        datetime.now(UTC).date().isoformat(),
        _machine(),
        _versions(),
        tuple(measured),
        digest_of(measured),
        table,
    )


def _commit() -> str:
    """Returns the commit of the sources; with a plus sign if they have been changed since."""
    command = ["git", "describe", "--always", "--exclude=*", "--dirty=+"]
    described = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - fixed
    return described.stdout.strip() or "unknown"


def _machine() -> str:
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    text = Path("/proc/cpuinfo").read_text()
    model = re.search(r"^model name\s*: (.*)$", text, re.MULTILINE)
    name = model[1] if model else platform.machine()
    threads = f"{torch.get_num_threads()} thread{'s' if torch.get_num_threads() > 1 else ''}"
    return f"{name}, {threads}, {torch.backends.cpu.get_cpu_capability()}"


def _versions() -> dict[str, str]:
    return {
        "impasto": __version__,
        "python": platform.python_version(),
        "torch": version("torch"),
        "network": "vgg19",
    }
