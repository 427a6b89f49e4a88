"""What users bring by mistake: each is read rightly, or refused in one message with file and mend.

A case spoils one thing of a good site of instrument files, or of tables, and states either
``READ`` — the same soils come out as from the good site — or words of the refusal.
"""

import datetime
import hashlib
import re
from contextlib import suppress
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from soilpb.quality import check_soils
from soilpb.readers.folder import read_folder
from soilpb.readers.formats import opus
from soilpb.readers.site import read_site
from soilpb.site_file import Site, SiteError
from soilpb.spectra import absorbance
from tests import instrument_files as files
from tests import mutations
from tests.instrument_files import NM, read_instrument, to_reflectance
from tests.site_files import soil_spectra, workbook, write

N = 24
IDS = [f"{i:03d}" for i in range(1, N + 1)]
RNG = np.random.default_rng(7)
LEAD = [f"{value:.1f}" for value in RNG.lognormal(5, 0.7, N)]
SPECTRA = soil_spectra(N, NM) * np.exp(3e-4 * RNG.standard_normal((N, NM.size)))
READ = "read"
DATES = [datetime.date(2024, 1, day) for day in range(1, N + 1)]
FIVE = SPECTRA[4]  # of the sample that cases spoil


class Mine:
    """A good site, of which a case spoils one thing: file 005, the laboratory's table, or both."""

    def __init__(self, path):
        self.path = path
        self.scans = path / "scans"
        self.scans.mkdir()
        for name, spectrum in zip(IDS, SPECTRA, strict=True):
            files.write_asd(self.scans / f"{name}.asd", spectrum, splices=(0, 0))
        self.spectra, self.options, self.gone = self.scans, {}, set()
        self.lab([["id", "Pb (mg/kg)"], *zip(IDS, LEAD, strict=True)])

    def lab(self, rows, name="lab.csv", **dialect):
        """Write the laboratory's table."""
        self.laboratory = write(self.path / name, rows, **dialect)

    def five(self, writer, *args, name="005.asd", **options):
        """Write sample 005 otherwise."""
        (self.scans / "005.asd").unlink()
        return writer(self.scans / name, *args, **options)

    def table(self, values, header=None, name="spectra.csv", ids=IDS, **dialect):
        """Write spectra as a table instead."""
        rows = [[i, *(f"{v:.6g}" for v in row)] for i, row in zip(ids, values, strict=True)]
        self.spectra = write(self.path / name, [["id", *(header or NM)], *rows], **dialect)

    def outcome(self):
        """Soils, or the message that stopped the study."""
        site = {"target": "Pb_mg_kg", **self.options}
        try:
            soils = read_site(self.spectra, self.laboratory, **site)
        except SiteError as error:
            return str(error)
        study = Site(site="mine", target_data="files", spectra="s", laboratory="l", source="twin")
        problems = [f for f in check_soils(soils, study) if f.level == "problem"]
        return f"{problems[0].found}; {problems[0].advice}" if problems else soils


# -- instrument files --------------------------------------------------------------


def five(writer, *args, **options):
    """Sample 005 in another file."""
    return lambda mine: mine.five(writer, *args, **options)


def cut(writer, length, name="005.asd", *args, **options):
    """Sample 005 in a file that ends early (or, with a negative length, lacks so many bytes)."""

    def spoil(mine):
        path = mine.five(writer, *args, name=name, **options)
        path.write_bytes(path.read_bytes()[:length])

    return spoil


def poked(offset, new, writer=files.write_asd, name="005.asd"):
    """Sample 005 with other bytes at one place."""

    def spoil(mine):
        path = (
            mine.five(writer, FIVE, name=name) if writer is files.write_asd else mine.five(writer, name=name)
        )
        content = bytearray(path.read_bytes())
        content[offset : offset + len(new)] = new
        path.write_bytes(content)

    return spoil


def content(new, name="005.asd"):
    """Sample 005 as bytes that are no spectrum."""
    return lambda mine: mine.five(lambda path: path.write_bytes(new), name=name)


def also(writer, name, *args, **options):
    """One more file."""
    return lambda mine: writer(mine.scans / name, *args, **options)


