"""A site's own files: read rightly, or refused in one message that says how to mend them."""

import datetime
import hashlib
from contextlib import suppress

import numpy as np
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soilpb.bands import absorbance
from soilpb.readers.site import read_measured, read_site
from soilpb.readers.tables import read_table
from soilpb.sitefile import Site, SiteError

NM = np.arange(400.0, 2500.0, 30.0)
IDS = ["S1", "S2", "S3", "S4"]
LEAD = ["12.5", "340", "55", "1200"]


def soil_spectra(n=4, nm=NM):
    """Reflectance that rises from the blue and dips at 1930 nm, brighter from soil to soil."""
    shape = 0.08 + 0.3 * (1 - np.exp(-(nm - 380) / 400)) - 0.08 * np.exp(-(((nm - 1930) / 60) ** 2))
    return np.linspace(0.6, 1.2, n)[:, None] * shape


def write(path, rows, separator=",", encoding="utf-8"):
    path.write_bytes("\n".join(separator.join(map(str, row)) for row in rows).encode(encoding))
    return path


def workbook(path, rows):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(list(row))
    book.save(path)
    return path


class Folder:
    """A folder with a good pair of files, of which a test spoils one."""

    def __init__(self, path):
        self.path = path
        self.spectra = self.wide(soil_spectra())
        self.laboratory = self.lab(LEAD)

    def wide(self, values, ids=IDS, names=None, name="spectra.csv", **dialect):
        """Write spectra, one a row."""
        names = [f"{w:g}" for w in NM] if names is None else names
        rows = [[i, *(f"{v:.6g}" for v in row)] for i, row in zip(ids, values, strict=True)]
        self.spectra = write(self.path / name, [["id", *names], *rows], **dialect)
        return self.spectra

    def lab(self, cells, ids=IDS, header="Pb (mg/kg)", name="lab.csv", **dialect):
        """Write a laboratory table of one column."""
        rows = [["id", header], *zip(ids, cells, strict=True)]
        self.laboratory = write(self.path / name, rows, **dialect)
        return self.laboratory

    def read(self, **options):
        """Read both files."""
        return read_site(self.spectra, self.laboratory, **{"target": "Pb_mg_kg", **options})


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def notes(soils):
    return " | ".join(soils.provenance.notes)


# -- what is read as it stands ---------------------------------------------------


def test_a_plain_pair_of_files_is_read(folder):
    """Ids, wavelengths, reflectance and lead come out as written, with nothing to note but the column."""
    soils = folder.read(name="mine", instrument="ASD", licence="ours")
    assert list(soils.samples.index) == IDS
    np.testing.assert_array_equal(soils.wavelengths, NM)
    np.testing.assert_allclose(soils.reflectance, soil_spectra(), rtol=1e-5)
    np.testing.assert_array_equal(soils.values("Pb_mg_kg"), [12.5, 340, 55, 1200])
    assert soils.provenance.notes == ("Pb_mg_kg is column 'Pb (mg/kg)'",)
    assert (soils.provenance.name, soils.provenance.instrument) == ("mine", "ASD")


@pytest.mark.parametrize(
    "spell",
    [
        *("{}", "{}.0", "wl_{}", "X{}", "X{}.0", "R{}", "spc.{}", "{}nm", "{} nm", "X{}.nm"),
        *("{},0", "Reflectance {} nm", "{}.0000e0", "scan_visnir.{}_ref"),
    ],
)
def test_any_usual_spelling_of_wavelengths_is_read(folder, spell):
    """Whatever stands around the number, the bands are the same."""
    separator = ";" if "," in spell else ","
    folder.wide(soil_spectra(), names=[spell.format(f"{w:.0f}") for w in NM], separator=separator)
    np.testing.assert_array_equal(folder.read().wavelengths, NM)


def test_fractional_wavelengths_keep_their_decimals(folder):
    """``X431.6`` is 431.6 nm, with a point as with a comma."""
    folder.wide(soil_spectra(), names=[f"X{w + 0.6:.1f}".replace(".", ",") for w in NM], separator=";")
    np.testing.assert_allclose(folder.read().wavelengths, NM + 0.6)


