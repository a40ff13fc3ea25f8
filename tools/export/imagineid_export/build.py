"""ONNX files to TensorRT engines; TensorRT-RTX needs no card for that."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from imagineid.backends import engine_cache, gpu
from imagineid.backends.engine_cache import Flavour
from imagineid.errors import BadEngine, NoGpu

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imagineid.models import Model


@dataclass(frozen=True, slots=True)
class Built:
    """One engine: of which network, for which target, how large, and how long it took."""

    network: str
    target: str
    path: Path
    size_bytes: int
    took_s: float

    def __str__(self) -> str:
        """Return the line a user reads."""
        size = f"{self.size_bytes / 1e6:.1f} MB"
        return f"{self.network} for {self.target}: {size}, {self.took_s:.0f} s"


@dataclass(frozen=True, slots=True)
class Builder:
    """A TensorRT that is installed, and what it shall build for.

    Attributes:
        flavour: which of the two.
        trt: its package.
        targets: compute capabilities, as ``sm89``.
    """

    flavour: Flavour
    trt: ModuleType
    targets: tuple[str, ...]

    @classmethod
    def of(cls, name: str, targets: Sequence[str]) -> Builder:
        """Check the package, the targets and the card.

        Args:
            name: ``tensorrt`` or ``tensorrt-rtx``.
            targets: ``current`` is the card that is here.

        Raises:
            BackendMissing: the package is not installed.
            NoGpu: a card is needed and there is none.
            BadEngine: the package does not know a target, or can't build for it here.
        """
        flavour = engine_cache.FLAVOURS[name]
        if name == "tensorrt":  # its builder runs kernels to choose among them
            here = _card_here("Build without one:  --format tensorrt-rtx --target sm89")
            if set(targets) - {"current", here}:
                raise BadEngine(
                    f"tensorrt builds only for the card that is here, {here}.\n"
                    f"Build for others:  --format tensorrt-rtx --target {targets[0]}"
                )
            return cls(flavour, flavour.load(), (here,))
        trt = flavour.load()
        known = [each.lower() for each in trt.ComputeCapability.__members__ if each[:2] == "SM"]
        name_one = "Name the card to build for:  --target sm89"
        found = dict.fromkeys(_card_here(name_one) if t == "current" else t for t in targets)
        for target in found:
            if target not in known:
                raise BadEngine(
                    f"{name} {engine_cache.version_of(trt)} does not know the target {target}.\n"
                    f"Use one of:  --target {'  --target '.join(known)}"
                )
        return cls(flavour, trt, tuple(found))

    def build(self, model: Model, network: str, target: str) -> Built:
        """Build one engine beside its graph, under its final name only when it is whole.

        Raises:
            BadEngine: the graph is damaged, or TensorRT can't build it.
            OSError: the engine can't be written.
        """
        start = time.monotonic()
        version = engine_cache.version_of(self.trt)
        path = engine_cache.engine_path(model, network, self.flavour, version, target)
        if not path.is_file():
            serialized = self._serialized(model, network, target)
            part = path.with_name(path.name + ".part")
            try:
                part.write_bytes(serialized)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        for stale in engine_cache.stale_engines(path):
            for file in stale.parent.glob(stale.name + "*"):
                file.unlink()
        took_s = time.monotonic() - start
        return Built(network, target, path, path.stat().st_size, took_s)

    def _serialized(self, model: Model, network: str, target: str) -> memoryview:
        graph, ports = model.graph(network), model.ports(network)
        trt, log = self.trt, _log(self.trt)
        builder = trt.Builder(log)
        strong = 1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        definition = builder.create_network(strong)
        parser = trt.OnnxParser(definition, log)
        if not parser.parse_from_file(str(graph)):
            what = f"{graph} can't be read by {self.flavour.name}: {_why(parser, log)}"
            raise BadEngine(f"{what}\n{model.remedy}")
        config, profile = builder.create_builder_config(), builder.create_optimization_profile()
        for port in ports.inputs:
            fixed = [d for d in port.dims if not isinstance(d, str)]
            profile.set_shape(port.name, *((n, *fixed) for n in engine_cache.profile(model.size)))
        config.add_optimization_profile(profile)
        if self.flavour.name == "tensorrt-rtx":  # no timing cache: it would ask for the card
            config.num_compute_capabilities = 1
            config.set_compute_capability(getattr(trt.ComputeCapability, target.upper()), 0)
        serialized = builder.build_serialized_network(definition, config)
        if serialized is None:
            raise BadEngine(
                f"{self.flavour.name} can't build {graph.name} for {target}: {log.last}\n"
                "Use onnxruntime:  --engine onnx"
            )
        return memoryview(serialized)


def _card_here(otherwise: str) -> str:
    """Return the target of the card that is here.

    Raises:
        NoGpu: there is none; ``otherwise`` is what to type then.
    """
    try:
        return gpu.find().target
    except NoGpu as error:
        raise NoGpu(f"{str(error).splitlines()[0]}\n{otherwise}") from error


def _why(parser: Any, log: Any) -> str:
    faults: list[str] = [parser.get_error(i).desc() for i in range(parser.num_errors)]
    return (faults[0] if faults else str(log.last)).splitlines()[0]


def _log(trt: ModuleType) -> Any:
    """Return a logger that keeps the last error and prints nothing."""

    class Log(trt.ILogger):  # type: ignore[name-defined]
        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.last = "it does not say why"

        def log(self, severity: Any, message: str) -> None:
            if severity in (trt.ILogger.ERROR, trt.ILogger.INTERNAL_ERROR):
                self.last = message

    return Log()
