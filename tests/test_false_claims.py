"""A study that could only claim too much is refused before it trains, or says what it cannot tell."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.cross_decomposition import PLSRegression
from threadpoolctl import threadpool_limits
from typer.testing import CliRunner

from soilpb import quality, workflow
from soilpb.cli import app
from soilpb.models.inner_folds import fit_model
from soilpb.readers.site import read_site
from soilpb.simulate import twin
from soilpb.site_file import Site
from soilpb.spectra import find_near_twins
from soilpb.study import Study
from tests import user_site
from tests.cases import case

ROOT = Path(__file__).parents[1]
RNG = np.random.default_rng(5)
#: Sixty soils as they come, on the bands of a study.
SOILS = twin.simulate_target(60, seed=7, grid=np.arange(430.0, 2481.0, 10.0))
SOILS = replace(SOILS, samples=SOILS.samples[["Pb_mg_kg", "pH"]])
ORDER = np.arange(60)


def with_lead(values, soils=SOILS, **columns):
    samples = soils.samples.assign(Pb_mg_kg=np.asarray(values, float), **columns)
    return replace(soils, samples=samples)


def grouped(*sizes):
    """Soils in groups of these sizes."""
    groups = np.repeat([f"field {i}" for i in range(len(sizes))], sizes)
    soils = SOILS.take(np.arange(len(groups)))
    return replace(soils, samples=soils.samples.assign(group=groups))


def doubled(noise=0.0, n=40, copies=2):
    """Each soil under several ids, with its own brightness and noise; lead is random."""
    rows = np.repeat(np.arange(n), copies)
    spectra = SOILS.reflectance[rows] * (1 + 0.01 * RNG.standard_normal((len(rows), 1)))
    spectra = spectra + noise * RNG.standard_normal(spectra.shape)
    samples = pd.DataFrame(
        {"Pb_mg_kg": RNG.lognormal(5, 0.5, len(rows))}, index=np.arange(len(rows)).astype(str)
    )
    return replace(SOILS, reflectance=spectra, samples=samples)


def drifting(slope, values=ORDER + 1.0):
    """A lamp whose infrared rises from soil to soil."""
    nm = SOILS.wavelengths / 2000
    return with_lead(
        values, replace(SOILS, reflectance=SOILS.reflectance * (1 + slope * ORDER[:, None] * nm))
    )


LEAD = SOILS.values("Pb_mg_kg")
BELOW = np.quantile(LEAD, 0.6) > LEAD
#: Case or input → the soils (None: those of the case's folder), the finding's level and topic, what it says.
INPUTS = {
    "duplicates_two_ids": (None, "warning", "near twins", "A121 = B321"),
    "two scans with noise": (doubled(0.0002), "warning", "near twins", "0 = 1"),
    "three scans of each": (doubled(0.0, 25, 3), "warning", "near twins", "0 = 1 = 2"),
    "12 soils twice": (doubled(0.0, 12), "problem", "samples", "24 of 24 .* only 12: too few"),
    "constbutone": (None, "problem", "target", "59 of 60 soils have one value"),
    "constant but for three": (
        with_lead(np.where(ORDER < 57, 50, 300 + ORDER)),
        "problem",
        "target",
        "57 of 60",
    ),
    "nearly constant but for one": (
        with_lead(np.where(ORDER < 59, RNG.uniform(49.9, 50.1, 60), 300)),
        *("problem", "target", "of 60 soils have over 97% of the variance"),
    ),
    "lod60": (None, "warning", "below detection", "36 of 60"),
    "several limits": (
        with_lead(np.where(BELOW, 5.0 + ORDER % 7, LEAD), below_detection=BELOW),
        *("warning", "below detection", "36 of 60"),
    ),
    "half a limit, unmarked": (
        with_lead(np.where(ORDER < 12, 2.5, LEAD)),
        "warning",
        "below detection",
        "12 of 60",
    ),
    "n5": (None, "problem", "samples", "5 of 5"),
    "n12": (None, "problem", "samples", "12 of 12"),
    "7 soils": (SOILS.take(ORDER < 7), "problem", "samples", "7 of 7"),
    "19 values": (with_lead(np.where(ORDER < 19, LEAD, np.nan)), "problem", "samples", "19 of 60"),
    "grp2": (None, "problem", "groups", "2 groups, A has 39 of 40"),
    "two equal groups": (grouped(30, 30), "problem", "groups", "2 groups"),
    "one large group": (grouped(50, 1, 1, 1, 1, 1), "problem", "groups", "field 0 has 50 of 55 soils"),
    "one group": (grouped(60), "warning", "groups", "1 group, .* counts as none"),
    "12 groups": (grouped(*[5] * 12), "warning", "groups", "12 groups"),
    "drift": (drifting(0.003), "warning", "order", "follows the order .*R² 0"),
    "drift, falling": (drifting(0.004, 61.0 - ORDER), "warning", "order", "correlation -1.00"),
    "drift, some of it": (drifting(0.004, LEAD * np.exp(ORDER / 20)), "warning", "order", "Pb_mg_kg follows"),
}


@pytest.mark.parametrize("name", INPUTS)
def test_what_cannot_be_told_is_found_by_the_checks(name):
    """Each degenerate site, of the shared cases and others of their kinds, has its finding."""
    soils, level, topic, says = INPUTS[name]
    if soils is None:
        files = [case(name) / f"{part}.csv" for part in ("spectra", "lab")]
        soils = read_site(*files, target="Pb_mg_kg", below_detection="half")
    site = Site(site="mine", target_data="files", spectra="a", laboratory="b", source="twin")
    findings = [one for one in quality.check_soils(soils, site) if (one.level, one.topic) == (level, topic)]
    assert [one for one in findings if re.search(says, f"{one.found}: {one.advice}")]


@pytest.mark.parametrize(
    ("soils", "topic"),
    [
        (SOILS, "near twins target groups order below detection"),
        (with_lead(np.arange(60) + 1.0), "order"),
        (drifting(0.004, LEAD), "order"),
        (with_lead(np.where(ORDER < 6, 2.5, LEAD)), "below detection"),
        (grouped(*[3] * 20), "groups"),
    ],
)
def test_honest_sites_are_not_warned_of(soils, topic):
    """Order without drift, drift without order, a tenth below detection and twenty groups raise nothing."""
    site = Site(site="mine", target_data="files", spectra="a", laboratory="b", source="twin")
    findings = quality.check_soils(soils, site)
    assert not [one for one in findings if one.level in ("warning", "problem") and one.topic in topic]


def test_near_twins_share_a_group_with_the_groups_of_both():
    """Twins merge the groups that they join and are noted; without twins nothing changes."""
    soils = doubled(n=30)
    assert find_near_twins(soils.reflectance).tolist() == np.repeat(np.arange(30), 2).tolist()
    groups = np.where(np.arange(60) == 1, "far", np.arange(60) // 4).astype(str)
    merged = replace(soils, samples=soils.samples.assign(group=groups)).group_near_twins()
    assert merged.samples["group"].nunique() == 15
    assert len(set(merged.samples["group"].iloc[:4])) == 1
    assert merged.provenance.notes[-1].startswith("near twins, kept in one group: 0 = 1, 2 = 3")
    assert grouped(*[6] * 10).group_near_twins().samples["group"].nunique() == 10
    assert "group" not in SOILS.group_near_twins().samples


def test_one_of_five_measured_fields_has_a_pair_of_near_twins():
    """SC.93's double entry is noted and cannot be split; the 460 soils of SSP.460 are all single."""
    study = Study.load("sc93")
    sizes = pd.Series(study.groups).value_counts()
    assert sizes[sizes > 1].to_dict() == {"SC.93-080": 2}
    assert "near twins, kept in one group: SC.93-080 = SC.93-081" in study.target.provenance.notes
    assert Study.load("ssp460").groups is None