def both(*spoils):
    """Several spoils, and options for the reading."""

    def spoil(mine):
        for one in spoils:
            mine.options.update(one) if isinstance(one, dict) else one(mine)

    return spoil


def five_by_absorbance(mine):
    wavenumbers = np.linspace(1e7 / NM[-1], 1e7 / NM[0], 3000)
    values = absorbance(np.interp(1e7 / wavenumbers, NM, FIVE))
    mine.five(files.write_omnic, values, name="005.spa")


MID = [(opus.ABSORBANCE, 3, 600.0, 4000.0, files.mid_absorbance())]
THROUGH = [(opus.TRANSMITTANCE, 3, 4000.0, 28_000.0, files.near_absorbance())]
OVERLAP = np.concatenate([np.arange(350, 1011, 5.0), np.arange(975, 2501, 5.0)])
ASD_SIZE = 484 + 8 * NM.size

asd = partial(five, files.write_asd)
sed = partial(five, files.write_sed, name="005.sed")
svc = partial(five, files.write_svc, name="005.sig")
opus_file = partial(five, files.write_opus, name="005.0")
omnic = partial(five, files.write_omnic, name="005.spa")
jcamp = partial(five, files.write_jcamp, name="005.jdx")

INSTRUMENTS = {
    "nothing": (lambda mine: None, READ),
    "ASD cut within its header": (cut(files.write_asd, 300), "005.asd is cut off within its header"),
    "ASD cut within its spectrum": (cut(files.write_asd, 2000), "cut off within its spectrum"),
    "ASD cut before its reference": (cut(files.write_asd, ASD_SIZE + 5), "cut off before its white"),
    "ASD cut within its reference": (cut(files.write_asd, ASD_SIZE + 999), "cut off within its white"),
    "ASD whose start is lost": (poked(0, b"xyz"), "005.asd is no instrument file known here"),
    "ASD of no channels": (poked(204, b"\0\0"), "005.asd: its header says 0 channels"),
    "ASD of too many channels": (poked(204, b"\xff\xff"), "65535 channels"),
    "ASD whose first band is no number": (poked(191, b"\xff\xff\xff\xff"), "which no instrument has"),
    "ASD of unknown number format": (poked(199, b"\x07"), "data format 7"),
    "ASD with one NaN": (poked(484, np.float64(np.nan).tobytes()), "005.asd: no value at 350 nm"),
    "ASD with one absurd count": (poked(644, np.float64(1e9).tobytes()), "005.asd: 5e+05 at 450 nm"),
    "ASD whose reference is dark": (asd(FIVE, white=0.0), "white reference is 0"),
    "raw counts without reference": (asd(FIVE * 3e4, white=None), "raw counts without"),
    "raw counts of version 1": (asd(FIVE * 3e4, white=None, version=1), "raw counts"),
    "raw counts with reference": (asd(FIVE, data_type=0), READ),
    "radiance": (asd(FIVE, data_type=2), "005.asd holds radiance without a white reference"),
    "ASD that stores reflectance": (asd(FIVE, white=None), READ),
    "ASD of floats": (asd(FIVE, data_format=0), READ),
    "target and reference swapped": (asd(1 / FIVE), "look like percent"),
    "empty file": (content(b""), "005.asd is empty; export it again"),
    "zeros": (content(b"\0" * 9000), "005.asd is no instrument file"),
    "picture called .asd": (content(b"\x89PNG\r\n\x1a\n" + b"\0" * 90), "005.asd is no instrument file"),
    "web page called .asd": (content(b"<html>login</html>"), "copy it from the instrument again"),
    "ASD called .sed": (asd(FIVE, name="005.sed"), READ),
    "ASD called .dat": (asd(FIVE, name="005.dat"), READ),
    "ASD in capitals": (asd(FIVE, name="005.ASD"), READ),
    "SED called .asd": (five(files.write_sed, FIVE), READ),
    "SED in fraction": (sed(FIVE, unit=" [1.0]", factor=1), READ),
    "SED with decimal commas": (sed(FIVE, comma=True), READ),
    "SED of percent that is a fraction": (
        sed(FIVE, factor=1),
        "005.sed: said to be percent, but the values look like a fraction",
    ),
    "SED of fraction that is percent": (sed(FIVE, unit=" [1.0]"), "look like percent"),
    "SED of absorbance called percent": (sed(absorbance(FIVE)), "look like absorbance"),
    "SED with radiance only": (
        sed(columns={"Rad. (Target)": FIVE}),
        "005.sed holds radiance without a white reference",
    ),
    "SED cut between rows": (cut(files.write_sed, -80, "005.sed", FIVE), "its header says 431 channels"),
    "SED cut within a number": (cut(files.write_sed, -4, "005.sed", FIVE), "fewer decimals"),
    "SED cut within its header": (cut(files.write_sed, 60, "005.sed", FIVE), "has no line 'Data'"),
    "SVC with a word among numbers": (poked(3000, b"xx", files.write_svc, "005.sig"), "005.sig, row"),
    "SVC at odds with itself": (svc(FIVE, spoil=1.5), "reflectance is not target / reference"),
    "SVC with overlapping detectors": (svc(np.interp(OVERLAP, NM, FIVE), OVERLAP, overlap="Preserve"), READ),
    "OPUS cut off": (cut(files.write_opus, 900, "005.0"), "005.0 is cut off"),
    "OPUS with a spoilt directory": (poked(12, b"\xff\xff\xff\x7f", files.write_opus, "005.0"), "005.0"),
    "OPUS at odds with itself": (opus_file(shift=0.2), "smallest and largest"),
    "OPUS of mid infrared": (opus_file(MID), "005.0 is a mid-infrared spectrum"),
    "OPUS of transmittance": (opus_file(THROUGH), "005.0 holds transmittance"),
    "OMNIC over wavenumbers": (five_by_absorbance, READ),
    "OMNIC cut off": (cut(files.write_omnic, 900, "005.spa"), "005.spa is cut off within its values"),
    "OMNIC at odds with itself": (omnic(points=999), "999 points"),
    "OMNIC interferogram": (omnic(axis=2), "data points"),
    "JCAMP cut off": (cut(files.write_jcamp, -200, "005.jdx", FIVE), "005.jdx contradicts itself"),
    "JCAMP at odds with itself": (jcamp(FIVE, maxy=3), "MAXY is 3"),
    "JCAMP of transmittance": (jcamp(yunits="TRANSMITTANCE"), "holds trans"),
    "JCAMP over hertz": (jcamp(xunits="HZ"), "no wavelength or wavenumber"),
    "JCAMP over wrong unit": (jcamp(xunits="MICROMETERS"), "mid-infrared"),
    "constant spectrum": (asd(np.full(NM.size, 0.3)), "005.asd: 0.3 at 350 nm"),
    "black spectrum": (asd(FIVE / 100), "too dark"),
    "visible only among others": (
        asd(FIVE[:79], NM[:79], splices=(0, 0)),
        "005.asd covers 350–740 nm, 001.asd covers 350–2500 nm",
    ),
    "other step among others": (
        asd(np.interp(np.arange(350, 2501.0), NM, FIVE), np.arange(350, 2501.0)),
        READ,
    ),
    "two scans of a sample": (also(files.write_asd, "005_1.asd", FIVE), "set replicates: mean"),
    "two formats of a sample": (
        also(files.write_sed, "005.sed", FIVE),
        "'005' stands in files 005.asd, 005.sed",
    ),
    "two scans, to be averaged": (
        both(also(files.write_asd, "005_1.asd", FIVE, splices=(0, 0)), {"replicates": "mean"}),
        READ,
    ),
    "a failed scan among two": (
        both(also(files.write_asd, "005_1.asd", FIVE * 0.5), {"replicates": "mean"}),
        "005_1.asd) differ from their mean by up to 33%, more than replicates_limit, 15%",
    ),
    "a remark among spectra": (also(Path.write_text, "notes.txt", "rain"), READ),
    "the laboratory's table among spectra": (
        lambda m: write(m.scans / "lab.csv", [["id", "Pb"], ["1", "2"]]),
        READ,
    ),
}

