from collections.abc import Iterator

import pytest

from integration.daemon_process import DaemonProcess


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--thorough",
        action="store_true",
        help="run the tests of faults and floods for half an hour, longer than CI can",
    )


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
