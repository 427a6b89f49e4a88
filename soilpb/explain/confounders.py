"""Is this lead, or its company? Skill that remains beside what the spectrum says of others.

Lead has no absorption of its own. A model may read it by iron, clay, organic matter and
pH, which a spectrum does show and lead follows. So the spectrum predicts these companions,
the target is explained by the *predicted* companions, and the question is what a model of
the target itself, from the same spectrum, adds to that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd
from sklearn.base import RegressorMixin, clone
from sklearn.linear_model import LinearRegression

from soilpb._format import signed
from soilpb.evaluate.comparison import corrected_t_test
from soilpb.evaluate.splits import Fold
from soilpb.models.inner_folds import InnerFolds, fit_model

#: What is scored: the model, the predicted companions alone, and both together.
PARTS = ("spectrum", "company", "both")
#: R² that makes a practical difference.
PRACTICAL = 0.05


def score_confounders(
    model: RegressorMixin,
    X: np.ndarray,
    y: np.ndarray,
    companions: pd.DataFrame,
    folds: Iterable[Fold],
    groups: np.ndarray | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Score the target predicted by a model, by its companions, and by both, fold by fold.

    Parameters
    ----------
    model : scikit-learn regressor
        Predicts the target, and each companion, from reflectance; left unfitted. One model
        reads both: a better reader of the same company would pass for lead.
    X : (n_samples, n_bands) array, reflectance
    y : (n_samples,) array, on the modelling scale
    companions : DataFrame, n_samples rows
        What was measured beside the target, on scales that the target may follow linearly
        (logarithms of abundances, pH as it is). Without gaps.
    folds : iterable of Fold
    groups : (n_samples,) array, optional
        What the folds keep together; inner folds keep it together too.
    seed : int
        Of the inner folds.

    Returns
    -------
    DataFrame
        One row a (fold, part): ``draw``, ``n_train``, ``n_test``, ``part`` (see :data:`PARTS`) and
        ``r2``, where the variance is that of all soils.

    Notes
    -----
    In training, a linear regression joins what models that had not seen a soil say of it
    (Wolpert 1992, *Stacked Generalization*): fitted values would look too good.
    """
    rows = []
    for draw, fold in enumerate(folds):
        inside = None if groups is None else groups[fold.train]
        held_out = ~InnerFolds(5, seed).training_masks(len(fold.train), inside)
        targets = np.column_stack([y, companions.to_numpy(dtype=float)])
        known, unseen = np.empty((len(fold.train), targets.shape[1])), []
        for column, values in enumerate(targets.T):
            for out in held_out:
                fitted = fit_model(clone(model), X, values, groups, fold.train[~out])
                known[out, column] = fitted.predict(X[fold.train[out]])
            fitted = fit_model(clone(model), X, values, groups, fold.train)
            unseen.append(fitted.predict(X[fold.test]))
        unseen = np.column_stack(unseen)
        predictions = {"spectrum": unseen[:, 0]}
        for part, columns in (("company", slice(1, None)), ("both", slice(None))):
            join = LinearRegression().fit(known[:, columns], y[fold.train])
            predictions[part] = join.predict(unseen[:, columns])
        for part in PARTS:
            r2 = 1 - np.mean((y[fold.test] - predictions[part]) ** 2) / y.var()
            rows.append((draw, len(fold.train), len(fold.test), part, r2))
    return pd.DataFrame(rows, columns=["draw", "n_train", "n_test", "part", "r2"])


def compare_confounders(skill: pd.DataFrame, target: str, companions: Sequence[str]) -> str:
    """Say in one sentence whether a model reads the target or its company.

    Parameters
    ----------
    skill : DataFrame from :func:`score_confounders`
    target : str
        What the sentence calls the target, such as ``lead``.
    companions : sequence of str
        What it calls the companions.
    """
    r2 = skill.pivot_table(index="draw", columns="part", values="r2")
    ratio = float((skill["n_test"] / skill["n_train"]).mean())
    gain = corrected_t_test(r2["both"] - r2["company"], ratio)
    *first, last = companions
    company = f"{', '.join(first)} and {last}" if first else last
    known = (
        f"A model of {target} reaches an R² of {r2['spectrum'].mean():.2f}; what the spectrum says of "
        f"{company} alone reaches {r2['company'].mean():.2f}, and the model adds {signed(gain.mean)} to "
        f"that (95 % interval {signed(gain.lower)} to {signed(gain.upper)})"
    )
    if gain.lower > 0:
        return f"{known}: the spectrum says more of {target} than its company does."
    if gain.upper < PRACTICAL:
        return f"{known}: what the spectrum shows is the company of {target}."
    return f"{known}: whether the spectrum shows more than the company of {target}, these soils cannot tell."
