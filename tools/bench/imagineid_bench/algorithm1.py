"""Algorithm 1 as the paper writes it: what every other speed is compared with.

Nothing here is clever: 50 DDIM steps a frame, guidance in both modes as any latent diffusion model
has it, one frame after another, and recomputes all of it for every frame. With torch modules for
networks (:func:`imagineid_bench.workloads.as_written`) this is what a faithful first implementation
does. The paper's lines, whose numbers stand beside the code:

::

    Input   z_T, the meshes {I_rd^i}, i = 1 … H, and Y, both inferred from audio
    1       I_1 = D(CCF(z_T, E(I_rd^1), Y))                                    i = 1, diverse mode
            for i = 2 … H:                                                     coherent mode
    2           I_id = I_1,  I_bg = G_IA(I_1)
    3           I_ad = M(I_{i-1}),  m = G_MOD(I_{i-1})
    4           I_i = D'(CCF(z_T, E([I_rd^i, I_id, I_ad]), Y), E(I_bg), m)
    Output  I_1 … I_H

:mod:`imagineid.ccf.generation` computes the same with what can be kept kept; a test holds the two
together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from imagineid.ccf.background import dilate, inpaint
from imagineid.ccf.generation import Text, encode_images, encode_neighbour
from imagineid.ccf.images import to_images, to_pictures
from imagineid.ccf.sampling import Sampling
from imagineid.spec import Size

if TYPE_CHECKING:
    from imagineid.engine import Engine

Array = np.ndarray

STEPS = 50
"""DDIM steps of each frame."""

GUIDANCE = 4.0
"""How hard the prompt pulls, in both modes."""


@dataclass(frozen=True)
class AlgorithmOne:
    """The frozen latent diffusion model and its adapters, used as the paper says.

    Attributes:
        engines: ``encoder`` E and F_ve, ``decoder`` D and D', ``sca`` F_SC, ``unet`` and ``matte``
            G_MOD.
        size: of those networks.
        steps: of DDIM.
        guidance: of classifier-free guidance; 1 is none.
    """

    engines: Mapping[str, Engine]
    size: Size
    steps: int = STEPS
    guidance: float = GUIDANCE

    def frames(
        self, z: Array, meshes: Iterable[tuple[Array, Array]], encode_text: Callable[[], Text]
    ) -> Iterator[Array]:
        """Run Algorithm 1.

        Args:
            z: z_T, (1, c, h, w), unit variance; the same for every frame.
            meshes: I_rd^i, (H, W, 3) uint8, and its mouth area, (H, W) bool.
            encode_text: makes Y, the token embeddings with the voice's pseudo-words (eq. 8).

        Yields:
            I_1 … I_H, (H, W, 3) uint8.
        """
        first: Array | None = None
        before = before_mouth = np.empty(0)
        for mesh, mouth in meshes:
            if first is None:
                frame = first = self.diverse(z, mesh, encode_text())
            else:
                frame = self.coherent(z, mesh, first, before, before_mouth, encode_text())
            before, before_mouth = frame, mouth
            yield frame

    def diverse(self, z: Array, mesh: Array, y: Text) -> Array:
        """Line 1: the first frame sees its mesh and Y alone."""
        latent = encode_images(self.engines, mesh[None])
        nothing = np.zeros_like(latent)
        side, everything = self.size.feature_px, np.float32(1)
        return self.decode(
            self.ccf(z, (latent, nothing, nothing), y),
            np.zeros((1, *self.size.background), np.float32),
            np.full((1, 1, side, side), everything),  # nothing is blended: D' is D
        )

    def coherent(
        self, z: Array, mesh: Array, first: Array, before: Array, before_mouth: Array, y: Text
    ) -> Array:
        """Lines 2 to 4: a later frame sees the first one and the one before it, too."""
        background = inpaint(first, self.matte(first))  # 2: I_bg = G_IA(I_1)
        mask = dilate(self.matte(before))[None, None]  # 3: m = G_MOD(I_{i-1}), dilated
        conditions = (  # 4: E([I_rd, I_id, I_ad])
            encode_images(self.engines, mesh[None]),
            encode_images(self.engines, first[None]),
            encode_neighbour(
                self.engines, before[None], before_mouth[None]
            ),  # 3: M hides its mouth
        )
        features = self.engines["encoder"](image=to_images(background[None]))["background"]
        return self.decode(self.ccf(z, conditions, y), features, mask)

    def ccf(self, z: Array, conditions: tuple[Array, Array, Array], y: Text) -> Array:
        """Denoise z_T under F_SC of the summed conditions (eq. 9), with and without the prompt.

        Args:
            z: z_T.
            conditions: E(I_rd), E(I_id), E(I_ad), (1, c, h, w) each; zeros for one not given.
            y: of the prompt and of no prompt.

        Returns:
            The clean latent, (1, c, h, w).
        """
        mesh, anchor, neighbour = conditions
        text = np.concatenate([y.negative, y.conditional])

        def predicted(latent: Array, time: float) -> Array:
            residuals = self.engines["sca"](mesh=mesh, anchor=anchor, neighbour=neighbour)
            both = {name: np.repeat(value, 2, axis=0) for name, value in residuals.items()}
            output = self.engines["unet"](
                noisy=np.repeat(latent, 2, axis=0), time=np.full(2, time, "f4"), text=text, **both
            )
            away, towards = np.split(np.asarray(output["prediction"]), 2)
            return np.asarray(away + self.guidance * (towards - away))

        return Sampling.of(self.size, self.steps, "ddim")(predicted, z).astype(np.float32)

    def matte(self, frame: Array) -> Array:
        """G_MOD: where the person is in a frame, (H/4, W/4) in [0, 1]."""
        return np.asarray(self.engines["matte"](image=to_images(frame[None]))["mask"][0, 0])

    def decode(self, latent: Array, background: Array, mask: Array) -> Array:
        """D': the decoder with the background's features blended in (eq. 10)."""
        output = self.engines["decoder"](latent=latent, background=background, mask=mask)
        return np.asarray(to_pictures(output["image"])[0])