@pytest.mark.parametrize("separator", [";", "\t", "|", ","])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_separators_and_encodings_are_recognised(folder, separator, encoding):
    """Four separators in four encodings give the same soils, µ included."""
    folder.wide(soil_spectra(), separator=separator, encoding=encoding)
    folder.lab(LEAD, header="Pb (µg/g)", separator=separator, encoding=encoding)
    np.testing.assert_array_equal(folder.read().values("Pb_mg_kg"), [12.5, 340, 55, 1200])


def test_a_chinese_spreadsheet_export_is_read(folder):
    """Headers in GB 18030 are understood, and the guess is noted."""
    write(folder.laboratory, [["样品编号", "铅(mg/kg)"], *zip(IDS, LEAD, strict=True)], encoding="gb18030")
    soils = folder.read()
    np.testing.assert_array_equal(soils.values("Pb_mg_kg"), [12.5, 340, 55, 1200])
    assert "lab.csv is not UTF-8; read as gb18030" in notes(soils)


def test_semicolons_with_decimal_commas_are_read(folder):
    """A continental export gives the numbers it means, and says so."""
    rows = [["id", *(f"{w:g}" for w in NM)]]
    rows += [
        [i, *(f"{v:.4f}".replace(".", ",") for v in r)] for i, r in zip(IDS, soil_spectra(), strict=True)
    ]
    write(folder.spectra, rows, separator=";")
    folder.lab(["12,5", "340", "55,25", "1.200,5"], separator=";")
    soils = folder.read()
    np.testing.assert_allclose(soils.reflectance, soil_spectra(), atol=6e-5)
    np.testing.assert_array_equal(soils.values("Pb_mg_kg"), [12.5, 340, 55.25, 1200.5])
    assert "spectra.csv has decimal commas" in notes(soils)


def test_workbooks_are_read_like_text(folder):
    """XLSX files give the same soils; numeric ids lose their ``.0``; other sheets are noted."""
    values = soil_spectra()
    rows = [["Sample ID", *NM], *([float(i), *map(float, row)] for i, row in enumerate(values, 1))]
    folder.spectra = workbook(folder.path / "spectra.xlsx", rows)
    folder.laboratory = workbook(
        folder.path / "lab.xlsx",
        [["Sample", "Pb, mg/kg"], *([i, f * 10] for i, f in enumerate(range(1, 5), 1))],
    )
    book = openpyxl.load_workbook(folder.laboratory)
    book.create_sheet("methods").append(["ICP-MS"])
    book.save(folder.laboratory)
    soils = folder.read()
    assert list(soils.samples.index) == ["1", "2", "3", "4"]
    np.testing.assert_allclose(soils.reflectance, values, rtol=1e-6)
    assert "sheet 'Sheet' read, methods left aside" in notes(soils)


def test_a_file_is_known_by_its_content_not_its_name(folder):
    """A workbook named .csv and a CSV named .xlsx are read for what they are."""
    workbook(
        folder.laboratory, [["id", "Pb_mg_kg"], *([i, float(v)] for i, v in zip(IDS, LEAD, strict=True))]
    )
    folder.wide(soil_spectra(), name="spectra.xlsx")
    assert folder.read().n_samples == 4


def test_spectra_in_columns_are_turned(folder):
    """Wavelengths down the first column, as instruments export them, give the same soils."""
    values = soil_spectra()
    write(
        folder.spectra,
        [["Wavelength", *IDS], *([w, *column] for w, column in zip(NM, values.T, strict=True))],
    )
    soils = folder.read()
    assert list(soils.samples.index) == IDS
    np.testing.assert_allclose(soils.reflectance, values, rtol=1e-6)
    assert "read transposed" in notes(soils)


def test_spectra_and_laboratory_may_share_a_file(folder):
    """One wide table with laboratory columns beside the bands serves as both."""
    rows = [["id", "Pb_mg_kg", *NM]]
    rows += [[i, pb, *r] for i, pb, r in zip(IDS, LEAD, soil_spectra(), strict=True)]
    folder.spectra = folder.laboratory = write(folder.path / "all.csv", rows)
    soils = folder.read()
    np.testing.assert_array_equal(soils.values("Pb_mg_kg"), [12.5, 340, 55, 1200])
    assert soils.n_bands == NM.size


