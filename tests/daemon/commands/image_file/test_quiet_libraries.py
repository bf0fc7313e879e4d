import os
import subprocess
import sys
from pathlib import Path

import pytest

from impasto_daemon.commands.image_file.quiet_libraries import quiet_libraries

ROOT = Path(__file__).parents[4]


def test_standard_error_is_discarded_within_and_there_again_after(
    capfd: pytest.CaptureFixture[str],
) -> None:
    os.write(2, b"before ")
    with quiet_libraries():
        os.write(2, b"within ")
    os.write(2, b"after")

    assert capfd.readouterr().err == "before after"


def test_closed_standard_error_stays_closed() -> None:
    program = (
        "import os; os.close(2)\n"
        "from impasto_daemon.commands.image_file.quiet_libraries import quiet_libraries\n"
        "with quiet_libraries(): print('within')\n"
        "try: os.fstat(2)\n"
        "except OSError: print('closed')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": f"{ROOT / 'shared'}:{ROOT / 'daemon'}"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )

    assert done.stdout == "within\nclosed\n"
