"""Columns of numbers and tables as programs export them: each gives the spectra that were written."""

import numpy as np
import pytest

from soilpb.readers.formats import find_format
from soilpb.readers.site import read_site, read_spectra
from soilpb.site_file import SiteError
from soilpb.spectra import absorbance
from tests.instrument_files import NM, SOIL, write_columns
from tests.site_files import soil_spectra, write

SOILS = soil_spectra(3, NM)
PER_CM = 1e7 / NM
VIEWSPEC = (
    "Text conversion of header file C:\\soils\\S1.asd\n----\nNew ASD spectrum file: Program version = 6.00\n"
    "VNIR integration time : 34\nxmin = 350  xmax= 2500\nSpectrum file is reflectance data\n\n"
)
OCEAN = (
    "SpectraSuite Data File\n++++\nNumber of Pixels in File: 431\n>>>>>Begin Processed Spectral Data<<<<<\n"
)
ONE = {
    "OPUS, absorbance": (absorbance(SOIL), PER_CM, {"mark": ","}),
    "OPUS, reflectance": (SOIL, PER_CM, {}),
    "OPUS, percent": (100 * SOIL, PER_CM, {"mark": "   "}),
    "micrometres": (SOIL, NM / 1000, {"mark": ";"}),
    "descending": (SOIL[::-1], NM[::-1], {"mark": ","}),
    "ViewSpec Pro with its header": (SOIL, NM, {"above": VIEWSPEC + "Wavelength\tS1.asd\n"}),
    "SpectraSuite": (100 * SOIL, NM, {"above": OCEAN}),
    "log 1/R": (absorbance(SOIL), NM, {"above": "Exported\nWavelength (nm)\tlog(1/R)\n"}),
    "spaces": (SOIL, NM, {"above": "Wavelength   Reflectance\n", "mark": "   "}),
}
SEVERAL = {
    "ViewSpec Pro": (SOILS, NM, {"above": VIEWSPEC + "Wavelength\tS1.asd\tS2.asd\tS3.asd\n"}),
    "Spectragryph": (100 * SOILS, NM, {"above": "Wavelength [nm]\tS1\tS2\tS3\n"}),
    "Spectragryph, commas": (SOILS, NM, {"above": '"Wavelength [nm]","S1","S2","S3"\n', "mark": ","}),
    "unit in the second row": (SOILS, PER_CM, {"above": "Wavenumber\tS1\tS2\tS3\ncm-1\t\t\t\n"}),
    "µm in the second row": (SOILS, NM / 1e3, {"above": "Wavelength,S1,S2,S3\nµm,,,\n", "mark": ","}),
    "% in the second row": (
        100 * SOILS,
        NM,
        {"above": "Wavelength,S1,S2,S3\n(nm),(%),(%),(%)\n", "mark": ","},
    ),
}


@pytest.mark.parametrize("suffix", ["dpt", "txt", "csv"])
@pytest.mark.parametrize(("values", "axis", "options"), ONE.values(), ids=ONE)
def test_two_columns_are_a_spectrum(tmp_path, values, axis, options, suffix):
    """Whatever the program, mark, unit and suffix, the same reflectance comes out."""
    soils = read_spectra(write_columns(tmp_path / f"S1.{suffix}", values, axis, **options))
    assert soils.samples.index.tolist() == ["S1"]
    np.testing.assert_allclose(soils.reflectance[0], np.interp(soils.wavelengths, NM, SOIL), atol=2e-5)


@pytest.mark.parametrize(("values", "axis", "options"), SEVERAL.values(), ids=SEVERAL)
def test_further_columns_are_further_spectra(tmp_path, values, axis, options):
    """Each column is a sample under its name, without the suffix of the file it was."""
    soils = read_spectra(
        write_columns(tmp_path / "all.txt", values, axis, **options), known={"S1", "S2", "S3"}
    )
    assert soils.samples.index.tolist() == ["S1", "S2", "S3"]
    np.testing.assert_allclose(soils.reflectance, SOILS, atol=2e-5)