def test_companion_columns_come_along(folder):
    """pH, clay in g/kg, coordinates and plots are recognised, and the rest is named as left aside."""
    rows = [["id", "Pb [ppm]", "pH (H2O)", "Clay [g/kg]", "lon", "lat", "Plot", "Remark"]]
    rows += [[i, pb, 6.5, 250, 103.1, 23.3, "A", "wet"] for i, pb in zip(IDS, LEAD, strict=True)]
    write(folder.laboratory, rows)
    soils = folder.read()
    assert soils.samples.iloc[0].drop("Pb_mg_kg").to_dict() == {
        **{"pH": 6.5, "clay_pct": 25.0, "x": 103.1, "y": 23.3},
        **{"crs": "EPSG:4326", "group": "A"},
    }
    assert "laboratory columns left aside: 'Remark'" in notes(soils)


# -- units ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("unit", "convert"),
    [("percent", lambda r: 100 * r), ("absorbance", absorbance), ("fraction", lambda r: r)],
)
def test_the_unit_of_spectra_is_recognised_and_noted(folder, unit, convert):
    """Percent, absorbance and fraction give one reflectance, told or untold."""
    folder.wide(convert(soil_spectra()))
    for told in ("auto", unit):
        soils = folder.read(spectra_unit=told)
        np.testing.assert_allclose(soils.reflectance, soil_spectra(), rtol=1e-4)
        assert (f"reflectance from {unit} to fraction" in notes(soils)) == (unit != "fraction")


def test_a_near_infrared_instrument_is_told_by_its_water_band(folder):
    """From 1000 nm on there is no blue, yet absorbance is told from reflectance."""
    nm = np.arange(1000.0, 2500.0, 20.0)
    for convert in (absorbance, np.array):
        folder.wide(convert(soil_spectra(nm=nm)), names=[f"{w:g}" for w in nm])
        np.testing.assert_allclose(folder.read().reflectance, soil_spectra(nm=nm), rtol=1e-4)


@pytest.mark.parametrize(
    ("header", "factor"),
    [
        *(("Pb_mg_kg", 1), ("pb [PPM]", 1), ("Pb, mg kg⁻¹", 1), ("Pb (mg/kg DW)", 1), ("lead µg/g", 1)),
        *(("Pb (g/kg)", 1e3), ("Pb %", 1e4), ("Pb (µg/kg)", 1e-3)),
    ],
)
def test_the_target_is_found_by_element_and_unit(folder, header, factor):
    """Any spelling of lead as a share of mass is converted to mg/kg, with a note if it was."""
    folder.lab(["1", "2", "3", "4"], header=f'"{header}"')
    soils = folder.read()
    np.testing.assert_allclose(soils.values("Pb_mg_kg"), factor * np.arange(1, 5))
    assert (f"× {factor:g}" in notes(soils)) == (factor != 1)


# -- what is re-ordered, converted, dropped, counted ------------------------------


def test_descending_wavelengths_are_reordered(folder):
    """A file from 2450 down to 400 nm gives ascending bands with their own values."""
    folder.wide(soil_spectra()[:, ::-1], names=[f"{w:g}" for w in NM[::-1]])
    soils = folder.read()
    np.testing.assert_array_equal(soils.wavelengths, NM)
    np.testing.assert_allclose(soils.reflectance, soil_spectra(), rtol=1e-5)
    assert "descend in the file" in notes(soils)


@pytest.mark.parametrize("spell", ["{:.4f}", "{:.4f} cm-1", "wn_{:.4f} (1/cm)"])
def test_wavenumbers_become_nanometres(folder, spell):
    """Bands in 1/cm over the visible and near infrared are converted, named or by value."""
    folder.wide(soil_spectra()[:, ::-1], names=[spell.format(1e7 / w) for w in NM[::-1]])
    soils = folder.read()
    np.testing.assert_allclose(soils.wavelengths, NM, rtol=1e-6)
    np.testing.assert_allclose(soils.reflectance, soil_spectra(), rtol=1e-5)
    assert "wavenumbers (1/cm) converted to nm" in notes(soils)


