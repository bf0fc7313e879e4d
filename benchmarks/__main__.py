"""Runs a benchmark: `python -m benchmarks NAME [--json] [--keep RECORD] [ARGUMENT ...]`.

It prints a table or, with --json, its record: the figures with commit, machine, date and versions.
--keep stores the record in benchmarks/records, and shows it in docs/benchmarks.md if that has a
place for it. `page` makes its tables again. Run on a machine that does nothing else.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Benchmarks import each other, and the tests' daemon, by their plain names.
sys.path[:0] = [str(HERE), str(HERE.parent / "tests")]

from page import main as write_page  # noqa: E402 - found there
from record import ENGINE, RECORDS, new_record  # noqa: E402


def names() -> list[str]:
    """Returns the names of the benchmarks: the modules with a function `tabulate`."""
    paths = sorted(HERE.glob("*.py"))
    return [path.stem for path in paths if "\ndef tabulate(arguments: " in path.read_text()]


def main() -> None:
    """Runs what the command line says."""
    options = sys.argv[1:]
    if options == ["page"]:
        write_page()
        return
    if not options or options[0] not in names():
        raise SystemExit(f"{__doc__}\nNAME is one of {', '.join(names())}.")
    name, *arguments = options
    is_json = "--json" in arguments
    record_name = None
    if "--keep" in arguments:
        at = arguments.index("--keep")
        if at + 1 == len(arguments):
            raise SystemExit("--keep needs the name of the record, such as memory-gpu.")
        record_name = arguments[at + 1]
        del arguments[at : at + 2]
    arguments = [argument for argument in arguments if argument != "--json"]
    benchmark = import_module(name)
    table = benchmark.tabulate(arguments)
    record = new_record(name, arguments, getattr(benchmark, "MEASURED", ENGINE), table)
    print(record.to_json() if is_json else "\n".join(table.lines()))
    if record_name is not None:
        (RECORDS / f"{record_name}.json").write_text(record.to_json())
        write_page()


if __name__ == "__main__":
    main()
