"""What was trained becomes an adapters folder, see :mod:`imagineid.models.adapters`."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor

from imagineid.errors import BadInput
from imagineid.face.model import FACE_FILE
from imagineid.models import Model, write_model_file
from imagineid.models.adapters import ADAPTERS
from imagineid.nn.emotion import EmotionEncoder
from imagineid.pad.prototypes import FILE as EMOTIONS_FILE
from imagineid.spec import EMOTIONS
from imagineid_train.loop import weights
from imagineid_train.prototypes import ENOUGH
from imagineid_train.sd15.stage import Context
from imagineid_train.sd15.stages import STAGES


def check_output(folder: Path) -> None:
    """Refuse a folder that holds something else than adapters.

    Raises:
        BadInput: it does.
    """
    if folder.exists() and not (folder / ADAPTERS).is_file() and any(folder.iterdir()):
        raise BadInput(f"{folder} holds other files.\nName another folder:  -o ADAPTERS")


def write_adapters(context: Context, folder: Path, parts: Mapping[str, str]) -> None:
    """Write the folder anew from the averaged weights of all stages.

    Args:
        context: of the training.
        folder: of the adapters.
        parts: names of the weights they need, see :data:`imagineid.models.adapters.PARTS`.

    Raises:
        BadInput: a stage has not been trained.
    """
    tensors: dict[str, Tensor] = {}
    for stage in STAGES:
        if not stage.adapters or not stage.wanted(context.options, context.data):
            continue
        where = context.checkpoint(stage.name)
        if where is None:
            raise BadInput(
                f"The stage {stage.name} has not been trained.\nTrain it:  the same command"
            )
        for key, value in weights(str(where.absolute())).items():
            for prefix, target in stage.adapters.items():
                if key.startswith(prefix):
                    tensors[target + key.removeprefix(prefix)] = value.contiguous()
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    save_file(tensors, part / ADAPTERS)
    (part / ADAPTERS).chmod(0o644)
    shutil.copyfile(FACE_FILE, part / "face.npz")
    np.save(part / EMOTIONS_FILE, mean_emotions(context))
    prompt = context.options.prompt
    model = Model(folder.name, part, context.size, "adapters", prompt=prompt, parts=parts)
    write_model_file(model, {"training": context.options.seed})
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)


@torch.no_grad()
def mean_emotions(context: Context) -> np.ndarray:
    """Return the mean theta_e of each emotion in the data, (8, 512) float32.

    An emotion that is not in the data has the mean of all samples.
    """
    encoder = context.trained(EmotionEncoder(context.size), "emotion", "emotion")
    found: list[list[np.ndarray]] = [[] for _ in EMOTIONS]
    others: list[np.ndarray] = []
    for sample in context.data.samples:
        own = found[sample.emotion] if sample.emotion >= 0 else others
        if len(own) < ENOUGH:
            mel = torch.from_numpy(context.data.mel_window(sample, 0))[None].to(context.device)
            own.append(encoder(mel)[0][0].float().cpu().numpy())
    mean = np.mean([each for own in (*found, others) for each in own], axis=0)
    if lacking := [name for name, own in zip(EMOTIONS, found, strict=True) if not own]:
        print(f"The data has no {', '.join(lacking)}: by name, they are the mean of all samples.")
    return np.stack([np.mean(own, axis=0) if own else mean for own in found]).astype(np.float32)
