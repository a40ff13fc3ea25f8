"""Sizes and ports."""

from __future__ import annotations

from imagineid.spec import ARKIT, MINI, MOUTH, ports


def test_there_are_52_units_each_named_once() -> None:
    assert len(ARKIT) == len(set(ARKIT)) == 52
    assert all(not ARKIT[i].startswith(("eye", "brow", "nose")) for i in MOUTH)


def test_the_embedded_size_has_the_shapes_the_design_gives() -> None:
    assert (MINI.factor, MINI.latent_px, MINI.feature_px) == (32, 16, 64)


def test_what_one_network_gives_another_takes_in_the_same_shape() -> None:
    everything = ports(MINI)
    outputs = {p.name: p for n in everything.values() for p in n.outputs if p.name != "latent"}
    for network in everything.values():
        for port in network.inputs:
            if port.name in outputs:
                assert port == outputs[port.name]


def test_only_the_batch_is_free() -> None:
    for network in ports(MINI).values():
        for port in (*network.inputs, *network.outputs):
            assert port.dims[0] == "batch"
            assert all(isinstance(d, int) for d in port.dims[1:])
