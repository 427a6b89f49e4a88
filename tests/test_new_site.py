"""A site file from a folder and a table: what is seen is not asked, and nothing half is written."""

import numpy as np
import pytest

from soilpb import quality
from soilpb.readers.site import read_measured
from soilpb.report.new_site import propose_site, write_site
from soilpb.site_file import SiteError, load_site_file
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
    assert proposal.problems == []


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


def test_a_site_that_no_study_could_use_is_not_written(mine):
    """Too few soils are said, and no file is left behind."""
    for path in sorted((mine / "scans").iterdir())[10:]:
        path.unlink()
    with pytest.raises(SiteError, match="5 of 5 soils have Pb_mg_kg: too few"):
        write_site(propose(mine))
    assert list((mine.parents[1] / "notebooks" / "sites").iterdir()) == []
