"""Ask a model only about spectra that its site could have.

A counterfactual spectrum carries bands of the atlas, at the atlas' wavelengths and widths.
Real minerals differ a little, and a calibration may answer wildly to a shape that none of
its soils had. Here a spectrum is first rebuilt from the principal components of the site's
own absorbance: what remains is what the site's spectra do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from soilpb.bands import absorbance, reflectance_from_absorbance
from soilpb.slopes import Predictor, mineral_slopes
from soilpb.splits import Fold

#: Share of the variance of absorbance that the components hold; the rest is noise and detail.
#: Chosen on the twin: fewer components spoil the slopes there, more change nothing.
SHARE = 0.999


class Plausible:
    """A fitted model behind the principal components of a site's spectra.

    Parameters
    ----------
    model : fitted estimator
    X : (n_samples, n_bands) array
        Reflectance of the site's soils, fraction.
    share : float
        Of the variance of absorbance that the components hold together.

    Attributes
    ----------
    n_components : int

    Examples
    --------
    >>> class Last:
    ...     def predict(self, X):
    ...         return -np.log10(X[:, -1])
    >>> rng = np.random.default_rng(0)
    >>> brightness = rng.uniform(0.2, 0.6, (50, 1)) * np.ones(4)
    >>> odd = np.array([[0.4, 0.4, 0.4, 0.2]])
    >>> [round(model.predict(odd).item(), 2) for model in (Last(), Plausible(Last(), brightness))]
    [0.7, 0.47]
    """

    def __init__(self, model: Predictor, X: np.ndarray, share: float = SHARE) -> None:
        if not 0 < share < 1:
            raise ValueError(f"share is {share}; expected a share of the variance, such as {SHARE}")
        spectra = absorbance(np.asarray(X, dtype=float))
        self.model, self.mean = model, spectra.mean(axis=0)
        _, sizes, components = np.linalg.svd(spectra - self.mean, full_matrices=False)
        held = np.cumsum(sizes**2) / np.sum(sizes**2)
        self.n_components = int(np.searchsorted(held, share)) + 1
        self.components = components[: self.n_components]

    def rebuild(self, X: np.ndarray) -> np.ndarray:
        """Reflectance (n, n_bands) as the components make it, float32."""
        centred = absorbance(np.asarray(X, dtype=float)) - self.mean
        rebuilt = self.mean + centred @ self.components.T @ self.components
        return reflectance_from_absorbance(rebuilt).astype(np.float32)

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predictions (n,) of the model for the rebuilt spectra."""
        return self.model.predict(self.rebuild(X))


def slopes_by_fold(
    models: Iterable[Predictor],
    folds: Iterable[Fold],
    X: np.ndarray,
    wavelengths: np.ndarray,
    constituents: Sequence[str],
    abundance: Mapping[str, np.ndarray | float],
    texture: float = 0.0,
) -> pd.DataFrame:
    """Mineral slopes of the models of cross-validation, each asked about plausible spectra only.

    Parameters
    ----------
    models : iterable of fitted estimators
        One a fold, fitted to the fold's training soils.
    folds : iterable of Fold
    X : (n_samples, n_bands) array
        Reflectance of all soils: every model answers for each of them.
    wavelengths, constituents, abundance, texture
        As for :func:`soilpb.slopes.mineral_slopes`.

    Returns
    -------
    DataFrame
        As :func:`soilpb.slopes.mineral_slopes` returns, with ``draw``: the fold's number.
    """
    tables = []
    for draw, (model, fold) in enumerate(zip(models, folds, strict=True)):
        plausible = Plausible(model, X[fold.train])
        slopes = mineral_slopes(plausible, X, wavelengths, constituents, abundance, texture=texture)
        tables.append(slopes.assign(draw=draw))
    return pd.concat(tables, ignore_index=True)
