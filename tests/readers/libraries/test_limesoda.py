"""LimeSoDa: real fields in our units, with everything converted on record."""

import LimeSoDa
import numpy as np
import pytest

from soilpb.readers.libraries import limesoda
from soilpb.site_file import SiteError
from soilpb.spectra import band_grid

GRID = band_grid(430, 2480, 10)
# n, first and last band (nm), mean pH: the collection's own table.
KNOWN = {
    "CV.98": (98, 350, 2500, 6.93),
    "SC.93": (93, 355, 2500, 4.57),
    "SL.125": (125, 420, 2500, 6.92),
    "UL.120": (120, 420, 2500, 6.63),
    "SSP.460": (460, 350, 2498, 4.81),
    "SP.231": (231, 350, 1700, 6.78),
    "MG.44": (44, 431.6, 2153.1, 5.12),
    "SSP.58": (58, 431.6, 2153.1, 5.48),
}


@pytest.fixture(scope="module")
def fields():
    return {name: limesoda.load_field(name) for name in KNOWN}


@pytest.mark.parametrize("name", KNOWN)
def test_a_field_has_its_samples_bands_and_ph(fields, name):
    """Each field comes whole, on its native bands, with the documented mean pH."""
    soils, (n, first, last, ph) = fields[name], KNOWN[name]
    assert (soils.n_samples, soils.wavelengths[0], soils.wavelengths[-1]) == (n, first, last)
    assert soils.values("pH").mean() == pytest.approx(ph, abs=0.006)
    assert soils.provenance.kind == "measured"


def test_organic_matter_becomes_carbon_and_says_so(fields):
    """SOC is 0.58 of the organic matter where a field reports matter, and the SOC itself where not."""
    matter = LimeSoDa.load_dataset("UL.120")["Dataset"]["SOM_target"]
    np.testing.assert_allclose(fields["UL.120"].values("SOC_pct"), 0.58 * matter)
    assert any("van Bemmelen" in note for note in fields["UL.120"].provenance.notes)
    carbon = LimeSoDa.load_dataset("CV.98")["Dataset"]["SOC_target"]
    np.testing.assert_array_equal(fields["CV.98"].values("SOC_pct"), carbon)
    assert not any("van Bemmelen" in note for note in fields["CV.98"].provenance.notes)


@pytest.mark.parametrize("name", KNOWN)
def test_clay_and_carbon_are_percent_in_every_field(fields, name):
    """No field keeps g/dm³: clay lies within 4–75 % and SOC within 0–15 % everywhere."""
    clay, carbon = fields[name].values("clay_pct"), fields[name].values("SOC_pct")
    assert clay.min() >= 4
    assert clay.max() <= 75
    assert np.median(clay) > 10
    assert carbon.min() > 0
    assert carbon.max() < 15
    assert np.median(carbon) > 0.9


def test_what_is_no_spectrum_stays_out(fields):
    """The resistivity column of the Swedish fields is dropped with a note."""
    assert fields["SL.125"].n_bands == 2081
    assert "columns that are no spectra dropped: ERa" in fields["SL.125"].provenance.notes


def test_coordinates_say_their_system_and_whether_they_are_real(fields):
    """Coordinates carry an EPSG code, dummies are called dummies, and none are invented."""
    assert set(fields["SC.93"].samples["crs"]) == {"EPSG:32722"}
    assert fields["SC.93"].samples["x"].between(166_000, 834_000).all()
    assert set(fields["SL.125"].samples["crs"]) == {"dummy EPSG:4326"}
    assert any("dummies" in note for note in fields["SL.125"].provenance.notes)
    assert "x" not in fields["CV.98"].samples


def test_fields_are_pooled_on_one_grid_and_grouped_by_field():
    """Pooling keeps every sample once, in order, resampled as alone, with the field as its group."""
    names = ["SC.93", "SL.125"]
    pooled = limesoda.load_fields(names, GRID)
    alone = limesoda.load_field("SL.125").resample(GRID)
    assert pooled.n_samples == 218
    assert pooled.samples.index.is_unique
    assert pooled.samples["group"].value_counts().to_dict() == {"SC.93": 93, "SL.125": 125}
    np.testing.assert_array_equal(pooled.reflectance[93:], alone.reflectance)
    np.testing.assert_array_equal(pooled.values("clay_pct")[93:], alone.values("clay_pct"))
    assert any(note.startswith("SL.125: SOC is 0.58") for note in pooled.provenance.notes)


def test_every_full_range_field_covers_the_common_grid(fields):
    """The five full-range fields resample to 430–2480 nm and the others cannot."""
    assert len(limesoda.FULL_RANGE_FIELDS) == 5
    assert GRID.size == 206
    for name, soils in fields.items():
        covers = soils.wavelengths[0] <= 430 and soils.wavelengths[-1] >= 2480
        assert covers == (name in limesoda.FULL_RANGE_FIELDS)
    with pytest.raises(ValueError, match="reaches beyond the measured"):
        limesoda.load_fields(["CV.98", "SP.231"], GRID)


@pytest.mark.parametrize("names", [[], ["CV.98", "CV.98"]])
def test_fields_are_named_each_once(names):
    """An empty or repeated list of fields is refused: repeated soils would leak between folds."""
    with pytest.raises(SiteError, match="each once"):
        limesoda.load_fields(names, GRID)


def test_an_unknown_field_is_refused_with_the_known_ones(capsys):
    """A set without vis-NIR spectra is no field, and nothing of the library's own noise is printed."""
    with pytest.raises(SiteError, match=r"no vis-NIR field 'BB\.250'; it has: CV\.98"):
        limesoda.load_field("BB.250")
    assert capsys.readouterr().out == ""