def test_micrometres_become_nanometres(folder):
    """Bands from 0.4 to 2.45 are micrometres."""
    folder.wide(soil_spectra(), names=[f"{w / 1000:.2f}" for w in NM])
    np.testing.assert_allclose(folder.read().wavelengths, NM)


def test_bands_and_spectra_without_any_value_are_dropped(folder):
    """An empty band and an empty spectrum go, and are named."""
    cells = [[f"{v:.5f}" for v in row] for row in soil_spectra()]
    for row in cells:
        row[3] = "NaN"
    cells[1] = [""] * NM.size
    write(folder.spectra, [["id", *NM], *([i, *row] for i, row in zip(IDS, cells, strict=True))])
    soils = folder.read()
    assert soils.n_bands == NM.size - 1
    assert list(soils.samples.index) == ["S1", "S3", "S4"]
    assert "1 bands without any value dropped, 490–490 nm" in notes(soils)
    assert "1 spectra without any value dropped: row 3" in notes(soils)


@pytest.mark.parametrize("word", ["n.d.", "NA", "-999", "", "-", "nd"])
def test_missing_laboratory_values_are_missing_and_counted(folder, word):
    """The usual words for nothing are NaN, never numbers, and counted."""
    folder.lab(["12.5", word, "55", "1200"])
    soils = folder.read()
    np.testing.assert_array_equal(np.isnan(soils.values("Pb_mg_kg")), [False, True, False, False])
    assert "1 of 4 samples without Pb_mg_kg" in notes(soils)


def test_half_the_detection_limit_is_taken_when_told(folder):
    """``<5`` is 2.5 where the site file says half, counted in the notes."""
    folder.lab(["<5", "< 1,5", "55", "1200"], separator=";")
    soils = folder.read(below_detection="half")
    np.testing.assert_array_equal(soils.values("Pb_mg_kg"), [2.5, 0.75, 55, 1200])
    assert "2 of 4 values of Pb_mg_kg below detection: half the limit" in notes(soils)


def test_ids_on_one_side_only_are_left_out_and_named(folder):
    """Only samples with both are read, in the order of the spectra, whatever the table's order."""
    folder.lab(["1", "2", "3", "4"], ids=["S4", "S2", "S9", "S1"])
    soils = folder.read()
    assert soils.samples["Pb_mg_kg"].to_dict() == {"S1": 4.0, "S2": 2.0, "S4": 1.0}
    np.testing.assert_allclose(soils.reflectance, soil_spectra()[[0, 1, 3]], rtol=1e-5)
    assert "1 samples without a laboratory row left out: S3" in notes(soils)
    assert "1 samples without a spectrum left out: S9" in notes(soils)


def test_replicates_are_averaged_when_told(folder):
    """Two scans of a sample become their mean, and the count is noted."""
    values = soil_spectra()
    folder.wide(np.vstack([values, values[1] * 1.02]), ids=[*IDS, "S2"])
    soils = folder.read(replicates="mean")
    assert soils.n_samples == 4
    np.testing.assert_allclose(soils.reflectance[1], 1.01 * values[1], rtol=1e-5)
    assert "5 scans averaged to 4 samples" in notes(soils)


def test_the_users_files_are_never_changed(folder):
    """Reading leaves the bytes of both files as they were and makes no new file."""
    before = {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.path.iterdir()}
    folder.read()
    assert {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.path.iterdir()} == before


# -- what is refused ---------------------------------------------------------------


def refuse(folder, *parts, **options):
    """Read, and return the one-line message after checking that it says all of ``parts``."""
    with pytest.raises(SiteError) as caught:
        folder.read(**options)
    message = str(caught.value)
    assert "\n" not in message
    for part in parts:
        assert part in message, f"{part!r} not in: {message}"
    return message


def test_a_unit_that_cannot_be_told_is_refused(folder):
    """Flat values within 0–1 could be one unit or another: the message names the key."""
    folder.wide(np.full((4, NM.size), 0.4) + np.linspace(0, 0.005, NM.size))
    refuse(folder, "spectra.csv", "from 0.4 to 0.405", "spectra_unit: fraction, percent or absorbance")


