"""A site file's words become soils: the right ones, as many as asked for, never both sides at once."""

import numpy as np
import pytest

from soilpb.site_file import SiteError, make_site
from soilpb.spectra import band_grid
from soilpb.study import read_source, read_target

from . import layouts

GRID = band_grid(430, 2480, 10)


def site(**values):
    return make_site({"site": "mine", "target_data": "twin", "source": "twin", **values})


def test_a_choice_follows_the_seed_and_keeps_the_order():
    """``source_size`` takes so many of a library, in its order, the same for the same seed."""
    one, same, other = (read_source(site(source="limesoda", source_size=40, seed=s), GRID) for s in (1, 1, 2))
    assert one.n_samples == 40
    assert one.samples.index.equals(same.samples.index)
    assert not one.samples.index.equals(other.samples.index)
    whole = list(read_source(site(source="limesoda"), GRID).samples.index)
    assert list(one.samples.index) == sorted(one.samples.index, key=whole.index)


def test_a_random_choice_is_noted():
    """The provenance says how many of how many soils were chosen; where all are taken it says nothing."""
    field = {"target_data": "limesoda", "limesoda_set": "SC.93", "target": "clay_pct"}
    some, everything = (read_target(site(n_target=n, seed=3, **field), GRID).provenance for n in (20, 0))
    assert "20 of 93 soils chosen at random (seed 3)" in some.notes
    assert not any("chosen" in note for note in everything.notes)


def test_a_field_is_never_its_own_source():
    """A LimeSoDa field learns from the four other full-range fields."""
    field = site(target_data="limesoda", limesoda_set="CV.98", target="clay_pct", source="limesoda")
    source, target = read_source(field, GRID), read_target(field, GRID)
    assert source.samples["field"].nunique() == 4
    assert not set(source.samples.index) & set(target.samples.index)


def test_lucas_is_read_from_its_folder_and_kept_in_the_cache(tmp_path):
    """A site file that says lucas2015 reads the original files of ``source_folder``, once."""
    folder = tmp_path / "lucas"
    folder.mkdir()
    table = layouts.lucas_2015_table(6)
    absorbance = layouts.soil_absorbance(6, layouts.LUCAS_BANDS)
    layouts.write_lucas_2015(folder, table, np.stack([absorbance, absorbance], axis=1))
    lucas = site(source="lucas2015", source_folder=str(folder), artifacts=str(tmp_path / "artifacts"))
    first, again = read_source(lucas, GRID), read_source(lucas, GRID)
    assert first.n_samples == 6
    np.testing.assert_array_equal(first.reflectance, again.reflectance)
    assert any((tmp_path / "artifacts" / "sources").iterdir())


def test_a_library_that_is_not_there_is_named(tmp_path):
    """Missing files are refused with the folder that was looked into."""
    with pytest.raises(SiteError, match="nowhere"):
        read_source(site(source="ossl", source_folder=str(tmp_path / "nowhere")), GRID)
