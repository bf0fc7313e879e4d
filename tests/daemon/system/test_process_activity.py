import os
import signal
import subprocess
import sys

from impasto_daemon.system.host import processor_ticks
from integration.daemon_process import wait_for

BUSY = "import sys\nprint(1, flush=True)\nwhile True: pass"


def test_working_process_uses_time_and_a_stopped_one_does_not() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            process.stdout.readline()
            first = processor_ticks(process.pid)
            assert first is not None
            wait_for(lambda: (processor_ticks(process.pid) or 0) > first, "processor time")
            process.send_signal(signal.SIGSTOP)
            os.waitid(os.P_PID, process.pid, os.WSTOPPED | os.WNOWAIT)
            stopped = processor_ticks(process.pid)
            sum(number * number for number in range(10**6))
            assert processor_ticks(process.pid) == stopped
        finally:
            process.kill()


def test_process_that_does_not_exist_has_no_time() -> None:
    assert processor_ticks(2**22 + 1) is None
