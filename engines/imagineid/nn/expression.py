"""PAD's expression decoder (eq. 7): blendshape curves from shape, content and emotion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from torch import Tensor, nn

from imagineid.nn.blocks import Transformer, mlp

if TYPE_CHECKING:
    from imagineid.spec import Size


class ExpressionDecoder(nn.Module):
    """Phi_D^e: the whole expression from content, shape and emotion (eq. 7)."""

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.from_linguistic = nn.Linear(size.linguistic, size.pad_dim)
        self.from_shape = mlp(size.shape, size.pad_dim, size.pad_dim)
        self.from_emotion = nn.Linear(size.emotion, size.pad_dim)
        self.transformer = Transformer(size, size.window)
        self.out = mlp(size.pad_dim, size.pad_dim, size.expression)

    def forward(self, linguistic: Tensor, shape: Tensor, emotion: Tensor) -> Tensor:
        """Return beta (B, L, 52), about [0, 1].

        Args:
            linguistic: l-bar, (B, L, 64).
            shape: alpha, (B, 80).
            emotion: theta_e, (B, 512).
        """
        whole = self.from_shape(shape) + self.from_emotion(emotion)  # (B, D)
        out: Tensor = self.out(self.transformer(self.from_linguistic(linguistic) + whole[:, None]))
        return out