@pytest.mark.parametrize(("mark", "axis"), [("\t", NM), (",", NM), (";", PER_CM)])
def test_rows_with_quoted_names_are_spectra(tmp_path, mark, axis):
    """The Unscrambler writes samples in rows, with names in quotes and an empty corner."""
    rows = ['""' + mark + mark.join(f'"{w:.4f}"' for w in axis)]
    rows += [f'"S{i}"{mark}' + mark.join(f"{x:.6f}" for x in soil) for i, soil in enumerate(SOILS)]
    (tmp_path / "u.txt").write_text("\n".join(rows))
    soils = read_spectra(tmp_path / "u.txt")
    assert soils.samples.index.tolist() == ["S0", "S1", "S2"]
    np.testing.assert_allclose(soils.reflectance, SOILS, atol=2e-5)


@pytest.mark.parametrize("suffix", ["txt", "dat", "asc", "csv"])
def test_exports_of_a_folder_are_read(tmp_path, suffix):
    """Under any usual suffix, a table of one soil is named after its file; remarks are left aside."""
    write_columns(tmp_path / f"S1.{suffix}", 100 * SOIL, NM, above="Wavelength [nm]\tReflectance [%]\n")
    (tmp_path / "rain.dat").write_text("rain")
    soils = read_spectra(tmp_path)
    assert soils.samples.index.tolist() == ["S1"]
    np.testing.assert_allclose(soils.reflectance[0], SOIL, atol=2e-5)


def test_decimal_commas_are_read(tmp_path):
    """A German .dpt."""
    path = write_columns(tmp_path / "S1.dpt", SOIL, NM)
    path.write_text(path.read_text().replace(".", ","))
    np.testing.assert_allclose(read_spectra(path).reflectance[0], SOIL, atol=2e-6)


@pytest.mark.parametrize(
    ("values", "options", "says"),
    [
        (SOIL, {"above": "x\nWavelength\tTransmittance\n"}, "holds transmittance"),
        (np.gradient(SOIL), {"above": "x\nWavelength\t1st derivative\n"}, "holds a derivative"),
        (30_000 * SOIL, {"above": "x\nWavelength\tCounts\n"}, "raw counts without a white reference"),
        (SOILS, {}, "3 columns of values without names"),
        (absorbance(SOIL), {"nm": np.linspace(4000, 600, NM.size)}, "mid-infrared"),
    ],
)
def test_other_columns_are_refused(tmp_path, values, options, says):
    """Words above, a missing header and another range are named."""
    with pytest.raises(SiteError, match=f"s.dpt.*{says}"):
        read_spectra(write_columns(tmp_path / "s.dpt", values, **options))


@pytest.mark.parametrize("spoil", ["S1,x", "500.0", "500.0\t0.2\t0.3"])
def test_a_row_that_is_none_is_named(tmp_path, spoil):
    """A row of other length, or a word in it, is refused with its number."""
    path = write_columns(tmp_path / "s.dpt")
    lines = path.read_text().splitlines()
    lines[99] = spoil
    path.write_text("\n".join(lines))
    with pytest.raises(SiteError, match=r"s\.dpt, row 100"):
        read_spectra(path)


def test_a_laboratory_table_is_no_spectrum(tmp_path):
    """Numbers that ascend below a title are not taken for wavelengths."""
    rows = [["Results of 2020"], ["id", "Pb", "Zn"], *([401 + i, i + 3, 2 * i] for i in range(30))]
    assert find_format(write(tmp_path / "lab.csv", rows)) is None


def test_files_of_both_kinds_make_a_site(tmp_path):
    """A folder of .dpt and .spc is read with its laboratory table."""
    from tests.instrument_files import write_spc

    (tmp_path / "scans").mkdir()
    for i, soil in enumerate(SOILS):
        writer = write_spc if i else write_columns
        writer(tmp_path / "scans" / f"S{i}.{'spc' if i else 'dpt'}", soil, NM)
    lab = write(tmp_path / "lab.csv", [["id", "Pb (mg/kg)"], *([f"S{i}", 10 + i] for i in range(3))])
    soils = read_site(tmp_path / "scans", lab, target="Pb_mg_kg")
    np.testing.assert_allclose(soils.reflectance, SOILS, atol=2e-6)
