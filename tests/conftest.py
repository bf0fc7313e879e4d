from collections.abc import Iterator

import pytest

from integration.daemon_process import DaemonProcess


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
