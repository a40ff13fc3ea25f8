"""A Stable Diffusion of a few thousand weights: base, adapters, matting and inpainting as files.

All are what the real ones are: a base as diffusers writes it, adapters as training writes them, and
ONNX files with the inputs and outputs of MODNet and LaMa, the latter two without a network inside.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from diffusers import AutoencoderKL
from onnx import TensorProto, helper
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

from imagineid.face.model import FACE_FILE
from imagineid.models import Model, write_model_file
from imagineid.models.adapters import ADAPTERS
from imagineid.nn.base import ADDED, PARTS
from imagineid.nn.networks import network, redraw_zeros
from imagineid.spec import EMOTIONS, SD15, ports
from support.tiny import TINY_SD
from support.tiny_clip import write_vocabulary

SIZE = replace(
    TINY_SD, name="sd15", matting="modnet", inpainting="lama", schedule=SD15.schedule,
    sampler="dpmpp-2m", first_steps=3, steps=2, text_tokens=69,
)  # fmt: skip
"""``sd15`` in all but its widths."""

PROMPT = "a photo of a face"
"""What stands before each prompt."""

NAMES = {"base": "tiny-base", "matting": "tiny-matting", "inpainting": "tiny-inpainting"}

SCHEDULER = {
    "_class_name": "PNDMScheduler",
    "_diffusers_version": "0.6.0",
    "beta_end": 0.012,
    "beta_schedule": "scaled_linear",
    "beta_start": 0.00085,
    "num_train_timesteps": 1000,
    "set_alpha_to_one": False,
    "skip_prk_steps": True,
    "steps_offset": 1,
    "trained_betas": None,
    "clip_sample": False,
}
"""Stable Diffusion 1.5's own ``scheduler_config.json``."""


def autoencoder() -> AutoencoderKL:
    levels = len(SIZE.stages)
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        block_out_channels=SIZE.stages,
        layers_per_block=2,
        norm_num_groups=16,
    ).eval()


def clip(words: int) -> CLIPTextModel:
    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=words,
            hidden_size=SIZE.text_dim,
            intermediate_size=4 * SIZE.text_dim,
            num_hidden_layers=SIZE.text_layers,
            num_attention_heads=SIZE.text_heads,
            max_position_embeddings=SIZE.text_tokens + SIZE.pseudo_words,
            bos_token_id=words - 2,
            eos_token_id=words - 1,
        )
    ).eval()


def write_base(folder: Path) -> Path:
    """Write a base as diffusers and transformers write one."""
    torch.manual_seed(1)
    words = write_vocabulary(folder / "tokenizer")
    autoencoder().save_pretrained(folder / "vae")
    unet: Any = redraw_zeros(network("unet", SIZE, 0))
    unet.model.save_pretrained(folder / "unet")
    text = clip(words)
    text.save_pretrained(folder / "text_encoder")
    state = {
        f"text_model.{key.removeprefix('text_model.')}": v for key, v in text.state_dict().items()
    }
    save_file(state, folder / "text_encoder" / "model.safetensors")
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULER))
    return folder


def write_adapters(folder: Path, name: str = "tiny-sd") -> Path:
    """Write adapters of random numbers for that base, with the face and emotions they need."""
    torch.manual_seed(2)
    folder.mkdir()
    tensors = {}
    for network_name in ports(SIZE):
        module = redraw_zeros(network(network_name, SIZE, 8))
        for key, value in module.state_dict().items():
            if network_name not in PARTS or key.startswith(ADDED):
                tensors[f"{network_name}.{key}"] = value.contiguous()
    save_file(tensors, folder / ADAPTERS)
    shutil.copyfile(FACE_FILE, folder / "face.npz")
    rows = np.random.default_rng(0).standard_normal((len(EMOTIONS), SIZE.emotion))
    np.save(folder / "emotions.npy", rows.astype(np.float32))
    write_model_file(Model(name, folder, SIZE, "adapters", prompt=PROMPT, parts=NAMES))
    return folder


def write_graphs(matting: Path, inpainting: Path) -> None:
    """Write ONNX files that take and give what MODNet and LaMa do.

    The matte is the picture's mean; the filling is grey.
    """
    batch = ["batch", 3, "height", "width"]
    mean = helper.make_node("ReduceMean", ["input", "axes"], ["mean"])
    shares = helper.make_node("Sigmoid", ["mean"], ["output"])
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [1])
    _save(
        matting,
        [mean, shares],
        [("input", batch)],
        ("output", ["batch", 1, "height", "width"]),
        [axes],
    )
    half = helper.make_tensor("grey", TensorProto.FLOAT, [], [127.0])
    nothing = helper.make_tensor("nothing", TensorProto.FLOAT, [], [0.0])
    nodes = [
        helper.make_node("Mul", ["mask", "nothing"], ["zero"]),
        helper.make_node("Mul", ["image", "nothing"], ["dark"]),
        helper.make_node("Add", ["dark", "zero"], ["still"]),
        helper.make_node("Add", ["still", "grey"], ["output"]),
    ]
    picture, hole = [1, 3, 512, 512], [1, 1, 512, 512]
    _save(
        inpainting,
        nodes,
        [("image", picture), ("mask", hole)],
        ("output", picture),
        [half, nothing],
    )


def _save(
    folder: Path,
    nodes: list[Any],
    inputs: list[tuple[str, Any]],
    output: tuple[str, Any],
    numbers: list[Any],
) -> None:
    folder.mkdir(parents=True)
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "stand-in",
        [value(name, TensorProto.FLOAT, dims) for name, dims in inputs],
        [value(output[0], TensorProto.FLOAT, output[1])],
        numbers,
    )
    opset = [helper.make_opsetid("", 18)]
    onnx.save(helper.make_model(graph, opset_imports=opset, ir_version=9), folder / "model.onnx")


class Quiet:
    """A listener that ignores all messages."""

    def line(self, text: str) -> None: ...

    def at(self, name: str, done: int, total: int) -> None: ...


def bring_all(folder: Path) -> None:
    """Install base, matting, inpainting and adapters as ``pull`` does."""
    from imagineid.hub.user_weights import add_folder

    write_base(folder / "base")
    write_graphs(folder / "matting", folder / "inpainting")
    write_adapters(folder / "adapters")
    for part in ("base", "matting", "inpainting", "adapters"):
        add_folder(f"tiny-{part}", folder / part, Quiet())