# -- tables ------------------------------------------------------------------------


def lab(cells=None, *, lead=LEAD, ids=IDS, header="Pb (mg/kg)", **dialect):
    """Laboratory table with single other cells of lead, by row, or others altogether."""

    def spoil(mine):
        values = [(cells or {}).get(row, cell) for row, cell in enumerate(lead)]
        mine.lab([["id", header], *zip(ids, values, strict=True)], **dialect)

    return spoil


def columns(*names, cells):
    """Laboratory table with further columns."""
    rows = [[i, pb, *cells] for i, pb in zip(IDS, LEAD, strict=True)]
    return lambda mine: mine.lab([["id", "Pb (mg/kg)", *names], *rows])


def table(values=SPECTRA, **options):
    """Spectra in a table instead of instrument files."""
    return lambda mine: mine.table(values, **options)


def one_cell(value):
    """A table of spectra with one other cell."""

    def spoil(mine):
        mine.table(SPECTRA)
        lines = mine.spectra.read_text().splitlines()
        cells = lines[5].split(",")
        cells[9] = value
        lines[5] = ",".join(cells)
        mine.spectra.write_text("\n".join(lines))

    return spoil


def in_workbook(ids):
    rows = [["id", "Pb (mg/kg)"], *zip(ids, map(float, LEAD), strict=True)]
    return lambda mine: setattr(mine, "laboratory", workbook(mine.path / "lab.xlsx", rows))


