"""Checks of a site: what stops a study is a problem, what is odd is a warning, the rest is told."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from soilpb.quality import check_soils
from soilpb.site_file import Site
from soilpb.spectra import Provenance, SoilSpectra
from tests.site_files import soil_spectra

NM = np.arange(400.0, 2501.0, 10.0)


@pytest.fixture
def soils():
    """A hundred and twenty soils with log-normal lead."""
    rng = np.random.default_rng(3)
    spectra = soil_spectra(120, NM) * np.exp(0.01 * rng.standard_normal((120, NM.size)))
    samples = pd.DataFrame({"Pb_mg_kg": rng.lognormal(5, 0.8, 120)}, index=[f"S{i}" for i in range(120)])
    return SoilSpectra(NM, spectra, samples, Provenance("planted", "simulated", notes=("from percent",)))


def site(**keys):
    files = {"target_data": "files", "spectra": "a.csv", "laboratory": "b.csv"}
    return Site(**{"site": "mine", **files, "source": "twin", **keys})


def with_lead(soils, values):
    return replace(soils, samples=soils.samples.assign(Pb_mg_kg=values))


def found(soils, level, topic, **keys):
    """Return what the checks found of a level and topic."""
    findings = check_soils(soils, site(**keys))
    return [finding.found for finding in findings if (finding.level, finding.topic) == (level, topic)]


def test_a_good_site_has_no_problem_and_tells_what_it_has(soils):
    """Nothing stops the study; samples, target and bands are told, notes come last."""
    findings = check_soils(soils, site())
    assert {finding.level for finding in findings} == {"ok", "note"}
    assert {finding.topic for finding in findings if finding.level == "ok"} == {"samples", "target", "bands"}
    assert findings[-1].found == "from percent"


def test_problems_come_first(soils):
    """Whatever stops a study heads the list."""
    findings = check_soils(soils, site(target="Zn_mg_kg"))
    assert findings[0].found == "no column Zn_mg_kg; there are: Pb_mg_kg"
    assert [f.level for f in findings] == sorted(
        [f.level for f in findings], key="problem warning ok note".split().index
    )


@pytest.mark.parametrize(("n", "level"), [(3, "problem"), (19, "problem"), (20, "warning"), (120, "ok")])
def test_the_number_of_soils_is_judged(soils, n, level):
    """Soils with a value count: under 20 is a problem, under 100 a warning."""
    values = np.where(np.arange(120) < n, soils.values("Pb_mg_kg"), np.nan)
    assert f"{n} of 120 soils have Pb_mg_kg" in found(with_lead(soils, values), level, "samples")[0]


def test_a_target_without_variance_is_a_problem(soils):
    """Nothing can be learned of a constant."""
    assert "no variance" in found(with_lead(soils, 7.0), "problem", "target")[0]


def test_a_target_without_logarithm_is_a_problem_on_the_log_scale_only(soils):
    """A zero stops a study of ln Pb and not one of Pb."""
    spoilt = with_lead(soils, np.where(np.arange(120) == 4, 0.0, soils.values("Pb_mg_kg")))
    assert "no logarithm" in found(spoilt, "problem", "target")[0]
    assert found(spoilt, "problem", "target", target_scale="natural") == []


def test_a_lost_decimal_mark_is_named(soils):
    """A value a hundred times its neighbours is named with its value; ordinary tails are not."""
    values = soils.values("Pb_mg_kg").copy()
    assert found(soils, "warning", "target") == []
    values[11] = 54_321.0
    assert found(with_lead(soils, values), "warning", "target") == ["far from all others: S11 (5.432e+04)"]


def test_lead_in_another_unit_is_noticed(soils):
    """Lead with a median of 0.015 is percent, not mg/kg."""
    assert (
        "unusual for lead" in found(with_lead(soils, soils.values("Pb_mg_kg") / 1e4), "warning", "target")[0]
    )


def test_bands_beyond_the_instrument_are_a_problem(soils):
    """A near-infrared instrument cannot serve a study from 430 nm, and the mend names its range."""
    short = replace(soils, wavelengths=NM[60:], reflectance=soils.reflectance[:, 60:])
    assert found(short, "problem", "bands") == ["spectra cover 1000–2500 nm, the study asks for 430–2480 nm"]
    assert found(short, "problem", "bands", band_start=1000.0) == []


def test_a_gap_in_the_bands_is_a_warning(soils):
    """Removed water bands are named, unless the study does not use them."""
    keep = (NM < 1800) | (NM > 1950)
    cut = replace(soils, wavelengths=NM[keep], reflectance=soils.reflectance[:, keep])
    assert found(cut, "warning", "bands") == ["no bands within 1790–1960 nm"]
    assert found(cut, "warning", "bands", band_stop=1700.0) == []


def test_a_source_that_does_not_cover_the_bands_is_a_problem(soils):
    """LimeSoDa's fields start at 420 nm; a study from 400 nm cannot learn from them."""
    bands = {"band_start": 400.0, "band_stop": 2480.0}
    assert found(soils, "problem", "source", source="limesoda", **bands)
    assert found(soils, "problem", "source", source="limesoda") == []
    assert found(soils, "problem", "source", source="twin", **bands) == []
