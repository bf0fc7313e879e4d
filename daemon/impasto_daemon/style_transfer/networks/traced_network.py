"""Any torchvision model, read at the nodes of its graph (torch.fx).

VGG is a chain of convolutions; other networks branch and merge. torchvision traces a model and
names each node by its path, such as `layer3.0.add`, the merge of a ResNet's block (He et al.
2016). The graph is run node by node, down to the deepest node that is read.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.fx import GraphModule, Interpreter, Node
from torch.nn import functional
from torchvision.models.feature_extraction import create_feature_extractor, get_graph_node_names

from impasto_daemon.style_transfer.networks.network import (
    IMAGENET_MEAN,
    IMAGENET_STD,
    MIN_SIDE_PX,
    UntiledNetwork,
)
from impasto_shared.errors import InvalidSettings
from impasto_shared.settings import Pooling
from impasto_shared.text.sentences import sentence

RESIDUAL_STAND_INS: Mapping[str, str] = {
    "relu1_1": "relu",
    "relu2_1": "layer1.0.add",
    "relu3_1": "layer2.0.add",
    "relu4_1": "layer3.0.add",
    "relu4_2": "layer3.1.add",
    "relu5_1": "layer4.0.add",
}
"""The nodes of a ResNet that stand for the usual layers of VGG, so that settings suit both."""

# The path components that are shown to users: layer3.1, features.denseblock2.
_SHOWN_COMPONENTS = 2
# Measured: activations and their gradients, per byte of activations; and the loss, per pixel.
_WITH_GRADIENTS = 2.2
_LOSS_BYTES = 800
_FLOAT32_BYTES = 4


@dataclass(frozen=True)
class _Extractor:
    """A model cut off after some nodes; bytes_per_pixel: of its activations, in float32."""

    graph: GraphModule
    bytes_per_pixel: float


class TracedNetwork(UntiledNetwork):
    """A torchvision model; its weights never take a gradient.

    model: is changed in place: its zero padding becomes replicate padding, as in `vgg`, and with
        average pooling its max pooling layers are replaced.
    dtype: of the calculation and of activations; images are float32 or better.
    """

    def __init__(
        self,
        model: nn.Module,
        *,
        pooling: Pooling,
        device: torch.device | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self._model = (
            _prepared(model, pooling).to(device, dtype).requires_grad_(False).train(mode=False)
        )
        self._model.to(memory_format=torch.channels_last)
        _, nodes = get_graph_node_names(self._model, suppress_diff_warning=True)
        self._nodes: list[str] = nodes[1:]  # the first is the image
        has_blocks = set(RESIDUAL_STAND_INS.values()) <= set(self._nodes)
        self._stand_ins = RESIDUAL_STAND_INS if has_blocks else {}
        self._extractors: dict[frozenset[str], _Extractor] = {}
        weight = next(self._model.parameters())
        self._dtype = weight.dtype
        self._mean = weight.new_tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
        self._std = weight.new_tensor(IMAGENET_STD).view(1, 3, 1, 1)

    @property
    def device(self) -> torch.device:
        """The device of the weights, on which images must be."""
        return self._mean.device

    @property
    def number_bytes(self) -> int:
        """The size in bytes of the numbers that it calculates with."""
        return self._dtype.itemsize

    @property
    def layers(self) -> list[str]:
        """The paths of its modules, the shallowest first; a path means the module's last node."""
        shown = (".".join(node.split(".")[:_SHOWN_COMPONENTS]) for node in self._nodes)
        return list(dict.fromkeys(shown))

    def untiled_bytes(self, layers: Collection[str]) -> float:
        """Returns the bytes per pixel of activations down to `layers`, and of their gradients.

        Raises:
            InvalidSettings: as `activations` does.
        """
        nodes = frozenset(node for layer in layers if (node := self._node(layer)))
        activation_bytes = self._extractor(nodes).bytes_per_pixel if nodes else 0.0
        return _LOSS_BYTES + _WITH_GRADIENTS * activation_bytes

    def has(self, layer: str) -> bool:
        """Returns whether there is a node or a module of that name."""
        return self._node(layer) is not None

    def depth(self, layer: str) -> int:
        """Returns a number that is the larger, the deeper a layer lies."""
        node = self._node(layer)
        if node is None:
            raise ValueError(f"The network has no layer {layer}")
        return self._nodes.index(node)

    def activations(self, image: Tensor, layers: Collection[str]) -> Iterator[tuple[str, Tensor]]:
        """Yields the activations (1, C, h, w) at each of `layers`, the shallowest first.

        Computes nothing beyond the deepest layer.

        Raises:
            ValueError: for a layer that the network lacks.
            InvalidSettings: if the network cannot take images of any size, or a layer has no rows
                and columns that follow the image's.
        """
        names: dict[str, list[str]] = {}
        for layer in layers:
            node = self._node(layer)
            if node is None:
                raise ValueError(f"The network has no layer {layer}")
            names.setdefault(node, []).append(layer)
        if not names:
            return
        extractor = self._extractor(frozenset(names))
        normalised = ((image - self._mean) / self._std).to(
            self._dtype, memory_format=torch.channels_last
        )
        yield from _GraphRun(extractor.graph, names, self).activations(normalised)

    def reduced_mask(self, mask: Tensor, _layer: str, height: int, width: int) -> Tensor:
        """Returns `mask` (1, 1, H, W) of an image at a layer's resolution: height × width."""
        return functional.interpolate(mask, (height, width), mode="area")

    def _node(self, layer: str) -> str | None:
        """Returns the node of that name, the last one of that module, or its stand-in."""
        layer = self._stand_ins.get(layer, layer)
        if layer in self._nodes:
            return layer
        return next((node for node in reversed(self._nodes) if node.startswith(f"{layer}.")), None)

    def _extractor(self, nodes: frozenset[str]) -> _Extractor:
        """Returns the model cut off after `nodes`, tried out on a small image."""
        if nodes not in self._extractors:
            graph: GraphModule = create_feature_extractor(
                self._model, sorted(nodes), suppress_diff_warning=True
            ).train(mode=False)
            self._extractors[nodes] = _Extractor(graph, self._try_out(graph, nodes))
        return self._extractors[nodes]

    def _try_out(self, graph: GraphModule, nodes: Collection[str]) -> float:
        """Returns the bytes per pixel of its activations in float32."""
        blank = self._mean.expand(1, 3, MIN_SIDE_PX, 3 * MIN_SIDE_PX // 2)
        run = _GraphRun(graph, {node: [node] for node in nodes})
        try:
            with torch.no_grad():
                shapes = {node: activation.shape for node, activation in run.activations(blank)}
        except (RuntimeError, AssertionError, ValueError) as error:
            raise InvalidSettings(
                "model",
                sentence("network-of-one-size", reason=error),
            ) from error
        for node in sorted(nodes):
            size: Sequence[int] = shapes.get(node, ())
            if len(size) != 4 or not size[2] <= size[3] <= 2 * size[2]:
                raise InvalidSettings(
                    "model",
                    sentence(
                        "layer-without-place", layer=node, size=" × ".join(map(str, size)) or "–"
                    ),
                )
        return run.numbers * _FLOAT32_BYTES / (blank.shape[2] * blank.shape[3])


class _GraphRun(Interpreter):
    """A run of a graph, node after node.

    names: the names under which the activation of each node is yielded.
    network: whose `interrupt` is called before each node; None: nothing is.
    numbers: the count of numbers calculated so far, without those that replaced others in place.
    """

    def __init__(
        self,
        graph: GraphModule,
        names: Mapping[str, Sequence[str]],
        network: TracedNetwork | None = None,
    ) -> None:
        super().__init__(graph)
        self.extra_traceback = False  # it would change the texts of errors
        (outputs,) = next(node for node in graph.graph.nodes if node.op == "output").args
        self._names = {node: names[name] for name, node in outputs.items()}
        self._network = network
        self.numbers = 0

    def activations(self, image: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Yields each named activation as soon as it is calculated."""
        self.env, self.args_iter = {}, iter([image])
        for node in self.graph.nodes:
            if node.op == "output":
                return
            self._interrupt()
            result = self.env[node] = self.run_node(node)
            if isinstance(result, Tensor):
                self._account_for(node, result)
                for name in self._names.get(node, ()):
                    # The next node may change it in place, as the ReLU after a merge does.
                    yield name, result.clone()
            for unused in self.user_to_last_uses.get(node, ()):
                del self.env[unused]

    def _account_for(self, node: Node, result: Tensor) -> None:
        inputs = (self.env[before] for before in node.all_input_nodes)
        if not any(_share_memory(result, tensor) for tensor in inputs):
            self.numbers += result.numel()
        if result.requires_grad:
            result.register_hook(lambda _: self._interrupt())  # type: ignore[no-untyped-call]

    def _interrupt(self) -> None:
        if self._network is not None:
            self._network.interrupt()


def _share_memory(result: Tensor, value: object) -> bool:
    return (
        isinstance(value, Tensor)
        and result.untyped_storage().data_ptr() == value.untyped_storage().data_ptr()
    )


def _prepared(model: nn.Module, pooling: Pooling) -> nn.Module:
    """Returns `model` with replicate padding and the given pooling."""
    model.train(mode=False)
    for module in list(model.modules()):
        if isinstance(module, nn.Conv2d) and module.padding_mode == "zeros":
            module.padding_mode = "replicate"
        for name, child in module.named_children():
            if pooling is Pooling.AVERAGE and isinstance(child, nn.MaxPool2d):
                setattr(module, name, _averaging(child))
    return model


def _averaging(pool: nn.MaxPool2d) -> nn.AvgPool2d:
    return nn.AvgPool2d(
        pool.kernel_size,
        pool.stride,
        pool.padding,
        ceil_mode=pool.ceil_mode,
        count_include_pad=False,
    )
