"""Each planted fault of a site or its spectra is found, good ones have none; T² and Q see what is strange."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from soilpb import quality
from soilpb.quality import check_soils, measure_distances, measure_distances_within
from soilpb.readers.libraries import limesoda
from soilpb.site_file import Site
from soilpb.spectra import Provenance, SoilSpectra, absorbance
from tests.site_files import soil_spectra

NM = np.arange(400.0, 2500.0, 5.0)


@pytest.fixture
def soils():
    """Sixty soils of three independent features, with noise of 0.0002."""
    rng = np.random.default_rng(7)
    features = np.exp(-(((NM - np.array([[900], [1400], [2200]])) / 80) ** 2))
    clean = soil_spectra(2, NM)[1] * np.exp(0.05 * rng.standard_normal((60, 3)) @ features)
    spectra = clean + 0.0002 * rng.standard_normal(clean.shape)
    samples = pd.DataFrame({"Pb_mg_kg": rng.lognormal(5, 1, 60)}, index=[f"S{i}" for i in range(60)])
    return SoilSpectra(NM, spectra, samples, Provenance("planted", "simulated"))


def spoilt(soils, row, spectrum):
    """Return the soils with one spectrum replaced."""
    reflectance = soils.reflectance.copy()
    reflectance[row] = spectrum
    return replace(soils, reflectance=reflectance)


def warnings(findings):
    return [finding.found for finding in findings if finding.level == "warning"]


def test_clean_spectra_raise_no_warning(soils):
    """Sixty ordinary soils pass every check."""
    checks = (quality.check_unit, quality.check_range, quality.check_noise, quality.check_twins)
    assert [
        warning for check in (*checks, quality.check_outliers) for warning in warnings(check(soils))
    ] == []


def test_noise_is_measured_as_it_was_planted(soils):
    """Noise of 0.0002 is estimated within a tenth, and one loud spectrum is named."""
    (finding,) = quality.check_noise(soils)
    assert float(finding.found.split()[0]) == pytest.approx(2e-4, rel=0.1)
    rng = np.random.default_rng(1)
    loud = spoilt(soils, 5, soils.reflectance[5] + 0.005 * rng.standard_normal(NM.size))
    assert warnings(quality.check_noise(loud)) == ["far noisier than the rest: S5"]
    everywhere = replace(soils, reflectance=soils.reflectance + 0.01 * rng.standard_normal((60, NM.size)))
    assert "median over soils" in warnings(quality.check_noise(everywhere))[0]


def test_coarse_bands_are_not_taken_for_noise(soils):
    """At 10 nm features bend spectra, so noise is not judged."""
    assert list(quality.check_noise(soils.resample(np.arange(410.0, 2480.0, 10.0)))) == []


def test_dark_and_saturated_readings_are_named(soils):
    """A reading of zero and one above the white reference name their soils."""
    assert warnings(quality.check_range(spoilt(soils, 3, np.where(NM < 420, 0, 0.2)))) == [
        "reflectance at or under 0.2%: S3"
    ]
    assert warnings(quality.check_range(spoilt(soils, 4, np.where(NM > 2400, 1.1, 0.2)))) == [
        "reflectance of 100 % or more, saturated: S4"
    ]


def test_a_spectrum_that_stands_for_two_samples_is_named(soils):
    """Copied spectra are found, brighter or not, all copies together."""
    copied = spoilt(spoilt(soils, 9, soils.reflectance[2]), 30, 1.01 * soils.reflectance[2])
    assert warnings(quality.check_twins(copied)) == ["one soil under several ids: S2 = S9 = S30"]


def test_a_foreign_spectrum_is_an_outlier(soils):
    """A soil with a feature that no other has lies beyond Q or T², and is the only one."""
    foreign = soils.reflectance[8] - 0.15 * np.exp(-(((NM - 1700) / 30) ** 2))
    found = warnings(quality.check_outliers(spoilt(soils, 8, foreign)))
    assert found
    assert {text.rsplit(": ")[1] for text in found} == {"S8"}


def test_the_shape_of_absorbance_is_noticed(soils):
    """Absorbance that was passed off as a fraction is warned of."""
    disguised = replace(soils, reflectance=absorbance(soils.reflectance))
    assert "the shape of absorbance" in warnings(quality.check_unit(disguised))[0]


def test_a_real_field_has_few_outliers():
    """Of 93 measured soils one is beyond a limit; a limit that flags many at 99.9 % would be wrong."""
    field = limesoda.load_field("SC.93").resample(np.arange(430.0, 2481.0, 10.0))
    assert warnings(quality.check_outliers(field)) == ["beyond the 99.9% limit of T²: SC.93-059"]


WIDE = np.arange(400.0, 2501.0, 10.0)


@pytest.fixture
def measured():
    """A hundred and twenty soils with log-normal lead."""
    rng = np.random.default_rng(3)
    spectra = soil_spectra(120, WIDE) * np.exp(0.01 * rng.standard_normal((120, WIDE.size)))
    samples = pd.DataFrame({"Pb_mg_kg": rng.lognormal(5, 0.8, 120)}, index=[f"S{i}" for i in range(120)])
    return SoilSpectra(WIDE, spectra, samples, Provenance("planted", "simulated", notes=("from percent",)))


def site(**keys):
    files = {"target_data": "files", "spectra": "a.csv", "laboratory": "b.csv"}
    return Site(**{"site": "mine", **files, "source": "twin", **keys})


def with_lead(soils, values):
    return replace(soils, samples=soils.samples.assign(Pb_mg_kg=values))


def found(soils, level, topic, **keys):
    """Return what the checks found of a level and topic."""
    findings = check_soils(soils, site(**keys))
    return [finding.found for finding in findings if (finding.level, finding.topic) == (level, topic)]


def test_a_good_site_has_no_problem_and_tells_what_it_has(measured):
    """Nothing stops the study; samples, target and bands are told, notes come last."""
    findings = check_soils(measured, site())
    assert {finding.level for finding in findings} == {"ok", "note"}
    assert {finding.topic for finding in findings if finding.level == "ok"} == {"samples", "target", "bands"}
    assert findings[-1].found == "from percent"


def test_problems_come_first(measured):
    """Whatever stops a study heads the list."""
    findings = check_soils(measured, site(target="Zn_mg_kg"))
    assert findings[0].found == "no column Zn_mg_kg; there are: Pb_mg_kg"
    assert [f.level for f in findings] == sorted(
        [f.level for f in findings], key="problem warning ok note".split().index
    )


@pytest.mark.parametrize(("n", "level"), [(3, "problem"), (19, "problem"), (20, "warning"), (120, "ok")])
def test_the_number_of_soils_is_judged(measured, n, level):
    """Soils with a value count: under 20 is a problem, under 100 a warning."""
    values = np.where(np.arange(120) < n, measured.values("Pb_mg_kg"), np.nan)
    assert f"{n} of 120 soils have Pb_mg_kg" in found(with_lead(measured, values), level, "samples")[0]


def test_a_target_without_logarithm_is_a_problem_on_the_log_scale_only(measured):
    """A zero stops a study of ln Pb and not one of Pb."""
    spoilt = with_lead(measured, np.where(np.arange(120) == 4, 0.0, measured.values("Pb_mg_kg")))
    assert "no logarithm" in found(spoilt, "problem", "target")[0]
    assert found(spoilt, "problem", "target", target_scale="natural") == []


def test_a_constant_target_is_a_problem_and_one_in_percent_is_noticed(measured):
    """Nothing can be learned of a constant; lead with a median of 0.015 is not in mg/kg."""
    assert "no variance" in found(with_lead(measured, 7.0), "problem", "target")[0]
    in_percent = with_lead(measured, measured.values("Pb_mg_kg") / 1e4)
    assert "unusual for lead" in found(in_percent, "warning", "target")[0]


def test_a_lost_decimal_mark_is_named(measured):
    """A value a hundred times its neighbours is named with its value; ordinary tails are not."""
    values = measured.values("Pb_mg_kg").copy()
    assert found(measured, "warning", "target") == []
    values[11] = 54_321.0
    assert found(with_lead(measured, values), "warning", "target") == ["far from all others: S11 (5.432e+04)"]


def test_bands_beyond_the_instrument_are_a_problem(measured):
    """A near-infrared instrument cannot serve a study from 430 nm, and the mend names its range."""
    short = replace(measured, wavelengths=WIDE[60:], reflectance=measured.reflectance[:, 60:])
    assert found(short, "problem", "bands") == ["spectra cover 1000–2500 nm, the study asks for 430–2480 nm"]
    assert found(short, "problem", "bands", band_start=1000.0) == []


def test_a_gap_in_the_bands_is_a_warning(measured):
    """Removed water bands are named, unless the study does not use them."""
    keep = (WIDE < 1800) | (WIDE > 1950)
    cut = replace(measured, wavelengths=WIDE[keep], reflectance=measured.reflectance[:, keep])
    assert found(cut, "warning", "bands") == ["no bands within 1790–1960 nm"]
    assert found(cut, "warning", "bands", band_stop=1700.0) == []


def test_a_source_that_does_not_cover_the_bands_is_a_problem(measured):
    """LimeSoDa's fields start at 420 nm; a study from 400 nm cannot learn from them."""
    bands = {"band_start": 400.0, "band_stop": 2480.0}
    assert found(measured, "problem", "source", source="limesoda", **bands)
    assert found(measured, "problem", "source", source="limesoda") == []
    assert found(measured, "problem", "source", source="twin", **bands) == []


