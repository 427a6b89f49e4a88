"""Verdicts where the truth is known: which true bands of the simulated twin a model found.

The true response of a wavelength is how much of ln Pb's covariance with it is caused by the
constituents that drive lead. It is compared with credit in one currency: size a
nanometre, relative to an even spread over the spectrum.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from soilpb import jackknife
from soilpb.atlas import MIXTURES
from soilpb.audit import Verdict, Word, decide
from soilpb.windows import in_nm, window_tests

#: What a page says of a true window, as a verdict on "the model uses it".
_WORDS: dict[str, Word] = {"recovered": "holds", "missed": "fails", "undecided": "undecided"}


def true_profile(response: pd.DataFrame) -> pd.Series:
    """Size of the true response by wavelength, relative to an even spread (mean 1).

    Parameters
    ----------
    response : DataFrame
        ``constituent``, ``wavelength``, ``response``, from :func:`soilpb.truth.true_response` for
        what the model sees; ``all`` is the sum over constituents.
    """
    whole = response[response["constituent"] == "all"].set_index("wavelength")["response"].abs()
    return whole / whole.mean()


def true_windows(response: pd.DataFrame) -> pd.DataFrame:
    """Windows in which the true response exceeds an even spread, and what acts there.

    Parameters
    ----------
    response : DataFrame
        As for :func:`true_profile`.

    Returns
    -------
    DataFrame
        ``start``, ``stop`` (nm, both inclusive), ``true`` (mean relative response) and
        ``driver``: what answers most, minerals of one kind taken together. Neighbouring
        wavelengths with one driver make one window.
    """
    profile = true_profile(response)
    kinds = {member: mixture for mixture, members in MIXTURES.items() for member in members}
    answers = (
        response[response["constituent"] != "all"]
        .assign(driver=lambda table: table["constituent"].replace(kinds))
        .pivot_table(index="wavelength", columns="driver", values="response", aggfunc="sum")
        .abs()
    )
    driver = answers.idxmax(axis=1).where(profile > 1, "")
    runs = profile.groupby((driver != driver.shift()).cumsum())
    rows = [(run.index[0], run.index[-1], run.mean(), driver[run.index[0]]) for _, run in runs]
    table = pd.DataFrame(rows, columns=["start", "stop", "true", "driver"])
    return table[table["driver"] != ""].reset_index(drop=True)


def against_truth(
    profiles: pd.DataFrame, response: pd.DataFrame, left_out: float, level: float = 0.9
) -> pd.DataFrame:
    """Test for each true window whether the model uses it.

    Parameters
    ----------
    profiles : DataFrame
        ``draw``, ``wavelength``, ``mean_abs`` of one model.
    response : DataFrame
        As for :func:`true_profile`, on the same wavelengths.
    left_out, level
        As for :func:`soilpb.jackknife.half_width`.

    Returns
    -------
    DataFrame
        :func:`true_windows` as :func:`soilpb.windows.window_tests` returns them, with
        ``outcome``: ``recovered`` if the credit's interval lies above an even spread, ``missed``
        if it lies below, else ``undecided``.
    """
    tested = window_tests(profiles, true_windows(response), left_out, level)
    outcomes: Mapping[Word, str] = {word: outcome for outcome, word in _WORDS.items()}
    return tested.assign(outcome=[outcomes[decide(row.low, row.high, 1.0)] for row in tested.itertuples()])


def truth_verdicts(
    profiles: pd.DataFrame, response: pd.DataFrame, model: str, left_out: float, level: float = 0.9
) -> list[Verdict]:
    """Decide whether credit ranks wavelengths as the truth does, and which true windows are used.

    Parameters are those of :func:`against_truth`, and the model's name.
    """
    credit = profiles.pivot_table(index="wavelength", columns="draw", values="mean_abs")
    truth = true_profile(response).loc[credit.index]
    rho = np.array([spearmanr(truth, draw).statistic for _, draw in credit.items()])
    half = jackknife.half_width(rho, left_out, level)
    low, high = rho.mean() - half, rho.mean() + half
    ranking = Verdict(
        f"Credit of {model} ranks wavelengths as the true response does",
        "Spearman over wavelengths ≥ 0.5",
        float(rho.mean()),
        float(low),
        float(high),
        decide(low, high, 0.5),
    )
    return [ranking] + [
        Verdict(
            f"{model} uses {in_nm(row.start, row.stop)}, where {row.driver.replace('_', ' ')} truly acts",
            "credit per nm ≥ 1 (even)",
            row.relative,
            row.low,
            row.high,
            _WORDS[row.outcome],
        )
        for row in against_truth(profiles, response, left_out, level).itertuples()
    ]
