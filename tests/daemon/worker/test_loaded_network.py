import torch

from impasto_daemon.worker.loaded_network import LoadedNetwork
from impasto_shared.settings import Pooling, StyleSettings

SETTINGS = StyleSettings()
OTHER = StyleSettings(pooling=Pooling.AVERAGE)


def never() -> bool:
    return False


def test_network_is_loaded_once_for_settings_that_use_the_same() -> None:
    loaded = LoadedNetwork(torch.device("cpu"))
    assert not loaded.has(SETTINGS)

    network = loaded.get(SETTINGS, never)

    assert loaded.has(StyleSettings(size=300))
    assert loaded.get(StyleSettings(size=300), never) is network
    assert SETTINGS.pooling is not OTHER.pooling
    assert not loaded.has(OTHER)
    assert loaded.get(OTHER, never) is not network
