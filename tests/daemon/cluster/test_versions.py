from typing import Any

import pytest

from impasto_daemon.cluster.versions import VersionsDiffer, check_versions


def node(python: str = "3.11.7.final.0", **packages: str | None) -> dict[str, Any]:
    same = {"impasto_shared": "0.1.0", "distributed": "2026.8.0", "torch": "2.6"}
    return {"host": {"python": python}, "packages": same | packages}


def versions(*workers: dict[str, Any]) -> dict[str, Any]:
    addresses = {f"tcp://10.0.0.{n}:1": worker for n, worker in enumerate(workers)}
    return {"client": node(), "scheduler": node(impasto_shared=None), "workers": addresses}


def test_same_versions_pass() -> None:
    check_versions(versions())
    check_versions(versions(node(), node(python="3.11.2.final.0", torch="2.7")))


@pytest.mark.parametrize(
    ("worker", "difference"),
    [
        (node(impasto_shared="0.0.9"), "has Impasto 0.0.9; this machine has 0.1.0"),
        (node(impasto_shared=None), "has no Impasto; this machine has 0.1.0"),
        (node(distributed="2025.1.0"), "has dask.distributed 2025.1.0; this machine has 2026.8.0"),
        (node(python="3.13.0.final.0"), "has Python 3.13; this machine has 3.11"),
    ],
)
def test_other_version_is_told_with_the_worker(worker: dict[str, Any], difference: str) -> None:
    with pytest.raises(VersionsDiffer) as refused:
        check_versions(versions(node(), worker))

    assert f"The worker at tcp://10.0.0.1:1 {difference}." in str(refused.value)