@pytest.mark.parametrize(
    ("values", "said", "looks"),
    [
        (100 * soil_spectra(), "fraction", "percent"),
        (soil_spectra(), "percent", "a fraction or absorbance"),
        (absorbance(soil_spectra()), "fraction", "absorbance by its slope"),
        (soil_spectra(), "absorbance", "reflectance by its slope"),
        (40_000 * soil_spectra(), "percent", "something else"),
    ],
)
def test_a_wrong_unit_is_refused(folder, values, said, looks):
    """A unit that values or shape contradict is refused, whatever the site file says."""
    folder.wide(values)
    refuse(folder, "spectra.csv", f"said to be {said}", looks, "mend spectra_unit", spectra_unit=said)


def test_raw_counts_are_refused(folder):
    """Digital numbers are no reflectance, and the message says what to export."""
    folder.wide(40_000 * soil_spectra())
    refuse(folder, "spectra.csv", "raw counts", "divided by its white reference")


@pytest.mark.parametrize(
    ("row", "factor", "base", "why"),
    [(2, 100, 1, "in another unit"), (2, 0.01, 100, "far too dark"), (1, 0, 1, "the spectrum is constant")],
)
def test_a_row_in_another_unit_is_refused(folder, row, factor, base, why):
    """A percent among fractions, a fraction among percents, a dead spectrum: row and sample are named."""
    values = base * soil_spectra()
    values[row] *= factor
    folder.wide(values)
    refuse(folder, f"spectra.csv, row {row + 2}", f"sample 'S{row + 1}'", why)


def test_repeated_wavelengths_are_refused(folder):
    """Two columns of one wavelength are named."""
    names = [f"{w:g}" for w in NM]
    names[5] = f"{NM[4]:g}.0"
    folder.wide(soil_spectra(), names=names)
    refuse(folder, "spectra.csv", "columns '520' and '520.0' are one wavelength", "keep one column")


@pytest.mark.parametrize("spell", ["{:.1f}", "{:.1f} cm-1"])
def test_the_mid_infrared_is_refused(folder, spell):
    """600–4000 1/cm is recognised as mid-infrared, named or by value."""
    folder.wide(soil_spectra(), names=[spell.format(k) for k in np.linspace(4000, 600, NM.size)])
    refuse(folder, "spectra.csv", "bands from 600 to 4000", "mid-infrared", "200–3000 nm")


def test_band_numbers_are_refused(folder):
    """Columns numbered 1, 2, 3 are no wavelengths."""
    folder.wide(soil_spectra(), names=[f"band_{i}" for i in range(1, NM.size + 1)])
    refuse(folder, "spectra.csv", f"bands from 1 to {NM.size}", "by its wavelength in nm")


def test_a_file_without_header_is_refused(folder):
    """A first row of values is not taken for wavelengths."""
    write(folder.spectra, [[i, *row] for i, row in zip(IDS, soil_spectra(), strict=True)])
    refuse(folder, "spectra.csv", "is the header missing?")


def test_two_families_of_bands_are_refused(folder):
    """Reflectance and absorbance columns side by side: the reader does not choose."""
    names = [f"ref_{w:g}" for w in NM] + [f"abs_{w:g}" for w in NM]
    folder.wide(np.hstack([soil_spectra(), absorbance(soil_spectra())]), names=names)
    refuse(folder, "spectra.csv", "'ref_400' and 'abs_400'", "keep the one")


def test_a_table_without_bands_is_refused(folder):
    """A laboratory table given as spectra is recognised as having no wavelengths."""
    folder.spectra = folder.laboratory
    refuse(folder, "lab.csv has no wavelength columns", "'Pb (mg/kg)'", "name each band")


@pytest.mark.parametrize(("cell", "what"), [("", "no value (1 in all)"), ("abc", "'abc' is no reflectance")])
def test_a_bad_cell_in_a_spectrum_is_refused_by_row_and_column(folder, cell, what):
    """A hole or a word within a spectrum is named by row and band."""
    rows = [["id", *(f"{w:g}" for w in NM)], *([i, *r] for i, r in zip(IDS, soil_spectra(), strict=True))]
    rows[3][8] = cell
    write(folder.spectra, rows)
    refuse(folder, "spectra.csv, row 4, column '610'", what)


