"""A site's own files: both sides joined, everything converted on record, nothing changed on disk."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soilpb.readers.site import read_measured, read_site, read_spectra
from soilpb.site_file import Site, SiteError
from tests.cases import case
from tests.instrument_files import NM as INSTRUMENT_NM
from tests.instrument_files import write_asd
from tests.site_files import IDS, LEAD, NM, Folder, notes, soil_spectra, write


def test_a_plain_pair_of_files_is_read(folder):
    """Ids, wavelengths, reflectance and lead come out as written, with nothing to note but the column."""
    soils = folder.read(name="mine", instrument="ASD", licence="ours")
    assert list(soils.samples.index) == IDS
    np.testing.assert_array_equal(soils.wavelengths, NM)
    np.testing.assert_allclose(soils.reflectance, soil_spectra(), rtol=1e-5)
    np.testing.assert_array_equal(soils.values("Pb_mg_kg"), [12.5, 340, 55, 1200])
    assert soils.provenance.notes == ("Pb_mg_kg is column 'Pb (mg/kg)'",)
    assert (soils.provenance.name, soils.provenance.instrument) == ("mine", "ASD")


def test_spectra_and_laboratory_may_share_a_file(folder):
    """One wide table with laboratory columns beside the bands serves as both."""
    rows = [["id", "Pb_mg_kg", *NM]]
    rows += [[i, pb, *r] for i, pb, r in zip(IDS, LEAD, soil_spectra(), strict=True)]
    folder.spectra = folder.laboratory = write(folder.path / "all.csv", rows)
    soils = folder.read()
    np.testing.assert_array_equal(soils.values("Pb_mg_kg"), [12.5, 340, 55, 1200])
    assert soils.n_bands == NM.size


def test_ids_on_one_side_only_are_left_out_and_named(folder):
    """Only samples with both are read, in the order of the spectra, whatever the table's order."""
    folder.lab(["1", "2", "3", "4"], ids=["S4", "S2", "S9", "S1"])
    soils = folder.read()
    assert soils.samples["Pb_mg_kg"].to_dict() == {"S1": 4.0, "S2": 2.0, "S4": 1.0}
    np.testing.assert_allclose(soils.reflectance, soil_spectra()[[0, 1, 3]], rtol=1e-5)
    assert "1 samples without a laboratory row left out: S3" in notes(soils)
    assert "1 samples without a spectrum left out: S9" in notes(soils)


CELLS = st.sampled_from(
    ["S1", "S2", "007", "450", "0.3", "12,5", "1.234", "<5", "n.d.", "-9", "", "x;y", '"', "1e9"]
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.lists(CELLS, min_size=2, max_size=5), min_size=1, max_size=6),
    separator=st.sampled_from(",;\t"),
)
def test_any_laboratory_table_is_read_or_refused(tmp_path, rows, separator):
    """Random tables beside good spectra give soils with plausible lead, or one SiteError."""
    folder = Folder(tmp_path)
    write(folder.laboratory, [["id", "Pb_mg_kg", "pH", "x", "y"], *rows], separator=separator)
    with suppress(SiteError):
        soils = folder.read()
        assert np.nanmin(soils.values("Pb_mg_kg")) > 0
        assert soils.samples.index.isin(IDS).all()


def test_a_site_file_is_read_with_its_keys(folder, monkeypatch):
    """``read_measured`` takes paths below the project's root and every key of the site file."""
    (folder.path / "notebooks" / "sites").mkdir(parents=True)
    monkeypatch.chdir(folder.path)
    folder.lab(["<5", "340", "55", "1200"])
    site = Site(
        site="mine", target_data="files", spectra="spectra.csv", laboratory="lab.csv", below_detection="half"
    )
    soils = read_measured(site)
    assert soils.values("Pb_mg_kg")[0] == 2.5
    assert soils.provenance.name == "mine"
    with pytest.raises(SiteError, match="simulated"):
        read_measured(Site(site="gejiu", target_data="twin"))


def test_messages_show_paths_as_users_type_them(tmp_path, monkeypatch):
    """A file that a site file names from the project's root is named so in a message, too."""
    (tmp_path / "notebooks" / "sites").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    site = Site(site="mine", target_data="files", spectra="data/scans.csv", laboratory="data/lab.csv")
    with pytest.raises(SiteError, match=r"^data/lab.csv is not there"):
        read_measured(site)


@pytest.mark.parametrize("band", ["first", "last", "case"])
@pytest.mark.parametrize("unit", ["fraction", "percent"])
def test_noise_outside_the_study_stops_no_site(folder, band, unit):
    """A dark end of one soil is dropped and noted; the same within the study's range is refused."""
    if band == "case":
        path = case("noise-below-400")
        soils = read_site(path / "spectra.csv", path / "lab.csv", target="Pb_mg_kg")
        assert soils.n_samples == 24
        assert "-0.16 (reflectance) at 350 nm: noise outside the study's 430–2480 nm" in notes(soils)
        return
    nm = np.arange(350.0, 2501.0, 10.0)
    values = soil_spectra(nm=nm)
    values[2, 0 if band == "first" else -1] = -0.16
    folder.wide(values * (100 if unit == "percent" else 1), names=[f"{w:g}" for w in nm])
    soils = folder.read()
    np.testing.assert_array_equal(soils.wavelengths, nm[1:] if band == "first" else nm[:-1])
    assert "-0.16 (reflectance)" in notes(soils)
    assert "kept" in notes(soils)
    folder.refuse("spectra.csv, row 4", "at 350 nm" if band == "first" else "at 2500 nm", study=(350, 2500))


def test_noise_of_an_instrument_is_dropped_too(tmp_path):
    """Files whose first bands are dark are read, on the bands that all can give."""
    for i, spectrum in enumerate(soil_spectra(2, INSTRUMENT_NM)):
        dark = np.where(360 + 10 * i > INSTRUMENT_NM, -0.3, spectrum)
        write_asd(tmp_path / f"S{i}.asd", dark, splices=(0, 0))
    soils = read_spectra(tmp_path)
    assert soils.wavelengths[0] == 370
