"""Spectral Evolution and Spectra Vista files: percent or fraction, each wavelength once."""

import re

import numpy as np
import pandas as pd
import pytest

from soilpb.readers.formats import text
from soilpb.readers.site import read_spectra
from soilpb.site_file import SiteError
from soilpb.spectra import Provenance, SoilSpectra
from tests.cases import case
from tests.instrument_files import (
    FOLDER,
    NM,
    SOIL,
    needs_real_files,
    read_instrument,
    to_reflectance,
    write_sed,
    write_svc,
)
from tests.site_files import soil_spectra


@pytest.mark.parametrize(
    ("options", "quantity"),
    [
        ({}, "percent"),
        ({"unit": " [1.0]", "factor": 1.0}, "fraction"),
        ({"unit": ""}, "percent"),
        ({"unit": "", "factor": 1.0}, "fraction"),
        ({"comma": True}, "percent"),
        ({"columns": {"Rad. (Ref.)": np.full(NM.size, 900.0), "Rad. (Target)": 900 * SOIL}}, "fraction"),
    ],
    ids=["percent", "fraction", "percent by value", "fraction by value", "decimal commas", "two radiances"],
)
def test_sed_reflectance_is_read_in_its_unit(tmp_path, options, quantity):
    """Whatever the file's unit, the same reflectance comes out."""
    scan = read_instrument(write_sed(tmp_path / "s.sed", **options))
    assert scan.quantity == quantity
    nm, reflectance = to_reflectance(scan)
    np.testing.assert_allclose(nm, NM)
    np.testing.assert_allclose(reflectance, SOIL, atol=6e-5)


def test_reflectance_counts_before_radiance(tmp_path):
    """Of several columns, that of reflectance is read."""
    columns = {"Rad. (Ref.)": SOIL * 9, "Rad. (Target)": SOIL, "Reflect. %": 100 * SOIL}
    scan = read_instrument(write_sed(tmp_path / "s.sed", columns=columns))
    np.testing.assert_allclose(scan.values, 100 * SOIL, atol=6e-5)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"channels": 500}, r"431 rows of values, but its header says 500 channels"),
        ({"columns": {"Rad. (Ref.)": SOIL}}, "no reflectance but 'Wvl', 'Rad. (Ref.)'"),
        ({"columns": {"Rad. (Target)": SOIL}}, "radiance without a white reference"),
        ({"columns": {"DN (Ref.)": 0 * SOIL, "DN (Target)": SOIL}}, "white reference is 0"),
        ({"unit": "", "factor": 0.02}, "far too dark"),
    ],
)
def test_what_is_no_reflectance_is_refused(tmp_path, options, says):
    """Missing rows, one radiance alone, a dark reference and an unknown unit name the file."""
    with pytest.raises(SiteError, match=r"s\.sed.*" + re.escape(says)):
        to_reflectance(read_instrument(write_sed(tmp_path / "s.sed", **options)))


@needs_real_files
def test_a_real_sed_file_is_read_to_its_own_numbers():
    """Bands, values and instrument are those that the file prints."""
    scan = read_instrument(FOLDER / "sed_csiro_example.sed")
    assert (scan.axis[0], scan.axis[-1], scan.axis.size) == (350, 2500, 2151)
    np.testing.assert_array_equal(scan.values[:3], [9.4758, 9.3972, 9.2851])  # noqa: PD011
    assert (scan.quantity, scan.instrument) == ("percent", "Spectral Evolution PSR+3500_SN15B6069 [3]")


def soils(n):
    samples = pd.DataFrame(index=[f"{i:02d}-1" for i in range(n)])
    about = Provenance(name="few", kind="measured", instrument="none")
    return SoilSpectra(NM, soil_spectra(n, NM).astype(np.float32), samples, about)


@pytest.mark.parametrize("n_scans", [1, 3])
def test_scans_average_to_the_soil(tmp_path, n_scans):
    """Scans of one soil differ, and their mean is its spectrum under its id; one alone has no counter."""
    few = soils(4)
    folder = text.write_scans(tmp_path / "scans", few, n_scans=n_scans)
    assert len({path.read_text() for path in folder.iterdir()}) == 4 * n_scans
    found = read_spectra(folder, replicates="mean", known=few.samples.index if n_scans > 1 else ())
    assert list(found.samples.index) == list(few.samples.index)
    np.testing.assert_allclose(found.reflectance, few.reflectance, atol=2e-6)


