"""Which bands a model uses: found on soils it has not seen, with intervals, and tested."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from soilpb.evaluate import splits
from soilpb.explain import bands
from soilpb.explain.bands import OUTCOMES, PUBLISHED_WINDOWS, compare_bands, compare_windows
from soilpb.models.network import SpectralNetwork
from soilpb.models.pls import PLSCV
from soilpb.models.preprocessing import raw_pipeline, snv_pipeline
from soilpb.models.training import TrainingConfig
from soilpb.spectra import reflectance_from_absorbance

NM = np.arange(500.0, 1300.0, 10)
IDS = np.arange(60)
RIDGE = make_pipeline(raw_pipeline(), Ridge(1e-3))
STARTS = np.arange(400, 900, 100)
#: Attributions of five bands: used by both, doubled, only after, only before, by neither.
BEFORE = np.array([3.0, 1.6, 0.1, 2.0, 0.3])
AFTER = np.array([3.0, 2.3, 1.5, 0.1, 0.1])


@pytest.fixture(scope="module")
def soils():
    """Soils whose target is the absorbance at 900 nm, among bands that tell nothing."""
    rng = np.random.default_rng(0)
    A = 0.5 + 0.3 * np.sin(NM / 200) + 0.01 * rng.standard_normal((60, NM.size))
    A[:, NM == 900] += 0.1 * rng.standard_normal((60, 1))
    return reflectance_from_absorbance(A), 3 * A[:, NM == 900][:, 0]


def explain(model, soils, seed=0):
    X, y = soils
    folds = splits.repeated_kfold(IDS, 4, 1)
    fitted = bands.fit_by_fold(model, X, y, folds, IDS)
    return bands.attribute_by_fold("model", fitted, X, folds, IDS, NM, seed)


@pytest.mark.parametrize(
    "model",
    [PLSCV(preprocessing="raw"), RIDGE, make_pipeline(snv_pipeline(), Ridge(1e-3))],
    ids=["PLS", "ridge", "ridge on SNV"],
)
def test_the_band_that_matters_has_the_largest_attribution(model, soils):
    """Where the target is one band, each fold's attribution is largest there, and rises with its height."""
    table = explain(model, soils)
    highest = table.loc[table.groupby("draw")["mean_abs"].idxmax()]
    assert (highest["wavelength"] == 900).all()
    assert (highest["direction"] > 0.9).all()
    assert list(highest["draw"]) == [0, 1, 2, 3]


def test_a_network_is_explained_by_shap_on_the_studys_bands(soils):
    """A model with a network gets DeepExplainer's values, at the wavelengths asked for."""
    X, y = soils

    class Fitted:
        network_ = SpectralNetwork.fit(
            X, y, np.arange(NM.size), ["target"], training=TrainingConfig(epochs=1)
        )

    explained = bands.attribute(Fitted(), X[:5], X[5:15], NM)
    assert explained.explainer == "DeepExplainer"
    np.testing.assert_array_equal(explained.wavelengths, NM)


def test_only_training_soils_are_learnt_from(soils):
    """A fold's attributions do not change when the target of its own test soils does."""
    X, y = soils
    folds = splits.repeated_kfold(IDS, 4, 1).query("fold == 0")
    spoiled = y.copy()
    spoiled[folds.query("role == 'test'")["sample"]] = 99.0
    fits = (bands.fit_by_fold(RIDGE, X, values, folds, IDS) for values in (y, spoiled))
    one, two = (bands.attribute_by_fold("m", fitted, X, folds, IDS, NM) for fitted in fits)
    pd.testing.assert_frame_equal(one, two)


def test_attributions_repeat_with_their_seed(soils):
    """The same seed draws the same background, another draws another."""
    one, same, other = (explain(RIDGE, soils, seed) for seed in (1, 1, 2))
    pd.testing.assert_frame_equal(one, same)
    assert not np.allclose(one["mean_abs"], other["mean_abs"])


def test_strongest_bands_are_named_from_the_highest_down():
    """Neighbouring maxima count as one, both ends may be peaks, and the order is by height."""
    heights = np.zeros(NM.size)
    heights[[0, 20, 22, 60]] = [5.0, 7.0, 8.0, 3.0]
    assert bands.strongest_bands(pd.DataFrame({"wavelength": NM, "mean_abs": heights})) == [720, 500, 1100]


def test_leaving_one_out_of_a_mean_gives_its_standard_error():
    """For a mean over all n folds of n - 1 soils, the half width is z times s / √n, exactly."""
    values = np.random.default_rng(0).normal(size=20)
    folds = np.array([np.delete(values, i).mean() for i in range(20)])
    standard_error = values.std(ddof=1) / np.sqrt(20)
    half = bands.jackknife_half_width(folds, left_out=1 / 20)
    assert half == pytest.approx(1.6449 * standard_error, rel=1e-4)


