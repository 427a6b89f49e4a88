"""Whether a model reads its target, or what is correlated with it and visible in the spectrum.

Lead has no absorption of its own. A model may predict it through iron, clay, organic matter and pH, which a
spectrum does show and lead follows: its *confounders*. So the target is explained by the confounders that the
spectrum predicts, and the question is what a model of the target itself adds to that.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin, clone
from sklearn.linear_model import LinearRegression

from soilpb.evaluate.comparison import corrected_t_test
from soilpb.evaluate.splits import Fold
from soilpb.explain.sanity_checks import Verdict
from soilpb.models.inner_folds import InnerFolds, fit_model

#: What is scored: the model, the predicted confounders alone, and both together.
PARTS = {"spectrum": slice(0, 1), "confounders": slice(1, None), "both": slice(None)}
#: R² that makes a practical difference.
PRACTICAL = 0.05


def score_confounders(
    model: RegressorMixin,
    X: np.ndarray,
    y: np.ndarray,
    confounders: pd.DataFrame,
    folds: Iterable[Fold],
    groups: np.ndarray | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Score the target predicted by a model, by its confounders, and by both, fold by fold.

    In training, a linear regression joins the predictions of models that had not seen a soil (Wolpert 1992).
    One model reads all, from reflectance ``X``: a better reader of the same confounders would pass for lead.
    ``confounders`` (n_samples rows, no gaps) are on scales that the target may follow linearly (logarithms of
    abundances, pH as it is). Inner folds follow ``seed`` and keep ``groups`` together, too. The table has
    ``draw``, ``n_train``, ``n_test``, ``part`` (of :data:`PARTS`), ``r2`` (variance: that of all soils).
    """
    targets = [y, *confounders.to_numpy(dtype=float).T]
    rows = []
    for draw, fold in enumerate(folds):
        known = np.column_stack([_predict_held_out(model, X, t, fold.train, groups, seed) for t in targets])
        fitted = (fit_model(clone(model), X, t, groups, fold.train) for t in targets)
        unseen = np.column_stack([each.predict(X[fold.test]) for each in fitted])
        for part, columns in PARTS.items():
            predicted = unseen[:, 0]
            if part != "spectrum":
                join = LinearRegression().fit(known[:, columns], y[fold.train])
                predicted = join.predict(unseen[:, columns])
            r2 = 1 - np.mean((y[fold.test] - predicted) ** 2) / y.var()
            rows.append((draw, len(fold.train), len(fold.test), part, r2))
    return pd.DataFrame(rows, columns=["draw", "n_train", "n_test", "part", "r2"])


def check_confounders(scores: pd.DataFrame, target: str) -> Verdict:
    """Decide whether the spectrum shows more of the target than its confounders do.

    It holds if the gain in R² over the confounders (from :func:`score_confounders`) is above 0 with its whole
    95 % interval, corrected for overlapping training sets, and fails if that lies below 0.05.
    """
    r2 = scores.pivot_table(index="draw", columns="part", values="r2")
    ratio = float((scores["n_test"] / scores["n_train"]).mean())
    mean, low, high, *_ = corrected_t_test(r2["both"] - r2["confounders"], ratio)
    word = "holds" if low > 0 else "fails" if high < PRACTICAL else "undecided"
    statement = f"The spectrum shows more of {target} than its confounders do"
    return Verdict(statement, f"gain in R² > 0; fails if it is < {PRACTICAL:g}", mean, low, high, word)


def _predict_held_out(model: RegressorMixin, X, y, rows, groups, seed: int) -> np.ndarray:
    """Predict each of the rows by a model of the other inner folds, (n_rows,)."""
    inside = None if groups is None else groups[rows]
    predicted = np.empty(len(rows))
    for training in InnerFolds(5, seed).training_masks(len(rows), inside):
        fitted = fit_model(clone(model), X, y, groups, rows[training])
        predicted[~training] = fitted.predict(X[rows[~training]])
    return predicted