def transposed(mine):
    rows = [["nm", *IDS], *([w, *(f"{v:.6g}" for v in band)] for w, band in zip(NM, SPECTRA.T, strict=True))]
    mine.spectra = write(mine.path / "spectra.csv", rows)


def few(mine):
    for path in sorted(mine.scans.iterdir())[3:]:
        path.unlink()


def lose(mine):
    (mine.scans / "005.asd").unlink()
    mine.gone = {"005"}


def remarks_only(mine):
    for path in mine.scans.iterdir():
        path.write_text("rain")
        path.rename(path.with_suffix(".txt"))


def comma(cells):
    return [cell.replace(".", ",") for cell in cells]


TABLES = {
    "ids with stray spaces": (lab(ids=[f" {i} " for i in IDS]), READ),
    "ids that lost their zeros": (in_workbook(map(int, IDS)), "zeros were lost: format the column as text"),
    "ids that became dates": (in_workbook(DATES), "took an id such as 3-1 for a date"),
    "ids of other samples": (lab(ids=[f"X{i}" for i in IDS]), "share no sample id"),
    "an id twice in the table": (lab(ids=["002", *IDS[1:]]), "'002' stands in rows 2, 3"),
    "an id that is missing": (lab(ids=["", *IDS[1:]]), "no id; give it one"),
    "a sample without spectrum": (lose, READ),
    "a value below detection": (lab(cells={4: "<5"}), "below the detection limit; set below_detection"),
    "a value below the LOD": (lab(cells={4: "<LOD"}), "write it as <5"),
    "a value that is not determined": (lab(cells={4: "n.d."}), READ),
    "units in a cell": (lab(cells={4: "12 mg/kg"}), "lab.csv, row 6, column 'Pb (mg/kg)': '12 mg/kg'"),
    "a word in a cell": (lab(cells={4: "lost"}), "no number; write a number"),
    "a negative value": (lab(cells={4: "-3"}), "Pb_mg_kg is negative"),
    "a zero": (lab(cells={4: "0"}), "no soil is free of it"),
    "more lead than soil": (lab(cells={4: "2000000"}), "above 1e+06"),
    "decimal commas": (lab(lead=comma(LEAD), separator=";"), READ),
    "decimal commas between commas": (lab(lead=comma(LEAD)), "save it with semicolons or decimal points"),
    "a thousand or a decimal": (lab(lead=["1,234"] * N, separator="\t"), "a thousand or a decimal"),
    "no unit": (lab(header="Pb"), "the header says no unit"),
    "a unit that is no share": (lab(header="Pb (mg/L)"), "the unit 'mg/L' is none that converts"),
    "no lead": (lab(header="Zn (mg/kg)"), "no column for the target Pb_mg_kg"),
    "two columns of lead": (columns("Lead (ppm)", cells=["5"]), "could all be Pb_mg_kg"),
    "lead in percent": (lab(header="Pb (%)", lead=[f"{float(pb) / 1e4:.6f}" for pb in LEAD]), READ),
    "swapped coordinates": (columns("lon", "lat", cells=["23.4", "103.2"]), "are x and y swapped?"),
    "no values at all": (lab(lead=[""] * N), "no row has a value"),
    "an empty table": (lambda mine: mine.laboratory.write_text(""), "lab.csv is empty"),
    "a header alone": (lambda mine: mine.lab([["id", "Pb (mg/kg)"]]), "no rows below it"),
    "an old workbook": (
        lambda mine: mine.laboratory.write_bytes(b"\xd0\xcf\x11\xe0" * 9),
        "save it as .xlsx",
    ),
    "a table that is not there": (lambda mine: mine.laboratory.unlink(), "is not there; check the path"),
    "three soils": (few, "3 of 3 soils have Pb_mg_kg: too few"),
    "no variance": (lab(lead=["55"] * N), "no variance; is it the right column?"),
    "a table in percent": (table(100 * SPECTRA), READ),
    "a table of absorbance": (table(absorbance(SPECTRA)), READ),
    "a table of counts": (table(30_000 * SPECTRA), "raw counts or scaled numbers"),
    "a table of neither unit": (table(SPECTRA * 6), "may be in one unit or another"),
    "files said to be percent": ({"spectra_unit": "percent"}, "set spectra_unit to auto"),
    "one row in percent": (
        table(np.vstack([SPECTRA[:4], 100 * SPECTRA[4:5], SPECTRA[5:]])),
        "in another unit",
    ),
    "one constant row": (table(np.vstack([SPECTRA[:4], 0 * SPECTRA[4:5] + 0.3, SPECTRA[5:]])), "constant"),
    "an empty cell": (one_cell(""), "no value (1 in all); fill the cell"),
    "a word among spectra": (one_cell("saturated"), "'saturated' is no reflectance"),
    "a table on its side": (transposed, READ),
    "wavelengths with letters": (table(header=[f"X{w:g}nm" for w in NM]), READ),
    "wavenumbers": (table(header=[f"{1e7 / w:.4f} cm-1" for w in NM]), READ),
    "mid infrared": (table(header=np.linspace(600, 4000, NM.size).tolist()), "mid-infrared wavenumbers"),
    "no wavelengths": (table(header=["reading"] * NM.size), "no wavelength columns"),
    "a band twice": (table(header=[350.0, 350.0, *NM[2:]]), "are one wavelength"),
    "a sample twice": (table(ids=["002", *IDS[1:]]), "set replicates: mean"),
    "a folder that is not there": (lambda mine: setattr(mine, "spectra", mine.path / "x"), "is not there"),
    "a folder of remarks": (remarks_only, "has no spectra; it has the files 001.txt"),
}


