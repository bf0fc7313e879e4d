import resource
import subprocess
import sys

from integration.daemon_process import ROOT

PROGRAM = """
import resource
from contextlib import suppress
from impasto_daemon.system.host import set_limits
resource.setrlimit(resource.RLIMIT_NOFILE, (100, 200))
with suppress(OSError, ValueError):  # of a user who may write no core files anyway
    resource.setrlimit(resource.RLIMIT_CORE, (1000, 1000))
set_limits()
print(resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_CORE)[0])
"""


def test_descriptors_are_as_many_as_allowed_and_no_core_is_written() -> None:
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= 200
    completed = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM],
        env={"PYTHONPATH": f"{ROOT / 'shared'}:{ROOT / 'daemon'}"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert completed.stdout == "(200, 200) 0\n"
