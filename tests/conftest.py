from collections.abc import Iterator

import pytest

from integration.daemon_process import DaemonProcess


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--thorough",
        action="store_true",
        help="run tests of faults and of many messages as often as CI has no time for",
    )


@pytest.fixture(scope="session")
def is_thorough(pytestconfig: pytest.Config) -> bool:
    """Whether there is all the time in the world."""
    return bool(pytestconfig.getoption("--thorough"))


@pytest.fixture(scope="session")
def shared_daemon() -> Iterator[DaemonProcess]:
    """One daemon for all tests that leave it as they found it."""
    with DaemonProcess() as daemon:
        yield daemon


@pytest.fixture
def daemon() -> Iterator[DaemonProcess]:
    """A daemon of the test's own, to be treated badly."""
    with DaemonProcess() as daemon:
        yield daemon
