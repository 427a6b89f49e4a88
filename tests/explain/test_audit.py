"""Verdicts follow from tables whose answer is known."""

import numpy as np
import pandas as pd
import pytest

from soilpb.explain import sanity_checks
from soilpb.explain.attribution import Attribution

WAVELENGTHS = np.arange(400.0, 600.0, 10.0)


def attribution(credit, name="one", lost=0.0):
    """Credit of five soils that adds up, but for what is lost."""
    predicted = credit.sum(axis=1) + lost
    return Attribution(name, WAVELENGTHS, credit, credit, predicted, base=0.0)


def profiles(rows):
    """One draw a row of credit."""
    draws = [
        pd.DataFrame({"draw": i, "wavelength": WAVELENGTHS, "mean_abs": row}) for i, row in enumerate(rows)
    ]
    return pd.concat(draws)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def credit(rng):
    """Credit of five soils, (5, 20)."""
    return rng.normal(size=(5, WAVELENGTHS.size))


def test_lost_credit_fails(credit):
    """One explanation that loses a hundredth of the spread fails all of them, and its gap is reported."""
    sound, spoilt = (
        attribution(credit),
        attribution(credit, lost=np.eye(5)[0] * 0.01 * np.ptp(credit.sum(axis=1))),
    )
    assert sanity_checks.check_additivity([sound]).verdict == "holds"
    failed = sanity_checks.check_additivity([sound, spoilt])
    assert failed.verdict == "fails"
    assert failed.statistic == spoilt.additivity_error


def test_agreement_is_judged_soil_by_soil(credit, rng):
    """The same ranks agree whatever their scale; independent credit does not; both are named."""
    same = sanity_checks.check_agreement(attribution(credit), attribution(3 * credit, "two"), threshold=0.999)
    assert same.statement == "one and two agree"
    assert (same.statistic, same.verdict) == (1, "holds")
    other = attribution(rng.normal(size=credit.shape), "other")
    assert sanity_checks.check_agreement(attribution(credit), other, threshold=0.999).verdict == "fails"


@pytest.mark.parametrize(("noise", "word"), [(0.01, "holds"), (3.0, "fails"), (0.45, "undecided")])
def test_stability_depends_on_the_noise_between_draws(noise, word, rng):
    """Draws that repeat a profile are stable, draws of noise are not; between them it cannot be told."""
    shape = rng.normal(size=WAVELENGTHS.size)
    table = profiles(np.exp(shape + noise * rng.normal(size=(8, WAVELENGTHS.size))))
    assert sanity_checks.check_stability(table, "another fold").verdict == word


def test_a_profile_of_untrained_networks_shows_nothing(rng):
    """If untrained networks give the trained profile, it fails; if they give another, it holds."""
    shape, other = rng.lognormal(size=(2, WAVELENGTHS.size))
    trained = profiles(shape * rng.lognormal(0, 0.4, (4, WAVELENGTHS.size)))
    alike = profiles(shape * rng.lognormal(0, 0.01, (4, WAVELENGTHS.size)))
    unlike = profiles(other * rng.lognormal(0, 0.02, (4, WAVELENGTHS.size)))
    assert sanity_checks.check_randomisation(trained, unlike).verdict == "holds"
    assert sanity_checks.check_randomisation(trained, alike).verdict == "fails"


def curves(credit_moves, random_moves):
    """Deletion and insertion curves from 0 to 1, bent by an exponent."""
    share = np.linspace(0, 1, 11)
    orders = [("attribution", 0, credit_moves), *(("random", i, r) for i, r in enumerate(random_moves))]
    tables = [
        pd.DataFrame({"curve": curve, "order": order, "draw": draw, "share": share, "moved": moved})
        for order, draw, bend in orders
        for curve, moved in (("deletion", share**bend), ("insertion", (1 - share) ** (1 / bend)))
    ]
    return pd.concat(tables)


def test_masking_by_credit_must_beat_masking_at_random():
    """A curve that rises at once beats all random ones, one that rises late is beaten by all."""
    early = sanity_checks.check_masking(curves(0.2, [0.9, 1.0, 1.1]))
    late = sanity_checks.check_masking(curves(5.0, [0.9, 1.0, 1.1]))
    assert [v.verdict for v in early] == ["holds", "holds"]
    assert [v.verdict for v in late] == ["fails", "fails"]
    assert early[0].statistic == pytest.approx(1 / 1.2 - 1 / 2, abs=0.05)


@pytest.mark.parametrize(
    ("low", "high", "p", "word"),
    [
        (1.2, 3.0, 0.01, "holds"),
        (0.8, 3.0, 0.01, "undecided"),
        (1.2, 3.0, 0.20, "undecided"),
        (0.2, 0.9, 0.01, "fails"),
    ],
)
def test_a_window_needs_its_interval_and_its_p_value(low, high, p, word):
    """Both make it hold, less than an even share makes it fail, and a large p-value refutes nothing."""
    tested = pd.DataFrame(
        [{"start": 550.0, "stop": 750.0, "relative": 2.0, "low": low, "high": high, "p_holm": p}]
    )
    (verdict,) = sanity_checks.check_windows(tested, "ResNet-pH")
    assert verdict.statement == "ResNet-pH uses 550–750 nm"
    assert verdict.verdict == word


def test_bands_beyond_chance_are_named_or_said_to_be_none():
    """Each band found is a statement that holds; that none was found refutes nothing."""
    found = pd.DataFrame({"start": [400, 450], "stop": [450, 500], "z": [3.0, 0.1], "p": [0.02, 0.9]})
    (named,) = sanity_checks.check_beyond_chance(found, "PLS-Pb")
    assert (named.statement, named.verdict) == ("PLS-Pb credits 400–450 nm beyond chance", "holds")
    (none,) = sanity_checks.check_beyond_chance(found.assign(p=0.5), "PLS-Pb")
    assert (none.statement, none.verdict) == ("PLS-Pb credits some band beyond chance", "undecided")


def test_the_table_has_a_column_for_each_part_of_a_verdict(credit):
    """Statement, test, statistic, interval, verdict: one row each."""
    table = sanity_checks.verdict_table([sanity_checks.check_additivity([attribution(credit)])] * 2)
    assert table.columns.tolist() == ["statement", "test", "statistic", "low", "high", "verdict"]
    assert len(table) == 2