@pytest.mark.parametrize(
    ("cell", "what", "mend"),
    [
        ("<5", "below the detection limit", "below_detection: half"),
        ("<LOD", "below a limit that is not said", "write it as <5"),
        (">2000", "above the measuring range", "measure a dilution"),
        ("12 mg/kg", "no number", "write a number"),
        ("12?", "no number", "write a number"),
        ("-4", "Pb_mg_kg is negative", "write <limit"),
        ("0", "Pb_mg_kg is zero", "write <limit"),
        ("2000000", "above 1e+06", "the unit in the header"),
        ("inf", "no number", "write a number"),
    ],
)
def test_a_bad_laboratory_cell_is_refused_by_row_and_column(folder, cell, what, mend):
    """Cells that are no lead content are named by file, row and column, with the mend."""
    folder.lab(["12.5", "340", cell, "1200"])
    refuse(folder, "lab.csv, row 4, column 'Pb (mg/kg)'", f"{cell!r} is", what, mend)


def test_all_bad_rows_are_listed(folder):
    """One message lists every row below detection, not only the first."""
    folder.lab(["<5", "340", "<5", "<5"])
    refuse(folder, "row 2", "rows 4, 5 likewise")


def test_a_thousand_or_a_decimal_is_refused(folder):
    """``1,234`` with nothing to tell its mark is not guessed."""
    workbook(folder.laboratory, [["id", "Pb_mg_kg"], *zip(IDS, ["12", "340", "1,234", "55"], strict=True)])
    refuse(folder, "row 4", "'1,234' is a thousand or a decimal")


def test_repeated_ids_are_refused_on_either_side(folder):
    """Both files are checked; the rows are named; replicates are offered for spectra only."""
    folder.lab(["1", "2", "3", "4"], ids=["S1", "S2", "S2", "S3"])
    refuse(folder, "lab.csv", "id 'S2' stands in rows 3, 4", "keep one row a sample")
    folder.lab(LEAD)
    folder.wide(soil_spectra(), ids=["S1", "S1", "S2", "S3"])
    refuse(folder, "spectra.csv", "id 'S1' stands in rows 2, 3", "replicates: mean")


def test_replicates_that_disagree_are_refused(folder):
    """Scans of one id that differ like two soils are not averaged."""
    folder.wide(soil_spectra(), ids=["S1", "S2", "S3", "S1"])
    refuse(folder, "scans of sample 'S1' (rows 2, 5) differ", replicates="mean")


@pytest.mark.parametrize(
    ("ids", "why"),
    [
        (["1", "2", "3", "4"], "leading zeros were lost"),
        (["s-001", "s-002", "s-003", "s-004"], "share no sample id"),
        (["001", "002", "3", "004"], "'003' where"),
    ],
)
def test_ids_that_do_not_match_are_refused(folder, ids, why):
    """Lost zeros are recognised, all or some of them, and nothing is matched by force."""
    folder.wide(soil_spectra(), ids=["001", "002", "003", "004"])
    folder.lab(LEAD, ids=ids)
    refuse(folder, "spectra.csv", "lab.csv", why)


def test_ids_spelt_differently_are_refused(folder):
    """``S-01`` against ``s 1`` is pointed out, not matched."""
    folder.lab(LEAD, ids=["s-01", "S2", "S3", "S4"])
    refuse(folder, "has id 'S1' where", "has 's-01' (1 such pairs); spell them alike")


def test_ids_are_stripped(folder):
    """Stray spaces around ids do no harm."""
    folder.lab(LEAD, ids=[" S1", "S2 ", "\tS3", "S4\u00a0"])
    assert folder.read().n_samples == 4


def test_an_id_that_became_a_date_is_refused(folder):
    """A spreadsheet's date in the id column is named as such."""
    rows = [["id", "Pb_mg_kg"], ["S1", 1], [datetime.datetime(2024, 3, 1), 2], ["S3", 3]]
    workbook(folder.laboratory, rows)
    refuse(folder, "row 3", "the id is the date 2024-03-01", "format the column as text")


def test_a_row_without_id_is_refused(folder):
    """A row of units beneath the header, or a forgotten id, is named."""
    folder.lab(["mg/kg", *LEAD], ids=["", *IDS])
    refuse(folder, "lab.csv, row 2, column 'id': no id", "units belong into the header")


