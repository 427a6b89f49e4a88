"""Seeded training of a network: one loop for pretraining and for fine-tuning.

Everything random comes from one seed, on one thread, inside :func:`reproducible`: the same call gives
the same bits, and the caller's own random numbers are untouched.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from soilpb._format import track

#: Soils evaluated at once: enough to fill the caches, few enough to need no memory.
_EVALUATION_BATCH = 1024
#: Values (soils × bands) augmented at once: 16 MB, however many soils there are.
_VALUES_AT_ONCE = 1 << 22


@dataclass(frozen=True)
class TrainingConfig:
    """How a network is trained: AdamW, linear warm-up, then cosine decay."""

    epochs: int = 15  # passes over the soils; 0 leaves the network as it is
    batch_size: int = 64  # soils per step, at most
    learning_rate: float = 3e-3  # at its height
    weight_decay: float = 0.01
    warmup: float = 0.1  # share of the steps in which the learning rate rises
    augment_gain: float = 0.05  # standard deviation of a factor around 1, drawn for each spectrum
    augment_noise: float = 0.05  # of noise on each band, in standard deviations of the band
    seed: int = 0


@contextmanager
def reproducible(seed: int) -> Iterator[None]:
    """Seed torch and hold it to one thread inside the block; restore both after it.

    One thread because sums in another order differ in their last bits, and because
    work is parallel across processes here, never within one.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)


def fit_network(
    model: nn.Module,
    X: np.ndarray,
    Y: np.ndarray,
    config: TrainingConfig,
    validation: tuple[np.ndarray, np.ndarray] | None = None,
    progress: str = "",
) -> list[dict[str, float]]:
    """Train ``model`` in place on what is not frozen, and leave it in evaluation mode.

    It maps (n, n_bands) to (n, n_outputs). Parameters with ``requires_grad=False`` stay as they are, as do
    the running statistics of a frozen BatchNorm. Spectra and properties are standardised float32, NaN where
    not measured; nothing is chosen by ``validation``, other soils. Returned are, for each epoch, its learning
    rate, ``train_loss`` (mean squared error in standard deviations, with dropout and augmentation) and, with
    ``validation``, ``validation_r2``.
    """
    inputs, targets = torch.from_numpy(X), torch.from_numpy(Y)
    n_batches = math.ceil(len(X) / config.batch_size)
    frozen = [
        one for one in model.modules() if isinstance(one, nn.BatchNorm2d) and not one.weight.requires_grad
    ]
    history: list[dict[str, float]] = []
    with reproducible(config.seed):
        optimiser, schedule = _optimiser(model, config, config.epochs * n_batches)
        epochs = range(1, config.epochs + 1)
        for epoch in track(epochs, progress) if progress else epochs:
            row = {"epoch": epoch, "learning_rate": optimiser.param_groups[0]["lr"], "train_loss": 0.0}
            model.train()
            for norm in frozen:
                norm.eval()  # or its statistics would drift
            for x, y in _batches(inputs, targets, n_batches, config):
                optimiser.zero_grad()
                loss = masked_mse(model(x), y)
                loss.backward()
                optimiser.step()
                schedule.step()
                row["train_loss"] += loss.item() / n_batches
            if validation is not None:
                row["validation_r2"] = _r2(validation[1], evaluate(model, validation[0]))
            history.append(row)
    model.eval()
    return history


def evaluate(model: nn.Module, X: np.ndarray, layer: str = "forward") -> np.ndarray:
    """Return what a method of a network makes of (n_samples, n_bands) standardised float32 spectra."""
    model.eval()
    with reproducible(seed=0), torch.inference_mode():
        batches = torch.from_numpy(X).split(_EVALUATION_BATCH)
        return torch.cat([getattr(model, layer)(batch) for batch in batches]).numpy()


def augment(X: Tensor, config: TrainingConfig) -> Tensor:
    """Spectra (n, n_bands) with a random gain each and random noise on each band."""
    gain = 1 + config.augment_gain * torch.randn(len(X), 1)
    noise = torch.randn_like(X).mul_(config.augment_noise)  # in place: spectra are most of the memory
    return (X * gain).add_(noise)


def masked_mse(predicted: Tensor, measured: Tensor) -> Tensor:
    """Mean squared error over the values that were measured; 0 if none was."""
    known = ~torch.isnan(measured)
    error = torch.where(known, predicted - measured.nan_to_num(), 0.0)
    return error.square().sum() / known.sum().clamp(min=1)


def _batches(X: Tensor, Y: Tensor, n_batches: int, config: TrainingConfig) -> Iterator[tuple[Tensor, Tensor]]:
    """Shuffle the soils and yield batches of nearly one size, augmented a few hundred batches at a time."""
    batches = torch.randperm(len(X)).tensor_split(n_batches)
    at_once = max(1, _VALUES_AT_ONCE // (config.batch_size * X.shape[1]))
    for start in range(0, n_batches, at_once):
        part = batches[start : start + at_once]
        rows, sizes = torch.cat(part), [len(batch) for batch in part]
        yield from zip(augment(X[rows], config).split(sizes), Y[rows].split(sizes), strict=True)


def _optimiser(model: nn.Module, config: TrainingConfig, n_steps: int) -> tuple[Optimizer, LRScheduler]:
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    rate, decay = config.learning_rate, config.weight_decay
    optimiser = torch.optim.AdamW(learning, lr=rate, betas=(0.9, 0.98), weight_decay=decay, fused=True)
    rise = max(1.0, config.warmup * n_steps)

    def factor(step: int) -> float:
        if step < rise:
            return (step + 1) / (rise + 1)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rise) / max(1.0, n_steps - rise))))

    return optimiser, LambdaLR(optimiser, factor)


def _r2(measured: np.ndarray, predicted: np.ndarray) -> float:
    """Mean R² over properties, each over the soils in which it was measured."""
    residual = np.nansum((measured - predicted) ** 2, axis=0)
    spread = np.nansum((measured - np.nanmean(measured, axis=0)) ** 2, axis=0)
    return float(np.mean(1 - residual / spread))
