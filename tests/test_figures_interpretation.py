"""Pictures of a trial show every band with its interval, and what became of it."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import same_color

from soilpb import figures_interpretation
from soilpb.band_change import RULES
from tests.looks import assert_readable

pytestmark = pytest.mark.usefixtures("styled")


def change():
    """Twelve bands of 50 nm, two of each outcome."""
    start = np.arange(400, 1000, 50)
    credit = np.geomspace(0.2, 4, start.size)
    columns = {"start": start, "stop": start + 50, "outcome": list(RULES) * 2}
    for name, factor in (("before", 1.0), ("after", 0.8), ("change", 0.8)):
        columns |= {name: factor * credit, f"{name}_low": 0.5 * factor * credit}
        columns[f"{name}_high"] = 1.5 * factor * credit
    return pd.DataFrame(columns)


def test_each_outcome_has_a_colour():
    """Nothing that can become of a band is left without a colour, and no two share one."""
    colours = figures_interpretation.OUTCOME_COLOURS
    assert set(colours) == set(RULES)
    assert len(set(colours.values())) == len(colours)


def test_the_diagram_shows_both_models_with_intervals():
    """Dots are the two models' credit, and a line runs through each from its low to its high end."""
    table = change()
    ax = figures_interpretation.band_diagram(table, "ResNet-pH", "ResNet-pH-Pb")
    dots = {line.get_label(): line.get_ydata() for line in ax.lines if line.get_marker() == "o"}
    np.testing.assert_allclose(dots["ResNet-pH"], table["before"])
    np.testing.assert_allclose(dots["ResNet-pH-Pb"], table["after"])
    segments = ax.collections[1].get_segments()
    np.testing.assert_allclose([s[:, 1] for s in segments], table[["after_low", "after_high"]])


def test_the_strip_tells_what_became_of_each_band():
    """One block a band, in the colour of its outcome, from its first to its last nanometre."""
    table = change()
    ax = figures_interpretation.band_diagram(table, "ResNet-pH", "ResNet-pH-Pb")
    blocks = ax.collections[2:]
    for block, band in zip(blocks, table.itertuples(), strict=True):
        x = block.get_paths()[0].vertices[:, 0]
        assert (x.min(), x.max()) == (band.start, band.stop)
        assert same_color(block.get_facecolor()[0], figures_interpretation.OUTCOME_COLOURS[band.outcome])


def test_only_outcomes_that_occur_are_explained():
    """The legend names no outcome that no band has."""
    ax = figures_interpretation.band_diagram(change().assign(outcome="lost"), "ResNet-pH", "ResNet-pH-Pb")
    assert [text.get_text() for text in ax.figure.legends[0].get_texts()] == ["lost"]


def test_the_diagram_is_readable():
    """Letters are at least 9 pt, no text hides another, and axes carry labels."""
    table = change()
    wide = table.assign(start=400 + 175 * np.arange(12), stop=575 + 175 * np.arange(12))
    ax = figures_interpretation.band_diagram(wide, "ResNet-pH", "ResNet-pH-Pb")
    assert ax.get_xlabel() == "Wavelength (nm)"
    assert ax.get_ylabel()
    assert_readable(ax)