def test_tidy_intervals():
    """Several rows of one draw are averaged first; each statistic keeps its own interval."""
    table = pd.DataFrame(
        {"band": list("aabb") * 2, "draw": [0] * 4 + [1] * 4, "size": [1, 3, 5, 5, 2, 4, 5, 5.0]}
    )
    made = bands.jackknife_intervals(table, ["band"], "size", left_out=0.5).set_index("band")
    assert made["size"].tolist() == [2.5, 5]
    assert made.loc["a", "high"] - 2.5 == pytest.approx(1.6449 * 0.5, rel=1e-4)
    assert made.loc["b", "low"] == made.loc["b", "high"] == 5


@pytest.mark.parametrize(("draws", "left_out"), [([1.0, 2.0], 0), ([1.0, 2.0], 20), ([1.0], 0.2)])
def test_what_gives_no_interval_is_refused(draws, left_out):
    """A percentage for a share, or a single draw, is an error and not a width."""
    with pytest.raises(ValueError, match="expected the share|needs at least 2"):
        bands.jackknife_half_width(draws, left_out)


def draws(values, model, spread=0.01, n=5, seed=0):
    """Bands of some draws of a model, around known attributions."""
    noise = np.exp(spread * np.random.default_rng(seed).standard_normal((n, STARTS.size)))
    band = {"model": model, "start": STARTS, "stop": STARTS + 100}
    return pd.concat(
        [pd.DataFrame({**band, "draw": i, "mean_abs": values * row}) for i, row in enumerate(noise)]
    )


def compared(spread=0.01):
    both = pd.concat([draws(BEFORE, "pH", spread), draws(AFTER, "Pb", spread, seed=1)])
    return compare_bands(both, "pH", "Pb", left_out=0.2)


def test_each_kind_of_band_is_found():
    """Five bands with known histories get the five outcomes; where draws scatter, nothing is claimed."""
    change = compared()
    assert change["outcome"].tolist() == ["retained", "adapted", "new", "lost", "unused"]
    assert set(change["outcome"]) | {"undecided"} == set(OUTCOMES)
    for name in ("before", "after", "change"):
        assert (change[f"{name}_low"] < change[name]).all()
        assert (change[name] < change[f"{name}_high"]).all()
    assert (compared(spread=1.0)["outcome"] == "undecided").sum() >= 4


def test_relative_attribution_does_not_know_units_or_widths():
    """A thousandfold is the same; a band twice as wide needs twice as much; nothing at all is refused."""
    table = draws(BEFORE, "pH", n=1)
    thousandfold = table.assign(mean_abs=1000 * table["mean_abs"])
    one, other = (bands.relative_attribution(each)["relative"] for each in (table, thousandfold))
    np.testing.assert_allclose(one, other)
    even = pd.DataFrame({"model": "m", "draw": 0, "start": [400, 500], "stop": [500, 700]})
    assert bands.relative_attribution(even.assign(mean_abs=[1.0, 2.0]))["relative"].tolist() == [1, 1]
    with pytest.raises(ValueError, match="no attribution at all"):
        bands.relative_attribution(draws(0 * BEFORE, "pH"))


def profiles(unit=1.0):
    """Five draws of a flat profile over 400–1390 nm but for 700–790 nm, ten times as high."""
    rng = np.random.default_rng(0)
    wavelengths = np.arange(400.0, 1400.0, 10.0)
    height = np.where((wavelengths >= 700) & (wavelengths <= 790), 10.0, 1.0)
    rows = unit * height * rng.lognormal(0, 0.05, (5, wavelengths.size))
    return pd.concat(
        pd.DataFrame({"draw": i, "wavelength": wavelengths, "mean_abs": row}) for i, row in enumerate(rows)
    )


def test_a_window_is_compared_with_all_windows_of_its_width():
    """The peak is the best of 91 windows, a window beside it is not; two windows are corrected for."""
    windows = pd.DataFrame({"start": [700, 1000], "stop": [790, 1090]})
    tested = compare_windows(profiles(), windows, left_out=0.2)
    peak, beside = tested.iloc[0], tested.iloc[1]
    assert peak["p"] == pytest.approx(1 / 91)  # 100 bands, windows of 10
    assert peak["relative"] == pytest.approx(10 / 1.9, rel=0.05)
    assert 1 < peak["low"] < peak["relative"] < peak["high"]
    assert beside["high"] < 1
    assert beside["p"] > 0.1
    assert tested["p_holm"].tolist() == pytest.approx([2 * peak["p"], beside["p"]])
    pd.testing.assert_frame_equal(tested, compare_windows(profiles(unit=10), windows, left_out=0.2))


def test_windows_need_bands():
    """A window between two bands is refused; three published ones lie on this grid of 10 nm."""
    with pytest.raises(ValueError, match="no band of the profile lies within 402–408 nm"):
        compare_windows(profiles(), pd.DataFrame({"start": [402], "stop": [408]}), left_out=0.2)
    assert len(compare_windows(profiles(), PUBLISHED_WINDOWS.query("stop < 1400"), 0.2)) == 3