OVERLAPPING = np.concatenate([np.arange(350, 1011, 5), np.arange(975, 1911, 5), np.arange(1885, 2501, 5.0)])


@pytest.mark.parametrize(("factor", "quantity"), [(100.0, "percent"), (1.0, "fraction")])
def test_reflectance_is_read_in_its_unit(tmp_path, factor, quantity):
    """Percent and fraction are told by target / reference; splices are those of the header."""
    scan = read_instrument(write_svc(tmp_path / "s.sig", factor=factor))
    assert (scan.quantity, scan.splices) == (quantity, (990, 1900))
    np.testing.assert_allclose(to_reflectance(scan)[1], SOIL, atol=6e-5)


def test_overlapping_detectors_are_resolved(tmp_path):
    """Each overlap is cut in its middle, so that bands ascend and every detector keeps its own."""
    values = np.interp(OVERLAPPING, NM, SOIL)
    scan = read_instrument(write_svc(tmp_path / "s.sig", values, OVERLAPPING, overlap="Preserve"))
    assert scan.splices == (992.5, 1897.5)
    assert "overlapping detectors cut at 992.5 nm" in scan.notes[0]
    nm, reflectance = to_reflectance(scan)
    np.testing.assert_array_equal(nm, np.arange(350, 2501, 5.0))
    np.testing.assert_allclose(reflectance, np.interp(nm, NM, SOIL), atol=6e-5)


def moved(rows):
    rows.insert(300, rows.pop(120))


def swapped(rows):
    rows[50], rows[51] = rows[51], rows[50]


def repeated(rows):
    rows[200:200] = rows[150:170]


def cut(rows):
    del rows[400:]


@pytest.mark.parametrize("spoil", [moved, swapped, repeated, cut])
@pytest.mark.parametrize("writer", [write_svc, write_sed])
def test_rows_out_of_place_are_refused(tmp_path, writer, spoil):
    """No band is lost to rows that were moved, repeated, or cut off at a line's end."""
    path = writer(tmp_path / "s.x")
    lines = path.read_text().splitlines()
    rows = lines[-NM.size :]
    spoil(rows)
    path.write_text("\n".join([*lines[: -NM.size], *rows]) + "\n")
    with pytest.raises(SiteError, match=r"s\.x.*(go back|out of order|twice|cut off|channels)"):
        to_reflectance(read_instrument(path))


@needs_real_files
def test_a_real_file_is_read_to_its_own_numbers():
    """Bands, values, splices and instrument are those that the file prints."""
    scan = read_instrument(FOLDER / "svc_gr070214_003.sig")
    np.testing.assert_array_equal(scan.axis[:3], [337.9, 339.3, 340.8])
    np.testing.assert_array_equal(scan.values[:3], [8.73, 0.78, 3.25])  # noqa: PD011
    assert (scan.quantity, scan.splices) == ("percent", (985, 1906))
    assert (np.diff(scan.axis) > 0).all()
    assert "HR-1024i" in scan.instrument


LAMP = np.round(1000 + 800 * np.sin(NM / 400), 2)
OLD_NAMES = ("Tgt./Ref. %", "Tgt/Ref %", "Target/Reference %", "Refl. %", "Reflectance (%)", "Reflect [%]")


def sed(path, columns, **header):
    """A ``.sed`` file with further lines in its header."""
    write_sed(path, columns=columns)
    lines = "".join(f"{name}: {value}\n" for name, value in header.items())
    path.write_text(path.read_text().replace("Channels:", f"{lines}Channels:", 1))
    return path


@pytest.mark.parametrize("name", [*OLD_NAMES, "case"])
def test_reflectance_is_found_under_older_names(tmp_path, name):
    """The ratio that earlier versions called otherwise is percent reflectance."""
    if name == "case":
        path = case("sed-target-over-reference") / "S1.sed"
        truth = np.loadtxt(path.parent / "truth.dat", delimiter=",", skiprows=1)[:, 1]
    else:
        path, truth = sed(tmp_path / "s.sed", {name: 100 * SOIL}), SOIL
    np.testing.assert_allclose(to_reflectance(read_instrument(path))[1], truth, atol=6e-5)


