"""A site file from a folder and a table: what is seen is not asked, and nothing half is written."""

import numpy as np
import pytest

from soilpb import quality
from soilpb.readers.libraries import limesoda
from soilpb.readers.site import read_measured
from soilpb.readers.tables import read_table
from soilpb.report.new_site import (
    SOURCE_BANDS,
    STEP,
    common_bands,
    find_target,
    free_path,
    propose_site,
    write_site,
)
from soilpb.site_file import SiteError, load_site_file
from soilpb.spectra import band_grid
from tests import instrument_files as files
from tests.site_files import soil_spectra, write

N = 24
IDS = [f"P{i:02d}" for i in range(N)]
RNG = np.random.default_rng(3)
NM = np.arange(350.0, 2501.0, 5.0)
SPECTRA = soil_spectra(N, NM) * np.exp(3e-4 * RNG.standard_normal((N, NM.size)))
LEAD = [f"{value:.1f}" for value in RNG.lognormal(5, 0.7, N)]


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A project with a folder of two ASD scans a sample, and a laboratory table."""
    (tmp_path / "notebooks" / "sites").mkdir(parents=True)
    scans = tmp_path / "data" / "mine" / "scans"
    scans.mkdir(parents=True)
    for name, spectrum in zip(IDS, SPECTRA, strict=True):
        for k in (0, 1):
            files.write_asd(scans / f"{name}_{k}.asd", spectrum * (1 + 0.01 * k), splices=(0, 0))
    lab(tmp_path / "data" / "mine")
    monkeypatch.chdir(tmp_path)
    # That the source covers the proposed bands is tested once, below: reading it takes two seconds.
    monkeypatch.setattr(quality, "_check_source", lambda site: [])
    return tmp_path / "data" / "mine"


def lab(folder, header="Pb (g/kg)", *more):
    """Write the laboratory's table, with further columns of ones."""
    rows = [[i, pb, *("1" for _ in more)] for i, pb in zip(IDS, LEAD, strict=True)]
    return write(folder / "lab.csv", [["Sample No.", header, *more], *rows])


def propose(mine, **options):
    return propose_site("mine", mine / "scans", mine / "lab.csv", **options)


def test_what_can_be_seen_is_not_asked(mine):
    """Ids, scans, column, unit, scale and bands are recognised; the file says only what is needed."""
    proposal = propose(mine)
    assert proposal.keys == {
        "site": "mine",
        "title": "mine (measured)",
        "target_data": "files",
        "spectra": "data/mine/scans",
        "laboratory": "data/mine/lab.csv",
        "replicates": "mean",
        "instrument": "ASD FS FR 4139",
    }
    understood = dict(proposal.understood)
    assert understood["spectra"] == "48 scans of 24 samples, from 48 files"
    assert understood["target"] == "column 'Pb (g/kg)' is Pb_mg_kg, modelled on the log scale"
    assert "problem" not in [finding.level for finding in proposal.findings]


def test_the_file_that_is_written_is_read(mine):
    """The site file loads, and its soils are the user's: mean spectra, lead in mg/kg."""
    path = write_site(propose(mine))
    soils = read_measured(load_site_file(path))
    np.testing.assert_allclose(soils.reflectance, 1.005 * SPECTRA, rtol=1e-4)
    np.testing.assert_allclose(soils.values("Pb_mg_kg"), 1000 * np.array(LEAD, float))


def test_a_site_file_is_not_overwritten_unless_told(mine):
    """A second site of one name is refused, and the first stays as it is, unless forced."""
    path = write_site(propose(mine))
    path.write_text(path.read_text() + "seed: 7\n")
    before = path.read_text()
    with pytest.raises(SiteError, match="is there already.*--force"):
        write_site(propose(mine))
    assert path.read_text() == before
    write_site(propose(mine), force=True)
    assert "seed" not in path.read_text()
    assert [p.name for p in path.parent.iterdir()] == ["mine.yml"]


@pytest.mark.parametrize("name", ["x.yml", "x.yaml", "../up", "a b", "x\n", "", "n" * 200])
def test_what_is_no_name_is_refused_before_files_are_read(mine, name):
    """The name of the file, a path or a sentence is not the name of a site (case site_name_yml)."""
    with pytest.raises(SiteError, match="soilpb new-site: site is .*(letters, digits and dashes|60 char)"):
        free_path(name)


