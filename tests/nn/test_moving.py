"""The networks of the size that moves its first frame."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from imagineid.nn.frame_decoder import FrameDecoder, moved_by
from imagineid.nn.networks import network, redraw_zeros
from imagineid.spec import MINI, ports
from imagineid_export.graphs import graph
from imagineid_export.networks import sample
from support.moving import MOVING


def test_a_later_frame_costs_at_most_3_8_gflop() -> None:
    total = 0
    for name in ("mesh_encoder", "sca", "unet", "frame_decoder", "matte"):
        module = network(name, MINI, 100)
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            module(*sample(ports(MINI)[name], batch=1))
        total += counter.get_total_flops()
    assert total <= 3.8e9


@pytest.mark.parametrize("name", ["mesh_encoder", "decoder", "frame_decoder", "encoder", "matte"])
def test_a_network_has_the_shapes_of_its_ports(name: str) -> None:
    own = ports(MOVING)[name]
    with torch.no_grad():
        outputs = network(name, MOVING, 10)(*sample(own, batch=3))
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    assert [tuple(each.shape[1:]) for each in outputs] == [port.dims[1:] for port in own.outputs]


@pytest.mark.parametrize("name", ["mesh_encoder", "decoder", "frame_decoder"])
def test_onnxruntime_draws_what_torch_draws(name: str) -> None:
    import onnxruntime

    torch.manual_seed(0)
    own = ports(MOVING)[name]
    module = redraw_zeros(network(name, MOVING, 10))
    session = onnxruntime.InferenceSession(graph(module, own).SerializeToString())
    inputs = sample(own, batch=3)
    feed = {port.name: each.numpy() for port, each in zip(own.inputs, inputs, strict=True)}
    (found,) = session.run(None, feed)
    with torch.no_grad():
        np.testing.assert_allclose(found, module(*inputs).numpy(), atol=1e-4)


def test_a_flow_of_two_pixels_moves_a_picture_by_two_pixels() -> None:
    picture = torch.rand(1, 3, 32, 32)
    flow = torch.zeros(1, 2, 16, 16)
    flow[:, 0] = 2 * 2 / 32
    moved = moved_by(picture, flow, 32)
    torch.testing.assert_close(moved[..., :-2], picture[..., 2:], atol=1e-5, rtol=0)


def inputs(cover: float, mask: float) -> list[torch.Tensor]:
    torch.manual_seed(0)
    values = list(sample(ports(MOVING)["frame_decoder"], batch=2))
    values[4], values[5] = torch.ones_like(values[4]), torch.zeros_like(values[5])
    values[6], values[7] = torch.full_like(values[6], cover), torch.full_like(values[7], mask)
    return values


def test_an_untrained_mask_follows_coverage_and_matte() -> None:
    module = FrameDecoder(MOVING).eval()
    with torch.no_grad():
        moved = module.layers(*inputs(cover=1, mask=1))[2]
        still = module.layers(*inputs(cover=0, mask=0))[2]
        hidden = module.layers(*inputs(cover=0, mask=1))[2]
    assert moved[:, 0].min() > 0.8
    assert still[:, 1].min() > 0.8
    assert hidden[:, 2].min() > 0.6
    torch.testing.assert_close(moved.sum(1), torch.ones_like(moved[:, 0]))


def test_a_window_is_drawn_as_the_frame_it_is_cut_from() -> None:
    torch.manual_seed(0)
    module = redraw_zeros(FrameDecoder(MOVING)).eval()
    whole = inputs(cover=0.5, mask=0.7)
    half = [x[..., : x.shape[-2] // 2, : x.shape[-1] // 2].contiguous() for x in whole]
    with torch.no_grad():
        full, part = module(*whole), module(*half)
    corner = MOVING.frame_px // 8  # beyond what lies outside the window
    torch.testing.assert_close(
        part[..., :corner, :corner], full[..., :corner, :corner], atol=0.05, rtol=0
    )
