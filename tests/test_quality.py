"""Quality of spectra: each planted fault is found, and clean spectra have none."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from soilpb import quality
from soilpb.readers import limesoda
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
    checks = (quality.check_unit, quality.check_range, quality.check_noise, quality.check_repeated)
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
    """Copied spectra are found exactly, all copies together."""
    copied = spoilt(spoilt(soils, 9, soils.reflectance[2]), 30, soils.reflectance[2])
    assert warnings(quality.check_repeated(copied)) == ["one and the same spectrum: S2, S9, S30"]


def test_a_foreign_spectrum_is_an_outlier(soils):
    """A soil with a feature that no other has lies beyond Q or T², and is the only one."""
    foreign = soils.reflectance[8] - 0.15 * np.exp(-(((NM - 1700) / 30) ** 2))
    found = warnings(quality.check_outliers(spoilt(soils, 8, foreign)))
    assert found
    assert {text.rsplit(": ")[1] for text in found} == {"S8"}


def test_too_few_spectra_are_not_judged_for_outliers(soils):
    """Nine soils cannot say what is usual."""
    assert list(quality.check_outliers(soils.take(np.arange(9)))) == []


def test_the_shape_of_absorbance_is_noticed(soils):
    """Absorbance that was passed off as a fraction is warned of."""
    disguised = replace(soils, reflectance=absorbance(soils.reflectance))
    assert "the shape of absorbance" in warnings(quality.check_unit(disguised))[0]


def test_long_lists_of_samples_are_cut(soils):
    """Eight ids are written out and the rest is counted."""
    assert quality.name_samples(soils, np.arange(60) < 10).endswith("S7 and 2 more")
    assert quality.name_samples(soils, np.arange(60) == 1, np.full(60, 3.14159)) == "S1 (3.142)"


def test_a_real_field_has_few_outliers():
    """Of 93 measured soils one is beyond a limit; a limit that flags many at 99.9 % would be wrong."""
    field = limesoda.load_field("SC.93").resample(np.arange(430.0, 2481.0, 10.0))
    assert warnings(quality.check_outliers(field)) == ["beyond the 99.9% limit of T²: SC.93-059"]