def test_an_unknown_id_column_is_refused(folder):
    """A misspelt id_column names what there is, and the nearest."""
    write(folder.laboratory, [["Kennung", "Pb_mg_kg"], *zip(IDS, LEAD, strict=True)])
    refuse(folder, "lab.csv has no column of sample ids 'Kenung'", "id_column: Kennung", id_column="Kenung")
    assert folder.read(id_column="Kennung").n_samples == 4


@pytest.mark.parametrize(
    ("header", "parts"),
    [
        ("Zn (mg/kg)", ["no column for the target Pb_mg_kg", "'Zn (mg/kg)'"]),
        ("Pb", ["column 'Pb': the header says no unit", "'Pb (mg/kg)'"]),
        ("Pb (mg/L)", ["the unit 'mg/L' is none that converts"]),
    ],
)
def test_a_target_without_a_fitting_unit_is_refused(folder, header, parts):
    """No unit, or one that is no share of mass, is never taken for mg/kg."""
    folder.lab(LEAD, header=header)
    refuse(folder, "lab.csv", *parts)


def test_two_columns_for_the_target_are_refused(folder):
    """Two lead columns are named, and the exact name settles it."""
    write(folder.laboratory, [["id", "Pb (ppm)", "Pb (%)"], *([i, 5, 1] for i in IDS)])
    refuse(folder, "'Pb (ppm)', 'Pb (%)' could all be Pb_mg_kg")
    write(folder.laboratory, [["id", "Pb_mg_kg", "Pb (%)"], *([i, 5, 1] for i in IDS)])
    assert folder.read().values("Pb_mg_kg").tolist() == [5, 5, 5, 5]


def test_a_target_without_any_value_is_refused(folder):
    """A column of n.d. is no target."""
    folder.lab(["n.d."] * 4)
    refuse(folder, "lab.csv, column 'Pb (mg/kg)': no row has a value")


def test_swapped_coordinates_are_refused(folder):
    """A latitude of 103° is not on Earth."""
    write(folder.laboratory, [["id", "Pb_mg_kg", "lon", "lat"], *([i, 5, 23.3, 103.1] for i in IDS)])
    refuse(folder, "row 2, column 'lat'", "swapped")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "is empty"),
        (b"  \r\n\r\n", "is empty"),
        (b"\xef\xbb\xbf", "is empty"),
        (b";;;\n;;;\n", "is empty"),
        (b"id,Pb_mg_kg\n", "has a header but no rows"),
        (b"id\nS1\nS2\n", "one column only"),
        (b"id,Pb_mg_kg\nS1,12,5\nS2,3,4\n", "decimal commas"),
        (b"Report 2024\nid,Pb_mg_kg,pH\nS1,12,5\nS2,3,4\n", "delete what stands above the header"),
        (b'id,Pb_mg_kg\nS1,"12\nS2,3\n', "stray quotation mark"),
        (b"PK\x03\x04 no workbook", "cannot be opened as a workbook"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old .xls"),
        ("id,Pb_mg_kg\nS1,5\n".encode("utf-16-le"), "is no text"),
        (b"id,Pb_mg_kg\nS1,\x81\x20\n", "row 2: byte 0x81"),
    ],
)
def test_a_file_that_is_no_table_is_refused(folder, content, what):
    """Empty, ragged, binary and half-quoted files are each refused by name."""
    folder.laboratory.write_bytes(content)
    refuse(folder, "lab.csv", what)


def test_a_missing_file_and_a_folder_are_refused(folder):
    """A path to nothing and a path to a folder are named."""
    folder.laboratory = folder.path / "nowhere.csv"
    refuse(folder, "nowhere.csv is not there", "site file")
    folder.laboratory = folder.path
    refuse(folder, "cannot be read")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)))
def test_any_bytes_are_a_table_or_a_site_error(tmp_path, content):
    """Whatever is in a file, it is read or refused, never a traceback."""
    path = tmp_path / "any.csv"
    path.write_bytes(content)
    with suppress(SiteError):
        table = read_table(path)
        assert table.cells.shape == (len(table.rows), len(table.header))


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