def test_a_site_that_no_study_could_use_is_not_written(mine):
    """Too few soils are said, and no file is left behind."""
    for path in sorted((mine / "scans").iterdir())[10:]:
        path.unlink()
    with pytest.raises(SiteError, match="5 of 5 soils have Pb_mg_kg: too few"):
        write_site(propose(mine))
    assert list((mine.parents[1] / "notebooks" / "sites").iterdir()) == []


@pytest.mark.parametrize(
    ("headers", "target", "unit", "expected"),
    [
        (["Pb (ppm)"], "Pb", "", ("Pb_mg_kg", "")),
        (["Pb"], "lead", "mg/kg", ("Pb_mg_kg", "")),
        (["clay (%)"], "clay", "", ("clay_pct", "")),
        (["pH"], "pH", "", ("pH", "")),
        (["Pb (ppm)", "Pb (%)"], "pb (%)", "", ("Pb_mg_kg", "Pb (%)")),
    ],
)
def test_the_target_is_named_as_studies_name_it(tmp_path, headers, target, unit, expected):
    """Element and unit become one name; a column's whole name tells it among others."""
    assert find_target(read_table(lab(tmp_path, *headers)), target, unit) == expected


@pytest.mark.parametrize(
    ("headers", "unit", "says"),
    [
        (["Zn (ppm)"], "", "no column for the target Pb_mg_kg; it has: 'Sample No.', 'Zn .ppm.'; .*--target"),
        (["Pb (ppm)", "Pb (%)"], "", "'Pb .ppm.', 'Pb .%.' could all be Pb_mg_kg; .*--target 'Pb .ppm.'"),
        (["Pb"], "", "the header says no unit.*--unit"),
        (["Pb (mg/L)"], "mg/kg", "the unit 'mg/L' is none that converts"),
    ],
)
def test_a_target_that_cannot_be_inferred_is_asked_for(mine, headers, unit, says):
    """No column, two columns and a unit that is not known name the option that settles it."""
    with pytest.raises(SiteError, match=says):
        propose_site("mine", mine / "scans", lab(mine, *headers), "Pb", unit)


def test_the_bands_are_those_of_instrument_and_library():
    """Narrow instruments keep their own range; the default library covers the widest that is proposed."""
    assert common_bands(np.arange(360.0, 741.0)) == (430.0, 740.0)
    assert common_bands(np.arange(1000.0, 2501.0, 2)) == (1000.0, 2480.0)
    with pytest.raises(SiteError, match="too little in common"):
        common_bands(np.arange(300.0, 500.0))
    library = limesoda.load_fields(limesoda.FULL_RANGE_FIELDS, band_grid(*SOURCE_BANDS, STEP))
    assert library.wavelengths[[0, -1]].tolist() == list(SOURCE_BANDS)


def readings(folder, header, cells):
    """Write the laboratory's table with a sensor's readings beside its lead."""
    rows = [[i, pb, cell] for i, pb, cell in zip(IDS, LEAD, cells, strict=True)]
    write(folder / "lab.csv", [["Sample No.", "Pb (mg/kg)", header], *rows])


@pytest.mark.parametrize("header", ["Pb_XRF", "pXRF Pb", "Pb (XRF)", "Pb XRF (ppm)"])
def test_a_second_lead_column_becomes_a_sensor(mine, header):
    """A reading by XRF is seen, whatever it is called; what is below detection keeps its limit."""
    readings(mine, header, ["<20", "<LOD", "0", *LEAD[3:]])
    proposal = propose(mine)
    assert (proposal.site.target, proposal.keys["sensor"]) == ("Pb_mg_kg", "Pb_XRF_mg_kg")
    assert ("sensor", "Pb_XRF_mg_kg: 24 readings, 3 below detection") in proposal.understood
    least = -min(float(pb) for pb in LEAD[3:])
    found = read_measured(proposal.site).values("Pb_XRF_mg_kg")
    assert found[:4].tolist() == pytest.approx([-20, least, least, float(LEAD[3])])


def test_readings_in_percent_are_converted_or_refused(mine):
    """With its unit in the header a reading in percent is converted; without it is refused."""
    percent = [f"{float(pb) / 1e4:.6f}" for pb in LEAD]
    readings(mine, "Pb XRF (%)", percent)
    found = read_measured(propose(mine).site).values("Pb_XRF_mg_kg")
    np.testing.assert_allclose(found, [float(pb) for pb in LEAD], rtol=1e-2)
    readings(mine, "Pb XRF", percent)
    with pytest.raises(SiteError, match=r"Pb_XRF_mg_kg reads 0.0001 times .* header, such as 'Pb XRF \(%\)'"):
        propose(mine)