@pytest.mark.parametrize(
    ("white", "target", "integration"),
    [
        ({"Irrad. (Ref.)": np.pi * LAMP}, {"Rad. (Target)": LAMP * SOIL}, ""),
        ({"Irrad. (Ref.)": LAMP}, {"Irrad. (Target)": LAMP * SOIL}, ""),
        ({"Norm. DN (Ref.)": LAMP}, {"Norm. DN (Target)": LAMP * SOIL}, "7,8,8,50,50,8"),
        ({"Raw DN (Ref.)": LAMP}, {"Raw DN (Target)": 2 * LAMP * SOIL}, "7,8,8,14,16,16"),
        ({"Counts (Ref.)": LAMP}, {"Counts (Target)": LAMP * SOIL}, "7,8,8,7,8,8"),
        ({"case": 0}, {}, ""),
    ],
)
def test_units_and_times_of_target_and_reference_count(tmp_path, white, target, integration):
    """Radiance over irradiance and counts of other times give the same reflectance."""
    if "case" in white:
        path = case("sed-irradiance-reference") / "S1.sed"
        truth = np.loadtxt(path.parent / "truth.dat", delimiter=",", skiprows=1)[:, 1]
    else:
        path, truth = sed(tmp_path / "s.sed", white | target, Integration=integration), SOIL
    found = read_instrument(path)
    np.testing.assert_allclose(to_reflectance(found)[1], truth, atol=1e-4)
    assert found.notes[-1].startswith("reflectance is ")