@pytest.fixture
def reference():
    """300 spectra that vary in two broad shapes, with little noise."""
    rng = np.random.default_rng(0)
    bands = np.linspace(0, 1, 80)
    shapes = np.stack([np.sin(2 * bands), np.cos(5 * bands)])
    noise = 1e-4 * rng.standard_normal((300, 80))
    return 0.4 + 0.1 * bands + 0.02 * rng.standard_normal((300, 2)) @ shapes + noise


def test_the_reference_passes_its_own_limits_as_stated(reference):
    """Each limit lets the stated share of the reference pass."""
    own = measure_distances(reference, reference, 2)
    assert np.mean(own.table["T2"] <= own.t2_limit) == pytest.approx(0.95, abs=0.01)
    assert np.mean(own.table["Q"] <= own.q_limit) == pytest.approx(0.95, abs=0.01)


def test_a_new_shape_is_seen_by_q_and_an_extreme_soil_by_t2(reference):
    """A narrow band nobody has shows in Q; ten times the usual variation shows in T²."""
    bands = np.linspace(0, 1, 80)
    narrow = reference[0] + 0.05 * np.exp(-(((bands - 0.5) / 0.02) ** 2))
    extreme = reference.mean(axis=0) + 0.15 * np.cos(5 * bands)
    seen = measure_distances(reference, np.stack([narrow, extreme]), 2)
    assert seen.table.loc[0, "Q"] > 10 * seen.q_limit
    assert seen.table.loc[1, "T2"] > 3 * seen.t2_limit
    assert seen.outside.all()


