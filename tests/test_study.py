"""A study gives a chapter its soils, its scale, its artifacts and its banner."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from soilpb import study
from soilpb._files import MissingArtifact
from soilpb.simulate import library, twin
from soilpb.site_file import SiteError, make_site
from soilpb.spectra import band_grid
from soilpb.study import Study, read_source, read_target
from tests import layouts

GRID = band_grid(430, 2480, 10)


@pytest.fixture
def field(tmp_path):
    """A measured field whose artifacts lie in a temporary folder."""
    return Study.load("cv98", chapter="04_baselines", artifacts=str(tmp_path))


def test_parameters_lie_over_the_site_file():
    """What papermill injects replaces the site file's value; the rest stays."""
    namespace = {
        "__annotations__": {"site": str, "n_repeats": int},
        "site": "cv98",
        "n_repeats": 2,
        "seed": 99,
    }
    study = Study.open("04_baselines", namespace)
    assert (study.site.site, study.site.seed, study.site.target) == ("cv98", 99, "clay_pct")


def test_a_misspelt_parameter_stops_the_chapter():
    """A parameter that neither the chapter nor a site file knows is refused."""
    with pytest.raises(SiteError, match="did you mean 'n_repeats'"):
        Study.open("04_baselines", {"__annotations__": {"n_repeats": int}, "site": "cv98", "n_repeets": 2})


def test_a_field_learns_from_the_other_fields_only(field):
    """The source of a LimeSoDa field holds the other four fields, and none of its own soils."""
    assert field.source.samples["group"].nunique() == 4
    assert not set(field.source.samples.index) & set(field.target.samples.index)
    assert np.array_equal(field.source.wavelengths, field.target.wavelengths)
    assert field.kind == "measured"


def test_the_target_is_on_the_modelling_scale_and_back():
    """Natural and log scales are inverse to each other, and the label says which it is."""
    clay = Study.load("cv98")
    assert clay.label == "clay (%)"
    np.testing.assert_array_equal(clay.y, clay.target.values("clay_pct"))
    logged = Study.load("cv98", target_scale="log")
    assert logged.label == "ln clay (%)"
    np.testing.assert_allclose(logged.natural(logged.y), clay.y)


def test_a_logarithm_needs_positive_values(monkeypatch):
    """A zero on the log scale is refused with the sample's id."""
    study = Study.load("cv98", target_scale="log")
    samples = study.target.samples.copy()
    samples.iloc[3, samples.columns.get_loc("clay_pct")] = 0.0
    object.__setattr__(study.target, "samples", samples)
    with pytest.raises(
        SiteError, match=f"sample {samples.index[3]!r} has clay_pct = 0.*target_scale: natural"
    ):
        _ = study.y


def test_tables_travel_between_chapters(field):
    """What one chapter saves another reads, and what nobody made is named with its command."""
    table = pd.DataFrame({"model": ["PLS"], "value": [0.5]})
    field.save("scores", table)
    pd.testing.assert_frame_equal(field.table("04_baselines", "scores"), table)
    with pytest.raises(
        MissingArtifact, match=r"papermill notebooks/03_transfer.ipynb .* -f notebooks/sites/cv98.yml"
    ):
        field.table("03_transfer", "scores")
    with pytest.raises(MissingArtifact, match=r"notebooks/02_pretraining.ipynb .* -p artifacts"):
        field.source_network()


def test_the_banner_says_whether_anybody_measured_it(field):
    """Measured and simulated soils are named so, with their licence."""
    measured = field.banner().data
    assert "Measured data" in measured
    assert "Licence: CC BY-SA 4.0" in measured
    assert "Simulated data" not in measured
    assert (
        "Spectra mixed from measured ones, laboratory values simulated"
        in Study.load("gejiu", source_size=50).banner().data
    )


def test_a_library_that_the_site_is_drawn_from_teaches_other_places_only(monkeypatch):
    """With the world library as source, soils of the places of the twin's site are dropped."""
    world = library.load_library()
    taught = replace(world, samples=world.samples.assign(pH=6.0))
    monkeypatch.setattr(study, "_read_library", lambda *_: taught)
    source = read_source(make_site({"site": "m", "target_data": "twin", "source": "ossl"}), library.GRID)
    assert not set(source.samples["place"].dropna()) & set(twin.simulate_target(500, 1).samples["place"])
    assert len(source) + twin.is_at_site_places(world).sum() == len(world)


def test_with_laboratory_values_of_the_library_only_lead_is_simulated(monkeypatch):
    """The banner says which of the two grades of the twin it is; source soils are then measured."""
    world = library.load_library()
    ph = np.linspace(4, 8, world.n_samples)
    fetched = replace(world, samples=world.samples.assign(pH=ph, group=world.samples["place"]))
    monkeypatch.setattr(study, "read_twin_library", lambda site: fetched)
    chapter = Study.load("gejiu")
    assert "Everything measured but lead" in chapter.banner().data
    assert "laboratory values simulated" not in chapter.banner().data
    assert chapter.source.provenance.kind == "measured"
    assert chapter.kind == "lead simulated"


def test_the_twin_shares_no_soil_between_source_and_target():
    """Source and target of the twin are different random soils, and the source knows no Pb."""
    study = Study.load("gejiu", source_size=200)
    assert study.target.n_samples == 130
    assert study.source.n_samples == 200
    assert "Pb_mg_kg" not in study.source.samples
    assert not set(study.source.samples["pH"]) & set(study.target.samples["pH"])


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
