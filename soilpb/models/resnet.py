"""The one-dimensional residual network (He et al. 2016): stem, residual blocks, linear head.

Every activation is an ``nn.ReLU`` module of its own, not in place, and sums make a new tensor:
DeepExplainer attributes silently wrong numbers to any other spelling. A spectrum is held as an image
of height 1, channels last: the same numbers as with ``nn.Conv1d``, which trains 1.5 times slower.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from soilpb.models.preprocessing import PREPROCESSING

#: Positions along the spectrum that the stem aims to leave: what 210 bands have at the least stride.
STEM_POSITIONS = 52
#: Bands that a stem passes over at the least, whatever their number.
LEAST_STRIDE = 4
#: Residual blocks at most: each halves the spectrum.
MOST_BLOCKS = 16


@dataclass(frozen=True)
class ResNetConfig:
    """Shape of the network.

    Examples
    --------
    >>> config = ResNetConfig(n_bands=210)
    >>> config.lengths, config.n_features
    ((53, 27, 14, 7), 448)
    >>> [(wide.stem_kernel, wide.stem_stride) for wide in map(ResNetConfig, (210, 420, 2_100, 4_200))]
    [(9, 4), (17, 8), (81, 40), (161, 80)]
    """

    n_bands: int
    n_outputs: int = 1  # properties predicted at once
    stem_channels: int = 16
    stem_kernel: int | None = None  # window of the first convolution in bands, odd
    stem_stride: int | None = None  # its step; both are chosen by the number of bands if omitted
    channels: tuple[int, ...] = (32, 48, 64)  # of the residual blocks, each of which halves the length
    dropout: float = 0.1  # share of features that the head does without in each training step
    preprocessing: str = "snv"  # of what it sees: one of preprocessing.PREPROCESSING

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(self.channels))
        stride = max(LEAST_STRIDE, self.n_bands // STEM_POSITIONS)
        for name, fitting in (("stem_stride", stride), ("stem_kernel", 2 * stride + 1)):
            if getattr(self, name) is None:
                object.__setattr__(self, name, fitting)
        sizes = (self.n_outputs, self.stem_channels, self.stem_kernel, self.stem_stride, *self.channels)
        if min(sizes) < 1 or not 1 <= len(self.channels) <= MOST_BLOCKS:
            raise ValueError(f"a size below 1, or not 1 to {MOST_BLOCKS} residual blocks: {self}")
        if self.preprocessing not in PREPROCESSING:
            raise ValueError(f"preprocessing is {self.preprocessing!r}; expected of {list(PREPROCESSING)}")
        if self.stem_kernel % 2 == 0:
            raise ValueError(f"stem_kernel is {self.stem_kernel}; an odd number keeps bands centred")
        if self.n_bands < self.stem_kernel:
            raise ValueError(f"{self.n_bands} bands are fewer than the stem's kernel of {self.stem_kernel}")

    @property
    def lengths(self) -> tuple[int, ...]:
        """Positions along the spectrum after the stem and after each block."""
        after_stem = -(-self.n_bands // self.stem_stride)
        return tuple(-(-after_stem // 2**blocks) for blocks in range(len(self.channels) + 1))

    @property
    def n_features(self) -> int:
        """Features that the head reads: channels × positions of the last block."""
        return self.channels[-1] * self.lengths[-1]


class ResidualBlock(nn.Module):
    """Two convolutions and a shortcut that halve the length of the spectrum."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = _convolution(inputs, outputs, kernel=3, stride=2)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.conv2 = _convolution(outputs, outputs, kernel=3)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = _convolution(inputs, outputs, kernel=1, stride=2)
        self.shortcut_norm = nn.BatchNorm2d(outputs)
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, inputs, 1, length) to (n, outputs, 1, ceil(length / 2))."""
        h = self.relu1(self.norm1(self.conv1(x)))  # (n, outputs, 1, length / 2)
        h = self.norm2(self.conv2(h))  # (n, outputs, 1, length / 2)
        h = h + self.shortcut_norm(self.shortcut(x))  # never h += …: see the module's docstring
        return self.relu2(h)


class ResNet1d(nn.Module):
    """A strided stem, blocks that halve the spectrum again and again, flattened features, a linear head.

    Flattening keeps *where* an absorption lies; averaging over the spectrum would forget it. The finer the
    bands, the longer the stem: blocks see the same stretch, and cost the same, at 210 bands and at 4,200.

    Examples
    --------
    >>> network = ResNet1d(ResNetConfig(n_bands=210, n_outputs=2))
    >>> network(torch.zeros(5, 210)).shape
    torch.Size([5, 2])
    """

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__()
        self.config = config
        self.stem = nn.Sequential(
            _convolution(1, config.stem_channels, config.stem_kernel, config.stem_stride),
            nn.BatchNorm2d(config.stem_channels),
            nn.ReLU(),
        )
        widths = (config.stem_channels, *config.channels)
        self.blocks = nn.Sequential(*map(ResidualBlock, widths[:-1], widths[1:]))
        self.dropout = nn.Dropout(config.dropout)
        self.head = nn.Linear(config.n_features, config.n_outputs)
        self.to(memory_format=torch.channels_last)

    def embed(self, x: Tensor) -> Tensor:
        """Map standardised spectra (n, n_bands) to features (n, n_features)."""
        h = self.stem(x[:, None, None, :])  # (n, stem_channels, 1, n_bands / stem_stride)
        h = self.blocks(h)  # (n, channels[-1], 1, lengths[-1])
        return h.flatten(1)  # (n, n_features)

    def forward(self, x: Tensor) -> Tensor:
        """Map standardised spectra (n, n_bands) to standardised properties (n, n_outputs)."""
        return self.head(self.dropout(self.embed(x)))


def _convolution(inputs: int, outputs: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """Convolution along the spectrum that keeps its length but for the stride."""
    size = {"kernel_size": (1, kernel), "stride": (1, stride), "padding": (0, kernel // 2)}
    return nn.Conv2d(inputs, outputs, **size, bias=False)  # the BatchNorm that follows has one
