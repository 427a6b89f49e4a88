"""Pictures of soils show the numbers they were given."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba

from soilpb.decide.standards import LEAD_LIMITS
from soilpb.plots import spectra, style
from soilpb.simulate.minerals import FEATURES
from soilpb.spectra import Provenance, SoilSpectra
from tests.looks import assert_readable

pytestmark = pytest.mark.usefixtures("styled")

GRID = np.arange(430.0, 2490.0, 10)


def soils(n, level, seed=0):
    rng = np.random.default_rng(seed)
    reflectance = level * rng.uniform(0.5, 1.5, (n, 1)) + np.zeros(GRID.size)
    samples = pd.DataFrame(index=[f"s{i}" for i in range(n)])
    return SoilSpectra(GRID, reflectance, samples, Provenance("test", "simulated"))


def distances():
    rng = np.random.default_rng(2)
    table = pd.DataFrame({"T2": rng.chisquare(6, 90), "Q": rng.chisquare(4, 90) * 1e-4})
    table.insert(0, "sample", [f"S{i:03d}" for i in table.index])
    table.loc[3, ["T2", "Q"]] = (60, 2e-4)
    table.loc[7, ["T2", "Q"]] = (3, 6e-3)
    return table


def test_spectra_show_median_and_percentiles():
    """The line is the median and the band runs from the 5th to the 95th percentile."""
    source = soils(40, 0.4)
    ax = spectra.plot_spectra({"source": source, "target": soils(9, 0.2)})
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.median(source.reflectance, axis=0))
    heights = ax.collections[0].get_paths()[0].vertices[:, 1]
    low, high = np.percentile(source.reflectance, (5, 95))
    np.testing.assert_allclose((heights.min(), heights.max()), (low, high), rtol=1e-6)
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == ["source (n = 40)", "target (n = 9)"]


def test_the_atlas_draws_each_feature_at_its_place():
    """There is one bar a feature, two widths to either side of its centre."""
    ax = spectra.plot_atlas(FEATURES)
    spans = [(bar.get_x(), bar.get_width()) for bar in ax.patches]
    expected = list(
        zip(FEATURES["centre_nm"] - 2 * FEATURES["width_nm"], 4 * FEATURES["width_nm"], strict=True)
    )
    np.testing.assert_allclose(spans, expected)
    assert [t.get_text() for t in ax.get_yticklabels()] == [
        name.replace("_", " ") for name in FEATURES["constituent"].unique()
    ]


def test_distributions_are_percent_of_known_values():
    """Each domain's bars add up to 100 %, unknown values left out, and its median is marked."""
    values = np.array([4.0, 5.0, 6.0, 8.0, np.nan])
    ax = spectra.plot_distribution({"a": values, "b": np.array([5.0, 7.0])}, "pH")
    assert sum(bar.get_height() for bar in ax.containers[0]) == pytest.approx(100)
    assert [line.get_xdata()[0] for line in ax.lines] == [5.5, 6.0]
    assert ax.get_legend().get_texts()[0].get_text() == "a (n = 4)"


def test_a_logarithmic_distribution_refuses_zero():
    """A concentration of 0 has no place on a logarithmic axis, and the message says whose it is."""
    with pytest.raises(ValueError, match=r"Pb \(mg/kg\) has 0"):
        spectra.plot_distribution({"a": np.array([0.0, 3.0])}, "Pb (mg/kg)", log=True)


def test_limits_are_drawn_where_the_table_has_them():
    """Each rule is one row whose marks are its limits."""
    ax = spectra.plot_limits(LEAD_LIMITS, "Pb (mg/kg)")
    marks = [line.get_xdata().tolist() for line in ax.lines]
    assert marks == [
        [80, 100, 140, 240],
        [70, 90, 120, 170],
        [400, 500, 700, 1000],
        [60],
        [200],
        [750],
    ]


def test_only_spectra_beyond_a_limit_are_named():
    """The farthest spectra are named, at most as many as asked for, and none within both limits."""
    table = distances()
    ax = spectra.plot_outliers(table, t2_limit=20, q_limit=2e-3)
    named = {text.get_text() for text in ax.texts}
    assert {"S003", "S007"} <= named
    beyond = table[(table["T2"] > 20) | (table["Q"] > 2e-3)]
    assert named <= set(beyond["sample"])
    assert len(spectra.plot_outliers(table, 5, 1e-4, most=2).texts) == 2
    reds = [c for c in ax.collections if tuple(c.get_facecolor()[0][:3]) == to_rgba(style.SIGNAL_COLOUR)[:3]]
    assert len(reds[0].get_offsets()) == len(beyond)


def test_a_name_that_would_cover_another_is_left_out():
    """Of two soils in one place the farther is named, and one that stands apart as well."""
    table = pd.DataFrame({"sample": ["far", "beside", "apart", "usual"], "T2": [80, 79, 40, 1.0]})
    ax = spectra.plot_outliers(table.assign(Q=[1e-2, 1e-2, 1e-4, 1e-4]), t2_limit=20, q_limit=1e-3)
    assert [text.get_text() for text in ax.texts] == ["far", "apart"]


def draw_domains():
    top, bottom = style.stack_axes((3.6, 2.6))
    spectra.plot_spectra(
        {"Source (like LUCAS)": soils(300, 0.4), "Target (like Gejiu)": soils(130, 0.3)}, top
    )
    return spectra.plot_atlas(FEATURES, bottom)


def draw_lead():
    top, bottom = style.stack_axes((2.8, 2.2))
    lead = np.exp(np.random.default_rng(0).normal(5.8, 0.6, 130))
    spectra.plot_distribution({"Target (like Gejiu)": lead}, "", top, log=True)
    return spectra.plot_limits(LEAD_LIMITS, "Pb (mg/kg)", bottom)


def draw_outliers():
    return spectra.plot_outliers(distances(), 20, 2e-3)


@pytest.mark.parametrize("draw", [draw_domains, draw_lead, draw_outliers])
def test_nothing_is_written_over_anything_else(draw):
    """Letters are at least 9 pt, no text hides another, and axes carry labels."""
    ax = draw()
    assert ax.get_xlabel()
    assert_readable(ax)


def test_the_check_of_looks_sees_a_fault():
    """Two texts in one place, and letters of 6 pt, are both found."""
    _, ax = plt.subplots()
    ax.text(0.5, 0.5, "over")
    ax.text(0.5, 0.5, "another")
    with pytest.raises(AssertionError, match="lies over"):
        assert_readable(ax)
    ax.texts[0].set(fontsize=6, y=0.1)
    with pytest.raises(AssertionError, match="over"):
        assert_readable(ax)
    ax.texts[0].set_fontsize(9)
    assert_readable(ax)
