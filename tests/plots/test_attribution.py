"""Figures of attribution compare models in shares, and show what became of bands."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

from soilpb.explain.bands import OUTCOMES
from soilpb.plots import attribution
from tests.looks import assert_axes

pytestmark = pytest.mark.usefixtures("styled")

WAVELENGTHS = np.arange(430.0, 2490.0, 10)
BEFORE, AFTER = "ResNet-pH", "ResNet-pH-Pb"


def attributions(draws=5, unit=1.0):
    rng = np.random.default_rng(0)
    rows = []
    for model, centre, size in ((BEFORE, 650, unit), (AFTER, 935, 1.0)):
        for draw in range(draws):
            mean_abs = size * (0.1 + np.exp(-0.5 * ((WAVELENGTHS - centre) / 60) ** 2))
            mean_abs = mean_abs * rng.uniform(0.8, 1.2, WAVELENGTHS.size)
            columns = {"model": model, "draw": draw, "wavelength": WAVELENGTHS, "mean_abs": mean_abs}
            rows.append(pd.DataFrame(columns))
    return pd.concat(rows, ignore_index=True)


def test_shares_add_up_to_100_whatever_the_unit():
    """Attribution becomes percent of the model's total, draw by draw; a model without any is refused."""
    shares = attribution.compute_shares(attributions())
    np.testing.assert_allclose(shares.groupby(["model", "draw"])["share"].sum(), 100)
    larger = attribution.compute_shares(attributions(unit=1000))
    np.testing.assert_allclose(shares["share"], larger["share"])
    with pytest.raises(ValueError, match="no attribution"):
        attribution.compute_shares(attributions().assign(mean_abs=0.0))


def test_one_model_goes_up_and_the_other_down():
    """Mean shares are drawn up and down, with the study's bands; one model goes up; three are refused."""
    table = attributions()
    ax = attribution.plot_profiles(table)
    means = attribution.compute_shares(table).groupby(["model", "wavelength"])["share"].mean()
    for line, sign, model in zip(ax.lines, (1, -1), (BEFORE, AFTER), strict=False):
        np.testing.assert_allclose(line.get_xdata(), WAVELENGTHS)
        np.testing.assert_allclose(line.get_ydata(), sign * means[model])
    spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in ax.patches]
    assert spans == [(550, 750), (1600, 1700)]
    dashed = [line.get_xdata()[0] for line in ax.lines[2:] if len(set(line.get_xdata())) == 1]
    assert dashed == [919, 959]
    assert_axes(ax, "Wavelength (nm)", ax.get_ylabel())
    one = attribution.plot_profiles(table.query("model == @BEFORE"), marked=[650])
    np.testing.assert_allclose(one.lines[0].get_ydata(), means[BEFORE])
    assert (one.get_xlim(), one.lines[1].get_xdata()[0]) == ((WAVELENGTHS[0], WAVELENGTHS[-1]), 650)
    with pytest.raises(ValueError, match="zip"):
        attribution.plot_profiles(pd.concat([table, table.query("model == @AFTER").assign(model="third")]))


def change(width=175):
    """Twelve bands, two of each outcome."""
    start = 400 + width * np.arange(12)
    values = np.geomspace(0.2, 4, start.size)
    columns = {"start": start, "stop": start + width, "outcome": list(OUTCOMES) * 2}
    for name, factor in (("before", 1.0), ("after", 0.8), ("change", 0.8)):
        columns |= {name: factor * values, f"{name}_low": 0.5 * factor * values}
        columns[f"{name}_high"] = 1.5 * factor * values
    return pd.DataFrame(columns)


def test_bands_show_both_models_and_what_became_of_them():
    """Dots with intervals of both models, and one block per band in the colour of its outcome."""
    table = change()
    ax = attribution.plot_band_change(table, BEFORE, AFTER)
    dots = {line.get_label(): line.get_ydata() for line in ax.lines if line.get_marker() == "o"}
    np.testing.assert_allclose(dots[BEFORE], table["before"])
    np.testing.assert_allclose(dots[AFTER], table["after"])
    segments = ax.collections[1].get_segments()
    np.testing.assert_allclose([s[:, 1] for s in segments], table[["after_low", "after_high"]])
    strip = [patch for patch in ax.patches if patch.get_height() == 0.06]
    for block, band in zip(strip, table.itertuples(), strict=True):
        assert (block.get_x(), block.get_x() + block.get_width()) == (band.start, band.stop)
        assert same_color(block.get_facecolor(), attribution.OUTCOME_COLOURS[band.outcome])
    assert_axes(ax, "Wavelength (nm)", ax.get_ylabel())


def test_only_outcomes_that_occur_are_explained():
    """Each outcome has a colour of its own, and the legend names none that no band has."""
    assert set(attribution.OUTCOME_COLOURS) == set(OUTCOMES)
    assert len(set(attribution.OUTCOME_COLOURS.values())) == len(OUTCOMES)
    ax = attribution.plot_band_change(change().assign(outcome="lost"), BEFORE, AFTER)
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()] == ["lost"]


def test_masking_shows_attribution_beside_random_orders():
    """Solid lines follow the order by attribution, dashed ones the mean of random orders."""
    share = np.linspace(0, 1, 5)
    orders = [("attribution", 0, 2.0), ("random", 0, 0.9), ("random", 1, 1.1)]
    curves = pd.concat(
        pd.DataFrame({"curve": curve, "order": order, "draw": draw, "share": share, "moved": size * share})
        for curve in ("deletion", "insertion")
        for order, draw, size in orders
    )
    ax = attribution.plot_masking_curves(curves.reset_index(drop=True))
    ordered, at_random = ax.lines[:2]
    np.testing.assert_allclose(ordered.get_xdata(), 100 * share)
    np.testing.assert_allclose(ordered.get_ydata(), 2 * share)
    np.testing.assert_allclose(at_random.get_ydata(), share)
    assert_axes(ax, "Bands masked or restored (%)", "Predictions moved by (sd)")


def test_the_verdicts_show_the_interval_and_the_word():
    """Tiny numbers are powers of ten, missing intervals are empty, and words have a colour."""
    rows = [("Adds up", "gap", 4e-7, 1e-7, -4e-7, "holds"), ("Band", "z", 1.5, np.nan, np.nan, "undecided")]
    columns = ["statement", "test", "statistic", "low", "high", "verdict"]
    html = attribution.style_verdicts(pd.DataFrame(rows, columns=columns)).to_html()
    assert "4e−07 (1e−07 to −4e−07)" in html
    assert ">1.50<" in html
    assert "nan" not in html
    assert attribution.VERDICT_COLOURS["holds"] in html
