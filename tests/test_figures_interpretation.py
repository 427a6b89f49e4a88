"""Pictures of a trial show every band with its interval, and what became of it."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

from soilpb.explain.bands import OUTCOMES
from soilpb.plots import attribution
from tests.looks import assert_readable

pytestmark = pytest.mark.usefixtures("styled")


def change():
    """Twelve bands of 50 nm, two of each outcome."""
    start = np.arange(400, 1000, 50)
    credit = np.geomspace(0.2, 4, start.size)
    columns = {"start": start, "stop": start + 50, "outcome": list(OUTCOMES) * 2}
    for name, factor in (("before", 1.0), ("after", 0.8), ("change", 0.8)):
        columns |= {name: factor * credit, f"{name}_low": 0.5 * factor * credit}
        columns[f"{name}_high"] = 1.5 * factor * credit
    return pd.DataFrame(columns)


def test_each_outcome_has_a_colour():
    """Nothing that can become of a band is left without a colour, and no two share one."""
    colours = attribution.OUTCOME_COLOURS
    assert set(colours) == set(OUTCOMES)
    assert len(set(colours.values())) == len(colours)


def test_the_diagram_shows_both_models_with_intervals():
    """Dots are the two models' credit, and a line runs through each from its low to its high end."""
    table = change()
    ax = attribution.plot_band_change(table, "ResNet-pH", "ResNet-pH-Pb")
    dots = {line.get_label(): line.get_ydata() for line in ax.lines if line.get_marker() == "o"}
    np.testing.assert_allclose(dots["ResNet-pH"], table["before"])
    np.testing.assert_allclose(dots["ResNet-pH-Pb"], table["after"])
    segments = ax.collections[1].get_segments()
    np.testing.assert_allclose([s[:, 1] for s in segments], table[["after_low", "after_high"]])


def test_the_strip_tells_what_became_of_each_band():
    """One block a band, in the colour of its outcome, from its first to its last nanometre."""
    table = change()
    ax = attribution.plot_band_change(table, "ResNet-pH", "ResNet-pH-Pb")
    blocks = ax.collections[2:]
    for block, band in zip(blocks, table.itertuples(), strict=True):
        x = block.get_paths()[0].vertices[:, 0]
        assert (x.min(), x.max()) == (band.start, band.stop)
        assert same_color(block.get_facecolor()[0], attribution.OUTCOME_COLOURS[band.outcome])


def test_only_outcomes_that_occur_are_explained():
    """The legend names no outcome that no band has."""
    ax = attribution.plot_band_change(change().assign(outcome="lost"), "ResNet-pH", "ResNet-pH-Pb")
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()] == ["lost"]


def test_the_diagram_is_readable():
    """Letters are at least 9 pt, no text hides another, and axes carry labels."""
    table = change()
    wide = table.assign(start=400 + 175 * np.arange(12), stop=575 + 175 * np.arange(12))
    ax = attribution.plot_band_change(wide, "ResNet-pH", "ResNet-pH-Pb")
    assert ax.get_xlabel() == "Wavelength (nm)"
    assert ax.get_ylabel()
    assert_readable(ax)


def curves():
    """Order by credit moves predictions twice as far as random orders."""
    share = np.linspace(0, 1, 5)
    orders = [("attribution", 0, 2.0), ("random", 0, 0.9), ("random", 1, 1.1)]
    tables = [
        pd.DataFrame({"curve": curve, "order": order, "draw": draw, "share": share, "moved": size * share})
        for curve in ("deletion", "insertion")
        for order, draw, size in orders
    ]
    return pd.concat(tables, ignore_index=True)


def test_masking_shows_credit_beside_random_orders():
    """Solid lines follow the order by credit, dashed ones the mean of random orders, in percent of bands."""
    ax = attribution.plot_masking_curves(curves())
    lines = {line.get_label(): line for line in ax.lines}
    assert len(lines) == 4
    by_credit, at_random = (lines[f"taken away, {how}"] for how in ("most credited first", "at random"))
    np.testing.assert_allclose(by_credit.get_xdata(), [0, 25, 50, 75, 100])
    np.testing.assert_allclose(by_credit.get_ydata(), 2 * np.linspace(0, 1, 5))
    np.testing.assert_allclose(at_random.get_ydata(), np.linspace(0, 1, 5))
    assert_readable(ax)


def slopes(kinds=1):
    """Three constituents, with a truth and a note."""
    table = pd.DataFrame(
        {
            "constituent": ["clay", "goethite", "water"],
            "slope": [0.4, 0.2, -0.1],
            "low": [0.3, 0.1, -0.2],
            "high": [0.5, 0.3, 0.1],
            "truth": [0.6, 0.25, 0.0],
            "note": ["p = 0.01", "p = 0.20", "p = 0.90"],
        }
    )
    return pd.concat([table.assign(model=f"model {k}", slope=table["slope"] + k) for k in range(kinds)])


def test_every_dot_stands_on_its_interval():
    """One row a constituent from top to bottom, its dot between the ends of its line."""
    table = slopes()
    ax = attribution.plot_intervals(table, "constituent", "slope", "Slope", mark="truth", notes="note")
    assert [label.get_text() for label in ax.get_yticklabels()] == table["constituent"].tolist()
    segments = np.array(ax.collections[0].get_segments())
    np.testing.assert_allclose(segments[:, :, 0], table[["low", "high"]])
    dots, truth = ax.lines[1], ax.lines[2]
    np.testing.assert_allclose(dots.get_xdata(), table["slope"])
    np.testing.assert_allclose(truth.get_xdata(), table["truth"])
    assert {text.get_text() for text in ax.texts} == set(table["note"])
    assert_readable(ax)


def test_dots_lie_side_by_side_only_where_they_share_a_row():
    """Two models of one constituent are apart; groups that share no row stay on their lines."""
    shared = attribution.plot_intervals(slopes(2), "constituent", "slope", "Slope", hue="model")
    assert shared.lines[1].get_ydata()[0] != shared.lines[2].get_ydata()[0]
    grouped = slopes().assign(model=["a", "a", "b"])
    apart = attribution.plot_intervals(grouped, "constituent", "slope", "Slope", hue="model")
    np.testing.assert_allclose(apart.lines[1].get_ydata(), [0, 1])
    np.testing.assert_allclose(apart.lines[2].get_ydata(), [2])
    assert_readable(apart)


def test_the_verdicts_show_the_interval_and_the_word():
    """Tiny numbers are powers of ten, missing intervals are empty, and words have a colour."""
    table = pd.DataFrame(
        {
            "statement": ["Credit adds up", "Band used"],
            "test": ["gap", "z"],
            "statistic": [4e-7, 1.5],
            "low": [1e-7, np.nan],
            "high": [-4e-7, np.nan],
            "verdict": ["holds", "undecided"],
        }
    )
    html = attribution.style_verdicts(table).to_html()
    assert "4e−07 (1e−07 to −4e−07)" in html
    assert ">1.50<" in html
    assert "nan" not in html
    assert attribution.VERDICT_COLOURS["holds"] in html