@pytest.mark.parametrize(
    ("columns", "header", "says"),
    [
        (("Rad. (Ref.)", "Irrad. (Target)"), {}, "irradiance cannot be divided by radiance"),
        (
            ("DN (Ref.)", "Rad. (Target)"),
            {"Integration": "1,1,1,1,1,1"},
            "radiance cannot be divided by raw counts",
        ),
        (("DN (Ref.)", "DN (Target)"), {}, "does not say how long"),
        (("DN (Ref.)", "DN (Target)"), {"Integration": "7,8,8,50,50,8"}, "or where they meet"),
        (("Reflect. %", "Reflect. %\t"), {}, "two columns of one name|rows of values|no row of"),
        (("Reflect. %", "Reflectance %"), {}, "several reflectances"),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path, columns, header, says):
    """Units that are no ratio, unknown times, and two reflectances that differ."""
    with pytest.raises(SiteError, match=f"s.sed.*({says})"):
        read_instrument(
            sed(tmp_path / "s.sed", dict(zip(columns, (LAMP, LAMP * SOIL), strict=True)), **header)
        )


@pytest.mark.parametrize(
    ("name", "axis"), [("Wvl (um)", NM / 1e3), ("Wavenumber (cm-1)", 1e7 / NM), ("Wavelength", NM)]
)
def test_the_axis_of_a_sed_file_may_be_in_other_units(tmp_path, name, axis):
    """Micrometres and wavenumbers are told by the name, or by their size."""
    for called in (name, "Wvl"):
        path = write_sed(tmp_path / "s.sed", nm=axis)
        path.write_text(path.read_text().replace("Wvl\t", f"{called}\t"))
        nm, reflectance = to_reflectance(read_instrument(path))
        np.testing.assert_allclose(reflectance, np.interp(nm, NM, SOIL), atol=3e-3)


def svc(
    path, white, target, stored=None, units="", integration="", nm=NM, overlap="Remove @ 990,1900", **header
):
    """A ``.sig`` file of counts or radiance, with or without stored reflectance in percent."""
    header = {"instrument": "HI: 1 (HR-1024i)", "units": units, "integration": integration, **header}
    lines = [
        "/*** Spectra Vista SIG Data ***/",
        *(f"{name}= {value}" for name, value in header.items() if value),
    ]
    lines += [f"factors= 1, 1, 1 [Overlap: {overlap}, Matching Type: None]", "data= "]
    table = np.column_stack([nm, white, target, *([] if stored is None else [stored])])
    path.write_text("\n".join([*lines, *("  ".join(f"{x:.4f}" for x in row) for row in table)]) + "\n")
    return path


BRIGHT = 10 * LAMP
LONGER = np.where((NM > 990) & (NM <= 1900), 1, 2)
TIMES = "100, 40, 10, 200, 40, 20"


@pytest.mark.parametrize(
    ("white", "target", "stored", "units", "times"),
    [
        (np.pi * BRIGHT, BRIGHT * SOIL, 100 * SOIL / np.pi, "Irradiance, Radiance", TIMES),
        (np.pi * BRIGHT, BRIGHT * SOIL, 100 * SOIL, "Irradiance, Radiance", ""),
        (np.pi * BRIGHT, BRIGHT * SOIL, None, "Irradiance, Radiance", ""),
        (BRIGHT, BRIGHT * SOIL, 100 * SOIL, "Radiance, Radiance", TIMES),
        (BRIGHT, BRIGHT * SOIL * LONGER, 100 * SOIL, "Counts, Counts", TIMES),
        (BRIGHT, BRIGHT * SOIL * LONGER, None, "Counts, Counts", TIMES),
        (BRIGHT, BRIGHT * SOIL, 100 * SOIL, "Counts, Counts", ""),
    ],
)
def test_units_and_times_of_a_sig_file_count(tmp_path, white, target, stored, units, times):
    """Whatever beams hold and whether reflectance is stored, it is the soil's."""
    found = read_instrument(svc(tmp_path / "s.sig", white, target, stored, units, times))
    np.testing.assert_allclose(to_reflectance(found)[1], SOIL, atol=1e-4)


@pytest.mark.parametrize(
    ("target", "stored", "units", "times", "says"),
    [
        (
            BRIGHT * SOIL * LONGER,
            100 * SOIL * LONGER,
            "Counts, Counts",
            TIMES,
            "not counts per ms of target",
        ),
        (BRIGHT * SOIL, None, "Counts, Counts", "", "does not say how long"),
        (BRIGHT * SOIL, 100 * SOIL, "Radiance, Counts", TIMES, "raw counts cannot be divided by radiance"),
    ],
)
def test_a_sig_file_that_leaves_it_open_is_refused(tmp_path, target, stored, units, times, says):
    """Counts without times, with times that stored reflectance leaves out, or over radiance."""
    with pytest.raises(SiteError, match=rf"s\.sig.*{says}"):
        read_instrument(svc(tmp_path / "s.sig", BRIGHT, target, stored, units, times))


@pytest.mark.parametrize("steps", [(1, 1, 1), (1, 1.05, 1.02), (1, 1.003, 1)])
def test_steps_are_those_of_the_overlaps(tmp_path, steps):
    """What detectors measured twice tells their step; without one the spectrum stays as it was."""
    detector = np.cumsum(np.r_[0, np.diff(OVERLAPPING) <= 0])
    values = np.interp(OVERLAPPING, NM, SOIL) * np.array(steps)[detector]
    path = svc(
        tmp_path / "s.sig", 9e3 + 0 * values, 9e3 * values, 100 * values, nm=OVERLAPPING, overlap="Preserve"
    )
    soils = read_spectra(path)
    np.testing.assert_allclose(soils.reflectance[0], np.interp(soils.wavelengths, NM, SOIL), rtol=3e-4)


def test_a_spectrum_without_a_step_stays(tmp_path):
    """A moist soil beside the water band, on uneven bands whose overlaps the file has, is not scaled."""
    path = case("svc-no-step") / "S1.sig"
    truth = np.loadtxt(path.parent / "truth.dat", delimiter=",", skiprows=1)
    soils = read_spectra(path)
    np.testing.assert_allclose(soils.reflectance[0], np.interp(soils.wavelengths, *truth.T), atol=1e-3)


def test_what_headers_say_is_used(tmp_path):
    """A saturated detector and an old white reference are said with the file's name; places are kept."""
    gps = {"longitude": "10446.6W, 10446.6W", "latitude": "4030.6N, 4030.6N"}
    time = "7/2/2014 11:01:00 AM, 7/2/2014 1:02:21 PM"
    (tmp_path / "a").mkdir()
    svc(tmp_path / "a" / "S1.sig", BRIGHT, BRIGHT * SOIL, 100 * SOIL, time=time, **gps)
    raw = {"Raw DN (Ref.)": 60_000 + 0 * NM, "Raw DN (Target)": np.minimum(65_535, 6e5 * SOIL)}
    place = {"Longitude": "150.1", "Latitude": "-30.25", "Comment": "S2", "Integration": "10,10,10,40,40,40"}
    sed(tmp_path / "a" / "x_9.sed", raw, **place)
    soils = read_spectra(tmp_path / "a", known={"S1", "S2"}, replicates="mean")
    assert soils.samples.index.tolist() == ["S1", "S2"]
    np.testing.assert_allclose(soils.samples[["x", "y"]], [[-104.776667, 40.51], [150.1, -30.25]], atol=1e-6)
    noted = " ".join(soils.provenance.notes)
    assert "x_9.sed: saturated (detector of 350–2500 nm)" in noted
    assert "S1.sig: its white reference is 121 minutes older" in noted
