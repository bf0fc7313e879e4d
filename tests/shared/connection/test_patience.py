import pytest

from impasto_shared.connection.patience import patience_s, tolerated_silence_s


@pytest.mark.parametrize(
    ("lease_s", "silence_s", "given_up_s"),
    [(1, 2, 5), (6, 2, 6), (12, 4, 12), (60, 10, 60), (86_400, 10, 86_400)],
)
def test_longer_lease_means_more_patience(
    lease_s: float, silence_s: float, given_up_s: float
) -> None:
    assert tolerated_silence_s(lease_s) == silence_s
    assert patience_s(lease_s) == given_up_s
