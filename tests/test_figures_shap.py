"""Pictures of credit compare models in shares, and mark what the study named."""

import numpy as np
import pandas as pd
import pytest

from soilpb.plots import attribution
from tests.looks import assert_readable

pytestmark = pytest.mark.usefixtures("styled")

WAVELENGTHS = np.arange(430.0, 2490.0, 10)


def attributions(draws=5, unit=1.0):
    rng = np.random.default_rng(0)
    rows = []
    for model, centre, size in (("ResNet-pH", 650, unit), ("ResNet-pH-Pb", 935, 1.0)):
        for draw in range(draws):
            credit = 0.1 + np.exp(-0.5 * ((WAVELENGTHS - centre) / 60) ** 2)
            credit = size * credit * rng.uniform(0.8, 1.2, WAVELENGTHS.size)
            rows.append(
                pd.DataFrame({"model": model, "draw": draw, "wavelength": WAVELENGTHS, "mean_abs": credit})
            )
    return pd.concat(rows, ignore_index=True)


def test_shares_add_up_to_100_for_each_draw():
    """Credit becomes percent of the model's credit, draw by draw."""
    shares = attribution.compute_shares(attributions())
    sums = shares.groupby(["model", "draw"])["share"].sum()
    np.testing.assert_allclose(sums, 100)


def test_the_unit_of_the_property_does_not_matter():
    """Credit of pH in units a thousand times larger gives the same picture."""
    a, b = attribution.compute_shares(attributions()), attribution.compute_shares(attributions(unit=1000))
    np.testing.assert_allclose(a["share"], b["share"])


def test_a_model_that_ignores_the_spectrum_has_no_shares():
    """Credit of zero everywhere is refused rather than divided by."""
    table = attributions().assign(mean_abs=0.0)
    with pytest.raises(ValueError, match="no credit"):
        attribution.compute_shares(table)


def test_one_model_goes_up_and_the_other_down():
    """The first model's mean share is drawn upwards and the second's downwards, each at its wavelengths."""
    table = attributions()
    ax = attribution.plot_mirrored_profiles(table, "ResNet-pH", "ResNet-pH-Pb")
    up, down = ax.lines[0], ax.lines[1]
    means = attribution.compute_shares(table).groupby(["model", "wavelength"])["share"].mean()
    np.testing.assert_allclose(up.get_ydata(), means["ResNet-pH"])
    np.testing.assert_allclose(down.get_ydata(), -means["ResNet-pH-Pb"])
    np.testing.assert_allclose(up.get_xdata(), WAVELENGTHS)


def test_bands_of_the_draws_are_drawn_only_if_there_are_draws():
    """With one draw there is no band around the line, since nothing is known of its spread."""
    one = attribution.plot_mirrored_profiles(attributions(draws=1), "ResNet-pH", "ResNet-pH-Pb")
    five = attribution.plot_mirrored_profiles(attributions(draws=5), "ResNet-pH", "ResNet-pH-Pb")
    assert (len(one.collections), len(five.collections)) == (2, 4)


def test_the_studys_bands_are_marked_where_it_named_them():
    """Shaded from 550 to 750 and 1600 to 1700 nm, dashed at 919 and 959 nm; not drawn if unwanted."""
    ax = attribution.plot_mirrored_profiles(attributions(), "ResNet-pH", "ResNet-pH-Pb")
    spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in ax.patches]
    assert spans == [(550, 750), (1600, 1700)]
    dashed = [line.get_xdata()[0] for line in ax.lines[2:] if len(set(line.get_xdata())) == 1]
    assert dashed == [919, 959]
    plain = attribution.plot_mirrored_profiles(attributions(), "ResNet-pH", "ResNet-pH-Pb", published=False)
    assert not plain.patches


def test_one_models_profile_is_its_mean_share():
    """A single profile shows the mean share of one model; two models are refused."""
    one = attributions().query("model == 'ResNet-pH'")
    ax = attribution.plot_profile(one)
    means = attribution.compute_shares(one).groupby("wavelength")["share"].mean()
    np.testing.assert_allclose(ax.lines[0].get_ydata(), means)
    assert ax.get_xlim() == (WAVELENGTHS[0], WAVELENGTHS[-1])
    assert_readable(ax)
    with pytest.raises(ValueError, match="too many values"):
        attribution.plot_profile(attributions())


def test_nothing_is_written_over_anything_else():
    """Letters are at least 9 pt, no text hides another, and axes carry labels."""
    ax = attribution.plot_mirrored_profiles(attributions(), "ResNet-pH", "ResNet-pH-Pb")
    assert ax.get_xlabel() == "Wavelength (nm)"
    assert ax.get_ylabel()
    assert_readable(ax)
