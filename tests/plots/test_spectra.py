"""Figures of soils show the numbers they were given."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba

from soilpb.plots import spectra, style
from soilpb.simulate.minerals import FEATURES
from soilpb.spectra import Provenance, SoilSpectra
from tests.cases import case
from tests.looks import assert_axes, legend_texts

pytestmark = pytest.mark.usefixtures("styled")

GRID = np.arange(430.0, 2490.0, 10)


def soils(n, level, seed=0):
    rng = np.random.default_rng(seed)
    reflectance = level * rng.uniform(0.5, 1.5, (n, 1)) + np.zeros(GRID.size)
    samples = pd.DataFrame(index=[f"s{i}" for i in range(n)])
    return SoilSpectra(GRID, reflectance, samples, Provenance("test", "simulated"))


def test_spectra_show_median_and_percentiles_over_the_atlas():
    """Lines are medians, bands run from 5 to 95 %; beneath, one bar per feature, ± two widths."""
    top, bottom = style.stack_axes((3.6, 2.6))
    source = soils(40, 0.4)
    spectra.plot_spectra({"source": source, "target": soils(9, 0.2)}, top)
    np.testing.assert_allclose(top.lines[0].get_ydata(), np.median(source.reflectance, axis=0))
    heights = top.collections[0].get_paths()[0].vertices[:, 1]
    low, high = np.percentile(source.reflectance, (5, 95))
    np.testing.assert_allclose((heights.min(), heights.max()), (low, high), rtol=1e-6)
    assert legend_texts(top) == ["source (n = 40)", "target (n = 9)"]
    spectra.plot_atlas(FEATURES, bottom)
    spans = np.array([(bar.get_x(), bar.get_width()) for bar in bottom.patches])
    np.testing.assert_allclose(spans[:, 0], FEATURES["centre_nm"] - 2 * FEATURES["width_nm"])
    np.testing.assert_allclose(spans[:, 1], 4 * FEATURES["width_nm"])
    assert_axes(bottom, "Wavelength (nm)")


def test_distributions_are_percent_of_known_values():
    """Each domain's bars add up to 100 %, unknown values left out, and its median is marked."""
    values = np.array([4.0, 5.0, 6.0, 8.0, np.nan])
    ax = spectra.plot_distribution({"a": values, "b": np.array([5.0, 7.0])}, "pH")
    assert sum(bar.get_height() for bar in ax.containers[0]) == pytest.approx(100)
    assert [line.get_xdata()[0] for line in ax.lines] == [5.5, 6.0]
    assert legend_texts(ax)[0] == "a (n = 4)"
    assert_axes(ax, "pH", "Soils (%; dashed: median)")


def test_a_logarithmic_distribution_refuses_zero():
    """A concentration of 0 has no place on a logarithmic axis, and the message says whose it is."""
    with pytest.raises(ValueError, match=r"Pb \(mg/kg\) has 0"):
        spectra.plot_distribution({"a": np.array([0.0, 3.0])}, "Pb (mg/kg)", log=True)


def test_only_spectra_beyond_a_limit_are_named():
    """The farthest spectra are named, at most as many as asked for, and none within both limits."""
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"T2": rng.chisquare(6, 90), "Q": rng.chisquare(4, 90) * 1e-4})
    table.insert(0, "sample", [f"S{i:03d}" for i in table.index])
    table.loc[[3, 7], ["T2", "Q"]] = [(60, 2e-4), (3, 6e-3)]
    ax = spectra.plot_outliers(table, t2_limit=20, q_limit=2e-3)
    named = {text.get_text() for text in ax.texts}
    beyond = table[(table["T2"] > 20) | (table["Q"] > 2e-3)]
    assert {"S003", "S007"} <= named <= set(beyond["sample"])
    reds = [c for c in ax.collections if tuple(c.get_facecolor()[0][:3]) == to_rgba(style.SIGNAL_COLOUR)[:3]]
    assert len(reds[0].get_offsets()) == len(beyond)
    assert_axes(ax, "T², within the components", "Q, outside them")
    assert len(spectra.plot_outliers(table, 5, 1e-4, most=2).texts) == 2


def draw_names(ids):
    """Names that are drawn of soils that are all unusual and stand apart."""
    apart = np.geomspace(30, 3e20, len(ids))
    ax = spectra.plot_outliers(pd.DataFrame({"sample": ids, "T2": apart, "Q": apart}), 20, 20, most=len(ids))
    ax.figure.canvas.draw()
    assert not any(text.get_parse_math() for text in ax.texts)
    return {text.get_text() for text in ax.texts}


def test_names_are_drawn_as_they_are_written():
    """An id with dollars is no formula, right or wrong."""
    odd = [r"$1\frac$", "$x^{2$", r"a_$\alpha$ \undefined$", "$$", "<b>", "=1+1"]
    assert draw_names(odd) == set(odd)


@pytest.mark.parametrize("name", ["ids_with_dollars", "title_markup"])
def test_names_of_cases_are_drawn_as_they_are_written(name):
    """Ids that went wrong."""
    odd = list(pd.read_csv(case(name) / "lab.csv")["id"][:8])
    assert draw_names(odd) == set(odd)


def test_a_name_that_would_cover_another_is_left_out():
    """Of two soils in one place the farther is named, and one that stands apart as well."""
    table = pd.DataFrame({"sample": ["far", "beside", "apart", "usual"], "T2": [80, 79, 40, 1.0]})
    ax = spectra.plot_outliers(table.assign(Q=[1e-2, 1e-2, 1e-4, 1e-4]), t2_limit=20, q_limit=1e-3)
    assert [text.get_text() for text in ax.texts] == ["far", "apart"]