@pytest.mark.parametrize("n", [7, 12])
def test_the_report_refuses_what_the_checks_refuse(tmp_path, monkeypatch, n):
    """Too few soils stop the report with the checks' own words, before anything is executed."""
    monkeypatch.chdir(tmp_path)
    user_site.write_project(tmp_path, n=n)
    monkeypatch.setattr(workflow, "execute", lambda *_, **__: pytest.fail("something was trained"))
    result = CliRunner().invoke(app, ["report", "mine"])
    assert result.exit_code == 1
    assert result.output.startswith(f"problem: samples: {n} of {n} soils have Pb_mg_kg: too few")


@pytest.mark.parametrize("kind", ["twins, noise", "12 groups, noise", "24 groups, noise"])
def test_no_skill_is_claimed_on_noise(monkeypatch, kind):
    """Whole groups are drawn: noise is not said to be predictable, as it is where soils are drawn."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import false_claims

    monkeypatch.setattr(false_claims, "KEYS", ["pls", "ridge"])
    found, naive = (
        pd.DataFrame([false_claims.judge(kind, seed, together=known) for seed in (1, 2)])
        for known in (True, False)
    )
    assert not found["claims"].any()
    assert naive["claims"].any()
    assert found["coverage"].mean() > naive["coverage"].mean()


@pytest.mark.parametrize("site", ["cv98", "sc93", "gejiu"])
def test_soils_do_not_depend_on_threads(site):
    """One hash of the soils, whatever the number of threads."""
    hashes = set()
    for threads in (1, 2):
        with threadpool_limits(threads):
            hashes.add(Study.load(site).target.sha256())
    assert len(hashes) == 1


def test_fits_and_distances_do_not_depend_on_threads():
    """A fitted model and T² have the same bits, whatever the number of threads."""
    X, made = np.tile(SOILS.reflectance, (8, 1)) + 0.01 * RNG.standard_normal((480, 206)), []
    for threads in (1, 2):
        with threadpool_limits(threads):
            pls = fit_model(PLSRegression(5), X, X[:, 0])
            made.append((pls.coef_.tobytes(), quality.measure_distances_within(X).table.to_numpy().tobytes()))
    assert made[0] == made[1]
