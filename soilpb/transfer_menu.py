"""What each transfer strategy keeps of the source's network, what it learns, and a control.

How many weights learn is counted from fitted models, not asserted: a weight that should
have stayed and did not would show.
"""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import torch
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer

from soilpb.network import SpectralNetwork
from soilpb.transfer import TransferRegressor

#: Strategy → what stays as the source left it, and what the site's soils teach.
_DESCRIPTIONS = {
    "head": ("all features", "a new linear head, by gradient descent"),
    "partial": ("stem and first blocks", "the last block and a new head"),
    "full": ("nothing: it is only where training starts", "every weight and a new head"),
    "lp_ft": ("BatchNorm: shifts and scales", "a ridge head first, then the other weights, gently"),
    "embedding_ridge": ("all features", "a ridge head, in closed form"),
    "embedding_pls": ("all features", "PLS scores of the site's spectra, and ridge on both"),
}


def menu(fitted: Mapping[str, TransferRegressor]) -> pd.DataFrame:
    """Lay fitted strategies side by side.

    Parameters
    ----------
    fitted : mapping of str to fitted TransferRegressor

    Returns
    -------
    DataFrame
        Columns model, stays, learns, weights.
    """
    rows = [(name, *_DESCRIPTIONS[model.strategy], learned_weights(model)) for name, model in fitted.items()]
    return pd.DataFrame(rows, columns=["model", "stays", "learns", "weights"])


def learned_weights(model: TransferRegressor) -> int:
    """Count the weights that a fitted model learned on the site.

    In a network these are the head and all weights that differ from the source's. Ridge on
    features beside PLS scores has a coefficient each and an intercept.
    """
    if model.strategy == "embedding_pls":
        return model.source.network.config.n_features + model.regressor_.n_scores_ + 1
    return changed_weights(model.source, model.network_)


def changed_weights(source: SpectralNetwork, tuned: SpectralNetwork) -> int:
    """Count the weights of ``tuned`` that are not the source's; its head is always its own."""
    before = dict(source.network.named_parameters())
    return sum(
        weight.numel() if name.startswith("head.") else int(torch.ne(weight, before[name]).sum())
        for name, weight in tuned.network.named_parameters()
    )


def property_alone(network: SpectralNetwork) -> Pipeline:
    """Make the simplest transfer there is: a straight line on what the network predicts of a soil.

    A regressor from reflectance (n_samples, n_bands). What features do better than this is
    more than the property that the network was taught.
    """
    return make_pipeline(FunctionTransformer(network.predict), LinearRegression())
