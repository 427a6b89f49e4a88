"""Experiments with a known outcome find it, and verdicts follow from their tables."""

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from soilpb.explain import bands, sanity_checks
from soilpb.explain.attribution import Attribution, attribute_by_coefficients
from soilpb.explain.network_attribution import deep_lift_shap
from soilpb.explain.sanity_checks import (
    compare_with_permuted_targets,
    mask_bands,
    profile_random_networks,
    true_profile,
    true_windows,
)
from soilpb.models.network import SpectralNetwork
from soilpb.models.pls import PLSCV
from soilpb.models.resnet import ResNetConfig
from soilpb.simulate import twin

WAVELENGTHS = np.arange(400.0, 2500.0, 50.0)
GRID = np.arange(400.0, 2500.0, 20.0)
#: In these simulated soils lead itself absorbs at 1000 nm, as nature does not.
BAND = (1000.0, 15.0, 0.1)


@pytest.fixture(scope="module")
def spectra():
    """Reflectance of 40 soils, (40, 42)."""
    walk = np.cumsum(np.random.default_rng(0).normal(size=(40, WAVELENGTHS.size)), axis=1)
    return np.clip(0.3 + 0.02 * walk, 0.02, 0.9).astype(np.float32)


@pytest.fixture(scope="module")
def planted():
    return twin.simulate_target(130, seed=0, grid=GRID, direct_band=BAND)


@pytest.fixture(scope="module")
def response(planted):
    return twin.true_response(planted, direct_band=BAND)


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def make_profiles(rows, wavelengths=WAVELENGTHS):
    """One draw for each row of attributions."""
    tables = [pd.DataFrame({"draw": i, "wavelength": wavelengths, "mean_abs": r}) for i, r in enumerate(rows)]
    return pd.concat(tables)


def test_masking_the_band_that_is_read_moves_predictions_at_once(spectra):
    """Of a network that reads 1000–1300 nm alone, the first band masked changes all, the others nothing."""
    network = SpectralNetwork.random(spectra, WAVELENGTHS)
    config, network.network = network.network.config, nn.Sequential(nn.Linear(WAVELENGTHS.size, 1))
    network.network.config = config
    with torch.no_grad():
        network.network[0].weight.copy_(torch.from_numpy((WAVELENGTHS >= 1000) & (WAVELENGTHS < 1300))[None])
    edges = np.arange(400.0, 2501.0, 300.0)
    explained = deep_lift_shap(network, spectra[:20], spectra[20:30]).bands(edges, "network")
    curves = mask_bands(network, spectra[:20], spectra[20:30], explained, n_random=3)
    strongest_first = curves[curves["order"] == "attribution"].set_index("share")
    deletion, insertion = (
        strongest_first[strongest_first["curve"] == c]["moved"] for c in ("deletion", "insertion")
    )
    assert deletion.iloc[0] == 0
    np.testing.assert_allclose(deletion.iloc[1:], deletion.iloc[-1], rtol=1e-5)
    np.testing.assert_allclose(insertion.iloc[1:], 0, atol=1e-5)
    assert insertion.iloc[0] == pytest.approx(deletion.iloc[-1])
    assert set(curves[curves["order"] == "random"]["draw"]) == {0, 1, 2}


def test_random_weights_keep_shape_and_scales(spectra):
    """Untrained networks differ from draw to draw and from the network, which stays as it is."""
    config = ResNetConfig(WAVELENGTHS.size, stem_channels=8, channels=(8,))
    network = SpectralNetwork.random(spectra, WAVELENGTHS, config=config, seed=7)
    before = network.predict(spectra)
    profiles = profile_random_networks(network, spectra[:10], spectra[10:20], n_draws=2, seed=1)
    wide = profiles.pivot_table(index="wavelength", columns="draw", values="mean_abs")
    assert wide.shape == (WAVELENGTHS.size, 2)
    assert wide.corr(method="spearman").iloc[0, 1] < 0.9
    assert np.array_equal(network.predict(spectra), before)