CASES = {**INSTRUMENTS, **TABLES}


#: What a message tells a user to do.
MENDS = re.compile(
    r"\b(again|export|mend|move|set|save|write|name|format|keep|delete|rename|give|spell|check|measure|cut|fill|"
    r"put|say|needs|enter|right column|swapped)\b"
)


def state(path):
    return {p: hashlib.sha256(p.read_bytes()).digest() for p in path.rglob("*") if p.is_file()}


@pytest.mark.parametrize(("spoil", "expected"), CASES.values(), ids=CASES)
def test_a_mistake_is_read_rightly_or_refused(tmp_path, spoil, expected):
    """The soils are those of the good site, or one line says what to mend; no file is changed."""
    mine = Mine(tmp_path)
    both(spoil)(mine)
    before = state(tmp_path)
    found = mine.outcome()
    assert state(tmp_path) == before
    if expected is READ:
        assert not isinstance(found, str), found
        ids = [name for name in IDS if name not in mine.gone]
        assert found.samples.index.tolist() == ids
        rows = [IDS.index(name) for name in ids]
        truth = np.array([np.interp(found.wavelengths, NM, spectrum) for spectrum in SPECTRA[rows]])
        np.testing.assert_allclose(found.reflectance, truth, atol=0.004)
        lead, known = found.values("Pb_mg_kg"), np.array(LEAD, float)[rows]
        measured = np.isfinite(lead)
        np.testing.assert_allclose(lead[measured], known[measured], rtol=1e-3)
        assert (~measured).sum() <= 1
    else:
        assert isinstance(found, str), "not refused"
        assert expected in found, found
        assert "\n" not in found
        assert str(tmp_path) in found or "soils have Pb_mg_kg" in found or "Pb_mg_kg: median" in found
        assert MENDS.search(found), found