def test_judging_spectra_changes_nothing_that_was_learnt(reference):
    """Limits and a spectrum's distance depend on the reference alone, not on its neighbours."""
    alone = measure_distances(reference, reference[:1], 2)
    among = measure_distances(reference, np.concatenate([reference[:1], reference[5:9] * 1.3]), 2)
    assert (alone.t2_limit, alone.q_limit) == (among.t2_limit, among.q_limit)
    np.testing.assert_allclose(alone.table.iloc[0], among.table.iloc[0])


def test_too_few_spectra_are_refused(reference):
    """Three spectra define nothing, and nine cannot say which of them is unusual."""
    with pytest.raises(ValueError, match="3 reference spectra"):
        measure_distances(reference[:3], reference)
    with pytest.raises(ValueError, match="9 spectra"):
        measure_distances_within(reference[:9])


def test_soils_of_one_kind_are_not_condemned(reference):
    """Among soils of one population nearly all pass; one with a shape of its own is the farthest."""
    bands = np.linspace(0, 1, 80)
    assert measure_distances_within(reference[:100]).outside.mean() < 0.05
    odd = reference[:100].copy()
    odd[7] += 0.05 * np.exp(-(((bands - 0.5) / 0.02) ** 2))
    found = measure_distances_within(odd)
    assert found.outside[7]
    assert found.table["T2"].idxmax() == 7


@pytest.mark.parametrize("n_shapes", [0, 1, 2])
def test_spectra_without_noise_are_like_each_other(n_shapes):
    """Where few shapes make all spectra, what rounding leaves condemns no soil; an odd one is seen."""
    bands = np.linspace(0, 1, 80)
    shapes = np.stack([np.sin(2 * bands), np.cos(5 * bands)])[:n_shapes]
    amounts = np.random.default_rng(0).uniform(-0.02, 0.02, (60, n_shapes))
    spectra = 10 ** -(0.4 + 0.1 * bands + amounts @ shapes)
    found = measure_distances_within(spectra)
    assert np.isfinite(found.table.to_numpy()).all()
    assert found.outside.mean() < 0.05
    odd = spectra.copy()
    odd[7] -= 0.05 * np.exp(-(((bands - 0.5) / 0.02) ** 2))
    assert measure_distances_within(odd).outside[7]