@pytest.mark.parametrize(("permuted", "n_permutations"), [(False, 39), (True, 19)])
def test_a_planted_band_is_found_and_none_in_a_permuted_target(planted, permuted, n_permutations):
    """Lead that absorbs at 1000 nm stands out there; where nothing is to be found, no band is, over all."""
    target = np.log(planted.values("Pb_mg_kg"))
    target = np.random.default_rng(1).permutation(target) if permuted else target
    X, edges = planted.reflectance, np.arange(375.0, 2530.0, 50.0)

    def explain(y):
        model = PLSCV(max_components=10).fit(X, y)
        return attribute_by_coefficients(model, X, X, GRID).bands(edges, "PLS")

    found = compare_with_permuted_targets(explain, target, n_permutations)
    if permuted:
        assert (found["p"] > 0.05).all()
    else:
        at_1000 = found.set_index("start").loc[975]
        assert at_1000["p"] < 0.05
        assert at_1000["relative"] > at_1000["chance"]


def test_whole_groups_trade_their_values():
    """Permuted targets keep what soils of a group have in common, and all values."""
    groups, seen = np.repeat(np.arange(8), 3)[np.random.default_rng(0).permutation(24)], []

    def explain(y):
        seen.append(y)
        return pd.DataFrame({"start": [0.0, 1.0], "stop": [1.0, 2.0], "mean_abs": [1.0, 1.0 + len(seen)]})

    compare_with_permuted_targets(explain, groups.astype(float), 4, groups=groups)
    assert all(np.array_equal(np.sort(y), np.sort(groups)) for y in seen)
    assert all(pd.Series(y).groupby(groups).nunique().max() == 1 for y in seen)
    assert not np.array_equal(seen[1], seen[0])


def test_p_values_are_exact():
    """Of ten exchangeable explanations, whichever is called the measured one, one finds a band at p = .1."""
    edges = np.arange(6.0)
    values = np.random.default_rng(2).lognormal(size=(10, 6))
    smallest = []
    for measured in range(10):
        rest = iter(np.roll(values, -measured, axis=0))
        found = compare_with_permuted_targets(
            lambda _, rest=rest: pd.DataFrame({"start": edges, "stop": edges + 1, "mean_abs": next(rest)}),
            np.arange(5.0),
            n_permutations=9,
        )
        smallest.append(found["p"].min())
    assert sorted(smallest) == pytest.approx(np.arange(1, 11) / 10)


def attribution(values, name="one", lost=0.0):
    """Attributions of soils that add up, but for what is lost."""
    predicted = values.sum(axis=1) + lost
    return Attribution(name, WAVELENGTHS, values, values, predicted, base=0.0)


def test_what_does_not_add_up_fails(rng):
    """One explanation that loses a hundredth of the spread fails all of them, and its gap is reported."""
    values = rng.normal(size=(5, WAVELENGTHS.size))
    lost = np.eye(5)[0] * 0.01 * np.ptp(values.sum(axis=1))
    sound, spoilt = attribution(values), attribution(values, lost=lost)
    assert sanity_checks.check_additivity([sound]).verdict == "holds"
    failed = sanity_checks.check_additivity([sound, spoilt])
    assert (failed.verdict, failed.statistic) == ("fails", spoilt.additivity_error)


def test_agreement_is_judged_soil_by_soil(rng):
    """The same ranks agree whatever their scale; independent attributions do not."""
    values, others = rng.normal(size=(2, 5, WAVELENGTHS.size))
    same = sanity_checks.check_agreement(attribution(values), attribution(3 * values, "two"), 0.999)
    assert (same.statement, same.statistic, same.verdict) == ("one and two agree", 1, "holds")
    assert sanity_checks.check_agreement(attribution(values), attribution(others), 0.999).verdict == "fails"


@pytest.mark.parametrize(("noise", "word"), [(0.01, "holds"), (3.0, "fails"), (0.42, "undecided")])
def test_stability_depends_on_the_noise_between_draws(noise, word, rng):
    """Draws that repeat a profile are stable, draws of noise are not; between them it cannot be told."""
    shape = rng.normal(size=WAVELENGTHS.size)
    table = make_profiles(np.exp(shape + noise * rng.normal(size=(8, WAVELENGTHS.size))))
    assert sanity_checks.check_stability(table, "another fold").verdict == word


def test_a_profile_of_untrained_networks_shows_nothing(rng):
    """If untrained networks give the trained profile, it fails; if they give another, it holds."""
    shape, other = rng.lognormal(size=(2, WAVELENGTHS.size))
    trained, alike, unlike = (
        make_profiles(height * rng.lognormal(0, noise, (4, WAVELENGTHS.size)))
        for height, noise in ((shape, 0.4), (shape, 0.01), (other, 0.02))
    )
    assert sanity_checks.check_randomisation(trained, unlike).verdict == "holds"
    assert sanity_checks.check_randomisation(trained, alike).verdict == "fails"


