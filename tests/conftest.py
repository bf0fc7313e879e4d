import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from integration.daemon_process import DaemonProcess

# Read when torch is imported, here and in the processes that tests start. Each process of
# pytest-xdist has a processor or less, and threads without one wait for each other.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")

# Ignored in a shell's background, which would pass on to what the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# No test depends on the speed of the machine.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--thorough",
        action="store_true",
        help="run the tests of faults and floods for half an hour, longer than CI can",
    )
    parser.addoption(
        "--seed",
        type=int,
        default=0,
        help="have a thorough run inject other faults than usual",
    )


@pytest.hookimpl(optionalhook=True)  # pytest-xdist's
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Returns what shares out groups of tests for --dist loadgroup."""
    if config.getvalue("dist") != "loadgroup":
        return None
    from groups import GroupScheduling

    return GroupScheduling(config, log)


@pytest.fixture(scope="session")
def is_thorough(pytestconfig: pytest.Config) -> bool:
    """True if the tests may take half an hour: pytest --thorough."""
    return bool(pytestconfig.getoption("--thorough"))


@pytest.fixture(scope="session")
def shared_daemon() -> Iterator[DaemonProcess]:
    """A daemon for all tests that leave it unchanged."""
    with DaemonProcess() as daemon:
        yield daemon


@pytest.fixture
def daemon() -> Iterator[DaemonProcess]:
    """A daemon for this test alone, which may break it."""
    with DaemonProcess() as daemon:
        yield daemon