# -- anything at all ---------------------------------------------------------------

ANYTHING = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))


def read_or_refused(path):
    """Reflectance over nm if the file is read: then it is plausible; else the one message."""
    message = ""
    try:
        nm, reflectance = to_reflectance(read_instrument(path))
    except SiteError as error:
        message = str(error)
    if message:
        assert path.name in message
        assert "\n" not in message
        return None
    assert np.isfinite(reflectance).all()
    assert (np.diff(nm) > 0).all()
    assert -0.05 <= reflectance.min() <= reflectance.max() <= 1.6
    return nm, reflectance


@pytest.mark.parametrize("format", mutations.WRITERS)
def test_a_damaged_file_is_read_refused_or_doubted(tmp_path, format):
    """Bytes changed, lost or added anywhere: no traceback, and hardly a spectrum altered in silence."""
    outcomes = mutations.count_outcomes(tmp_path, format, 100)
    assert outcomes["refused"] > 15
    assert outcomes["silent"] <= 3


@ANYTHING
@given(
    start=st.sampled_from(
        [
            *(b"", b"ASD", b"as8", opus.MARK, b"Spectral Data File", b"##TITLE=x\n##NPOINTS=3\n"),
            *(b"\0K\0", b"\x80L\0", b"\4M\0", b"450 0.3\n" * 12, b"4000,0.5\n3990,0.5\n"),
        ]
    ),
    rest=st.binary(max_size=2000),
)
def test_any_bytes_are_read_or_refused(tmp_path, start, rest):
    """Random bytes behind the beginning of each format are no spectrum, and one message says so."""
    path = tmp_path / "scan.asd"
    path.write_bytes(start + rest)
    assert read_or_refused(path) is None
    if start + rest:
        with pytest.raises(SiteError, match=r"scan\.asd"):
            read_folder(tmp_path)


WORDS = st.sampled_from(
    ["Wvl", "Reflect. %", "350.0", "12,5", "0.31", "-1", "nan", "inf", "1e400", "x", "\t", ""]
)


@ANYTHING
@given(rows=st.lists(st.lists(WORDS, max_size=4).map("\t".join), max_size=30))
def test_any_rows_below_a_good_header_are_read_or_refused(tmp_path, rows):
    """Words where numbers belong, in the formats that are text, never become a spectrum."""
    for writer, last in (
        (files.write_sed, "Data:"),
        (files.write_svc, "data="),
        (files.write_jcamp, "##XYDATA"),
    ):
        path = writer(tmp_path / "scan.x")
        head, mark, _ = path.read_text().partition(last)
        path.write_text("\n".join([head + mark, *rows]))
        read_or_refused(path)


TABLE_CELLS = st.sampled_from(
    ["001", "002", "450", "0.3", "12,5", "35", "<5", "nan", "-9", "", "x;y", '"', "1e9"]
)


@ANYTHING
@given(
    rows=st.lists(st.lists(TABLE_CELLS, min_size=2, max_size=14), max_size=6),
    separator=st.sampled_from(",;\t"),
)
def test_any_table_of_spectra_is_read_or_refused(tmp_path, rows, separator):
    """Random cells below a good header of wavelengths give plausible spectra or one message."""
    path = write(tmp_path / "scans.csv", [["id", *range(400, 530, 10)], *rows], separator=separator)
    (tmp_path / "lab.txt").write_text("id,Pb_mg_kg\n001,5\n002,6\n")
    with suppress(SiteError):
        soils = read_site(path, tmp_path / "lab.txt", target="Pb_mg_kg")
        assert soils.samples.index.isin(["001", "002"]).all()
        assert -0.05 <= soils.reflectance.min() <= soils.reflectance.max() <= 1.6