@pytest.mark.parametrize(("bend", "word"), [(0.2, "holds"), (5.0, "fails")])
def test_masking_by_attribution_must_beat_masking_at_random(bend, word):
    """A curve that rises at once beats all random ones, one that rises late is beaten by all."""
    share = np.linspace(0, 1, 11)
    orders = [("attribution", 0, bend), ("random", 0, 0.9), ("random", 1, 1.0), ("random", 2, 1.1)]
    tables = [
        pd.DataFrame({"curve": curve, "order": order, "draw": draw, "share": share, "moved": moved})
        for order, draw, power in orders
        for curve, moved in (("deletion", share**power), ("insertion", (1 - share) ** (1 / power)))
    ]
    assert [v.verdict for v in sanity_checks.check_masking(pd.concat(tables))] == [word, word]


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
        [{"start": 550, "stop": 750, "relative": 2.0, "low": low, "high": high, "p_holm": p}]
    )
    (verdict,) = sanity_checks.check_windows(tested, "ResNet-pH")
    assert (verdict.statement, verdict.verdict) == ("ResNet-pH uses 550–750 nm", word)


def test_bands_beyond_chance_are_named_or_said_to_be_none():
    """Each band found is a statement that holds; that none was found refutes nothing."""
    found = pd.DataFrame({"start": [400, 450], "stop": [450, 500], "z": [3.0, 0.1], "p": [0.02, 0.9]})
    (named,) = sanity_checks.check_beyond_chance(found, "PLS-Pb")
    assert (named.statement, named.verdict) == ("PLS-Pb uses 400–450 nm beyond chance", "holds")
    (none,) = sanity_checks.check_beyond_chance(found.assign(p=0.5), "PLS-Pb")
    assert (none.statement, none.verdict) == ("PLS-Pb uses some band beyond chance", "undecided")


def test_a_profile_that_is_the_truth_passes_and_one_that_avoids_it_fails(response):
    """The truth itself recovers every clear window and its ranks; its opposite fails everywhere."""
    noise = np.random.default_rng(0).lognormal(0, 0.02, (3, GRID.size))
    size = true_profile(response).to_numpy()
    oracle = make_profiles(size**2 * noise, GRID)  # squared, to lie clear of the even spread
    liar = make_profiles(np.where(size > 1, 0.01, 1.0) * noise, GRID)
    windows = true_windows(response)
    of_oracle, of_liar = (bands.compare_windows(each, windows, left_out=0.2) for each in (oracle, liar))
    words = np.array([each.verdict for each in sanity_checks.check_windows(of_oracle, "oracle")])
    assert set(words[windows["true"] > 1.3]) == {"holds"}
    ranking = sanity_checks.check_ranking(oracle, response, "oracle", left_out=0.2)
    assert ranking.statistic > 0.99
    assert ranking.verdict == "holds"
    lies = sanity_checks.check_windows(of_liar, "liar")
    lies.append(sanity_checks.check_ranking(liar, response, "liar", left_out=0.2))
    assert {each.verdict for each in lies} == {"fails"}


def test_true_windows_hold_what_exceeds_an_even_spread_and_name_what_acts(response):
    """Together they hold exactly those wavelengths; where lead itself absorbs, lead is what acts."""
    windows = true_windows(response)
    inside = sum(np.isin(GRID, np.arange(w.start, w.stop + 1, 20)).astype(int) for w in windows.itertuples())
    assert np.array_equal(inside, (true_profile(response) > 1).astype(int))
    holds = windows[(windows["start"] <= 1000) & (windows["stop"] >= 1000)]
    assert holds["driver"].tolist() == ["lead"]


def test_a_model_of_the_planted_band_is_said_to_use_it(planted, response):
    """PLS, fitted to soils in which lead absorbs at 1000 nm, is found to use that window."""
    y, X = np.log(planted.values("Pb_mg_kg")), planted.reflectance
    draws = []
    for i, test in enumerate(np.array_split(np.random.default_rng(0).permutation(130), 5)):
        train = np.setdiff1d(np.arange(130), test)
        model = PLSCV(max_components=10).fit(X[train], y[train])
        draws.append(attribute_by_coefficients(model, X, X[train], GRID).profile("PLS-Pb", i))
    tested = bands.compare_windows(pd.concat(draws), true_windows(response), left_out=0.2)
    verdicts = sanity_checks.check_windows(tested, "PLS-Pb")
    assert [v.verdict for v in verdicts if "where lead truly acts" in v.statement] == ["holds"]
