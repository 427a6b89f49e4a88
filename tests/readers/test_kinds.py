"""Kinds of inputs that were once wrong without a word: each is read rightly, or refused by name."""

import numpy as np
import openpyxl
import pytest

from soilpb.quality import check_soils
from soilpb.readers.columns import parse_quantity
from soilpb.readers.site import read_site
from soilpb.report.new_site import propose_site, write_site
from soilpb.site_file import Site, SiteError
from soilpb.spectra import absorbance
from soilpb.study import Study
from tests.cases import case
from tests.site_files import soil_spectra, workbook, write

N = 24
NM = np.arange(400.0, 2500.0, 10.0)
RNG = np.random.default_rng(5)
IDS = [f"K{i:02d}" for i in range(N)]
LEAD = np.round(RNG.lognormal(5, 0.7, N), 1)
SPECTRA = soil_spectra(N, NM) * np.exp(0.05 * np.cumsum(RNG.normal(0, 0.1, (N, NM.size)), axis=1))


def table(path, values=SPECTRA, ids=IDS, names=None, corner="id", turned=False, separator=",", more=()):
    """Write spectra: upright, or in columns; ``more`` are columns before the ids."""
    names = [f"{w:g}" for w in NM] if names is None else names
    columns = [*(column for _, column in more), ids]
    rows = [[*(name for name, _ in more), corner, *names]]
    rows += [[*front, *(f"{v:.6f}" for v in row)] for *front, row in zip(*columns, values, strict=True)]
    return write(path, [list(row) for row in zip(*rows, strict=True)] if turned else rows, separator)


def lab(path, ids=IDS, header="Pb (mg/kg)", more=(), order=None):
    """Write the laboratory's table."""
    columns = [*(column for _, column in more), ids, LEAD]
    rows = list(zip(*columns, strict=True))
    rows = rows if order is None else [rows[i] for i in order]
    return write(path, [[*(name for name, _ in more), "id", header], *rows])


def read(path, **options):
    spectra, laboratory = path / options.pop("spectra", "s.csv"), path / options.pop("laboratory", "lab.csv")
    return read_site(spectra, laboratory, **{"target": "Pb_mg_kg", **options})


def is_right(soils, ids=IDS):
    """Check that each sample has its own spectrum and lead."""
    assert list(soils.samples.index) == list(ids)
    np.testing.assert_allclose(soils.reflectance, SPECTRA, rtol=1e-3, atol=2e-6)
    np.testing.assert_allclose(soils.values("Pb_mg_kg"), LEAD)


NUMBERS = [str(1000 + 10 * i) for i in range(N)]


@pytest.mark.parametrize(
    ("turned", "corner", "ids", "separator"),
    [
        (True, "Wavelength (nm)", NUMBERS, ","),
        (True, "", NUMBERS, "\t"),
        (True, "波长", NUMBERS, ";"),
        (False, "id", NUMBERS, "\t"),
        (False, "", [str(450 + i) for i in range(N)], ";"),
    ],
)
def test_a_table_lies_as_corner_and_ids_say(tmp_path, turned, corner, ids, separator):
    """(a) Ids that could be wavelengths are ids, whichever way the table lies."""
    table(tmp_path / "s.csv", ids=ids, corner=corner, turned=turned, separator=separator)
    lab(tmp_path / "lab.csv", ids=ids)
    is_right(read(tmp_path), ids)


def test_a_table_that_can_be_read_two_ways_is_refused(tmp_path):
    """(a) Where neither corner nor ids tell, nothing is guessed."""
    ids = [f"{w:g}" for w in NM[:N]]
    values = soil_spectra(N, NM[:N])
    table(tmp_path / "s.csv", values, ids=ids, names=ids, corner="")
    lab(tmp_path / "lab.csv", ids=ids)
    with pytest.raises(SiteError, match="may be read two ways.*wavelength .nm."):
        read(tmp_path)


RUNNING = [str(i) for i in range(1, N + 1)]


@pytest.mark.parametrize("name", ["", "Unnamed: 0", "X", "index", "Column1", "OBJECTID"])
@pytest.mark.parametrize("order", [range(N - 1, -1, -1), None])
def test_a_running_number_is_never_an_id(tmp_path, name, order):
    """(b) The column that matches as text joins the tables, not the rows' numbers."""
    table(tmp_path / "s.csv", corner="soil_id", more=[(name, RUNNING)])
    lab(tmp_path / "lab.csv", more=[(name, RUNNING[::-1])], order=order)
    is_right(read(tmp_path))


@pytest.mark.parametrize("name", ["", "FID", "Column1"])
def test_a_running_number_alone_is_refused(tmp_path, name):
    """(b) Without any other column the rows are not joined by their numbers."""
    table(tmp_path / "s.csv", ids=RUNNING, corner=name)
    lab(tmp_path / "lab.csv", more=[(name, RUNNING[::-1])])
    with pytest.raises(SiteError, match="no column of sample ids.*running number without a name"):
        read(tmp_path)


def test_of_several_columns_the_one_that_matches_is_the_id(tmp_path):
    """(b) A column called ``sample`` that matches nothing gives way to one that does."""
    table(tmp_path / "s.csv", corner="Kennung", more=[("sample", [f"x{i}" for i in range(N)])])
    lab(tmp_path / "lab.csv", more=[("No", RUNNING)])
    is_right(read(tmp_path))


def test_ids_of_two_columns_are_joined(tmp_path):
    """Soil and horizon make an id, by whichever mark the other file has."""
    soil, horizon = [f"P{i // 2}" for i in range(N)], ["A" if i % 2 else "B" for i in range(N)]
    ids = [f"{s}-{h}" for s, h in zip(soil, horizon, strict=True)]
    table(tmp_path / "s.csv", ids=ids)
    rows = [["soil", "horizon", "Pb_mg_kg"], *zip(soil, horizon, LEAD, strict=True)]
    write(tmp_path / "lab.csv", rows)
    with pytest.raises(SiteError, match="without repetition: soil . horizon"):
        read(tmp_path, id_column="soil")
    is_right(read(tmp_path, id_column="soil + horizon"), ids)


def removed(values):
    hull = np.linspace(values[:, 0], values[:, -1], values.shape[1]).T
    return np.minimum(values / hull, 1)


def scatter(values):
    mean = values.mean(axis=0)
    slope, offset = np.polyfit(mean, values.T, 1)
    return (values - offset[:, None]) / slope[:, None]


A = absorbance(SPECTRA)


@pytest.mark.parametrize(
    ("values", "what"),
    [
        (np.gradient(SPECTRA, axis=1), "derivatives"),
        (np.gradient(np.gradient(A, axis=1), axis=1), "derivatives"),
        (SPECTRA - SPECTRA.mean(axis=0), "derivatives, or centred"),
        ((A - A.mean(axis=1)[:, None]) / A.std(axis=1)[:, None], "SNV"),
        (removed(SPECTRA), "continuum-removed"),
        (1 - removed(SPECTRA), "continuum-removed"),
        ((SPECTRA - SPECTRA.min(1)[:, None]) / np.ptp(SPECTRA, axis=1)[:, None], "minimum and maximum"),
        ((SPECTRA - SPECTRA.min(0)) / np.ptp(SPECTRA, axis=0), "band by band"),
        (SPECTRA / np.linalg.norm(SPECTRA, axis=1)[:, None], "one norm"),
        (100 * SPECTRA / SPECTRA.max(axis=1)[:, None], "one maximum"),
        (scatter(SPECTRA), "one mean|MSC"),
        (-A, "logarithms of reflectance"),
        (np.sqrt(1.4 * SPECTRA), "square roots"),
        (np.sqrt(100 * SPECTRA), "square roots"),
        (-np.log(SPECTRA), "natural logarithms"),
        ((1 - SPECTRA) ** 2 / 2 / SPECTRA, "Kubelka"),
        (0.01 + np.gradient(SPECTRA, axis=1) - np.gradient(SPECTRA, axis=1).min(), "derivatives"),
        ((SPECTRA - SPECTRA.min()) / np.ptp(SPECTRA), "minimum and maximum"),
    ],
)
@pytest.mark.parametrize("turned", [False, True])
def test_values_that_no_soil_has_are_refused_by_name(tmp_path, values, what, turned):
    """(c) What was done to spectra is told by level, spread and shape."""
    table(tmp_path / "s.csv", values, turned=turned, corner="nm" if turned else "id")
    lab(tmp_path / "lab.csv")
    with pytest.raises(SiteError, match=what):
        read(tmp_path)


@pytest.mark.parametrize(
    ("above", "names", "corner", "turned"),
    [
        ([], [f"{1e7 / w:.3f}" for w in NM], "wavenumber (cm-1)", True),
        ([["", *["cm-1"] * NM.size]], [f"{1e7 / w:.3f}" for w in NM], "id", False),
        ([["Axis: wavenumber in 1/cm"]], [f"{1e7 / w:.3f}" for w in NM], "id", False),
        ([], [f"{w / 1000:.3f}" for w in NM], "Wellenlänge (µm)", True),
        ([], [f"{10 * w:g}" for w in NM], "Wavelength (Å)", True),
        ([["Axis in Angstrom"]], [f"{10 * w:g}" for w in NM], "id", False),
        ([["", *["µm"] * NM.size]], [f"{w / 1000:.3f}" for w in NM], "id", False),
    ],
)
def test_units_of_the_axis_are_found_wherever_they_stand(tmp_path, above, names, corner, turned):
    """(f) In the corner, in a second row or above the header: 1/cm and µm become nm."""
    path = table(tmp_path / "s.csv", names=names, corner=corner, turned=turned)
    lines = path.read_text().splitlines()
    for row in above:
        lines.insert(1 if len(row) > 1 else 0, ",".join(row))
    path.write_text("\n".join(lines))
    lab(tmp_path / "lab.csv")
    soils = read(tmp_path)
    is_right(soils)
    np.testing.assert_allclose(soils.wavelengths, NM, rtol=1e-4)


@pytest.mark.parametrize("where", ["corner", "row", "above"])
def test_mid_infrared_is_never_read_as_nanometres(tmp_path, where):
    """(f) 2500–800 1/cm is mid infrared, though the numbers could be nm."""
    names, corner = [f"{w:g}" for w in np.linspace(2500, 800, NM.size)], "id"
    path = table(tmp_path / "s.csv", names=names, corner="Wavenumber 1/cm" if where == "corner" else corner)
    text = path.read_text().splitlines()
    if where != "corner":
        row = "," + ",".join(["cm-1"] * NM.size) if where == "row" else "Wavenumbers (cm^-1)"
        text.insert(where == "row", row)
    path.write_text("\n".join(text))
    lab(tmp_path / "lab.csv")
    with pytest.raises(SiteError, match="mid-infrared wavenumbers"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("header", "value", "shape", "expected"),
    [
        ("Clay (%)", 0.35, "0.0 %", 35.0),
        ("Clay", 0.35, "0%", 35.0),
        ("clay_pct", 0.355, "0.0%;-0.0%", 35.5),
        ("Clay (g/kg)", 350_000.0, "0.0,", 35.0),
        ("Clay (%)", 35.0, "0.0", 35.0),
    ],
)
def test_cells_count_as_they_are_shown(tmp_path, header, value, shape, expected):
    """(g) Percent and thousands of a cell's format are part of its value."""
    rows = zip(IDS, LEAD, [value] * N, strict=True)
    path = workbook(tmp_path / "lab.xlsx", [["id", "Pb (mg/kg)", header], *rows])
    book = openpyxl.load_workbook(path)
    for row in range(2, N + 2):
        book.active.cell(row, 3).number_format = shape
    book.save(path)
    table(tmp_path / "s.csv")
    np.testing.assert_allclose(read(tmp_path, laboratory="lab.xlsx").values("clay_pct"), expected)


def test_percent_signs_in_a_text_count_too(tmp_path):
    """(g) ``35 %`` in a CSV is 35 in percent."""
    rows = [["id", "Pb (mg/kg)", "Clay"], *([i, pb, "35 %"] for i, pb in zip(IDS, LEAD, strict=True))]
    write(tmp_path / "lab.csv", rows)
    table(tmp_path / "s.csv")
    assert set(read(tmp_path).values("clay_pct")) == {35.0}


@pytest.mark.parametrize(
    "header",
    [
        *(
            "PB_PPM",
            "pb_ppm",
            "Total Pb (mg/kg)",
            "铅(mg/kg)",
            "Pb含量(mg/kg)",
            "w(Pb)/10-6",
            "w(Pb)/(mg·kg-1)",
        ),
        *("Blei [mg/kg]", "plomo mg/kg", "plomb (mg kg-1)", "Pb ICP-MS ppm", "Pb (ppm) ICP", "总铅/mg·kg-1"),
        *("Blei (mg/kg TM)", "Teneur en plomb (mg/kg MS)", "ω(Pb)/(mg/kg)", "Свинец (мг/кг)", "Pb..mg.kg."),
        *("重金属铅 (mg/kg)", "Concentración de plomo (mg/kg)", "lead_mg_per_kg", "Pb (mg kg–1)", "PB [PPM]"),
        *("Pb mg kg⁻¹", "lead (µg/g)", "铅（mg/kg）", "Pb (mg/kg TS)", '"Pb, mg/kg"'),
    ],
)
def test_lead_in_any_spelling_is_lead(tmp_path, header):
    """(h) Element and unit are understood, so that lead's limits apply."""
    table(tmp_path / "s.csv")
    lab(tmp_path / "lab.csv", header=header)
    is_right(read(tmp_path))


@pytest.mark.parametrize("header", ["Pb XRF (ppm)", "EDXRF_Pb_mg.kg-1", "pXRF Pb mg/kg", "Pb (XRF) ppm"])
def test_lead_by_xrf_is_kept_apart(header):
    """(h) A reading by XRF is lead with its unit, and no laboratory's value."""
    found = parse_quantity(header)
    assert (found.name, found.factor, found.method) == ("Pb", 1.0, "XRF")


@pytest.mark.parametrize(
    ("values", "turned", "what"),
    [
        (SPECTRA, False, "is the header missing"),
        (SPECTRA, True, "write (the ids|a line above)"),
        (100 * SPECTRA + 300, False, "is the header missing"),
        (3e4 * SPECTRA, False, "header miss"),
    ],
)
def test_a_first_row_of_data_is_no_header(tmp_path, values, turned, what):
    """(j) Values of a spectrum are never taken for wavelengths, nor ids lost above them."""
    path = table(tmp_path / "s.csv", values, turned=turned)
    path.write_text(path.read_text().partition("\n")[2])
    lab(tmp_path / "lab.csv")
    with pytest.raises(SiteError, match=what):
        read(tmp_path)


def test_scans_that_differ_are_averaged_and_named(tmp_path):
    """Replicates 9 % apart are averaged with a warning; a key of the site file sets the limit."""
    values = np.vstack([0.91 * SPECTRA, 1.09 * SPECTRA])
    names = [f"{i}_{k:05d}.asd.ref" for k in (0, 1) for i in IDS]
    table(tmp_path / "s.csv", values, ids=names, corner="file")
    lab(tmp_path / "lab.csv")
    soils = read(tmp_path, replicates="mean")
    is_right(soils)
    study = Site(site="mine", target_data="files", spectra="s", laboratory="l", source="twin")
    told = [f.found for f in check_soils(soils, study) if f.level == "warning" and "differ" in f.found]
    assert "up to 9%" in told[0]
    with pytest.raises(SiteError, match="more than replicates_limit, 8%"):
        read(tmp_path, replicates="mean", replicates_limit=0.08)


def test_a_sheet_is_chosen_by_content_or_named(tmp_path):
    """The sheet with lead is read though it is the second; of two, one is named."""
    table(tmp_path / "s.csv")
    book = openpyxl.Workbook()
    book.active.append(["method", "ICP"])
    for name in ("2019", "2020"):
        sheet = book.create_sheet(name)
        sheet.append(["id", "Pb (mg/kg)"])
        for row in zip(IDS, LEAD, strict=True):
            sheet.append(row)
        book.save(tmp_path / f"{name}.xlsx")
    is_right(read(tmp_path, laboratory="2019.xlsx"))
    with pytest.raises(SiteError, match="'2019' and '2020' could both be read.*2020.xlsx#2019"):
        read(tmp_path, laboratory="2020.xlsx")
    is_right(read(tmp_path, laboratory="2020.xlsx#2020"))


@pytest.fixture
def project(tmp_path, monkeypatch):
    (tmp_path / "notebooks" / "sites").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)


def test_families_of_bands_and_xrf_lead_are_chosen_by_name(project, tmp_path):
    """Reflectance beside its derivative is chosen by ``bands``; places, cores and lead by XRF are seen."""
    names = [*(f"R_{w:g}_nm" for w in NM), *(f"FstD_R_{w:g}_nm" for w in NM)]
    both = np.hstack([SPECTRA, np.gradient(SPECTRA, axis=1)])
    spectra = table(tmp_path / "s.csv", both[:, ::-1], names=names[::-1])
    header = ["id", "EDXRF_Pb_mg.kg-1", "Zn", "X_WGS84", "Y_WGS84", "core"]
    rows = [[i, pb, 50, 140.8, 37.7, f"c{k // 2}"] for k, (i, pb) in enumerate(zip(IDS, LEAD, strict=True))]
    laboratory = write(tmp_path / "lab.csv", [header, *rows])
    with pytest.raises(SiteError, match="several families of band columns.*--bands"):
        propose_site("mine", spectra, laboratory)
    proposal = propose_site("mine", spectra, laboratory, unit="mg/kg", bands="R_", title="Cores")
    assert (proposal.site.target, proposal.site.title) == ("Pb_mg_kg", "Cores")
    used = dict(proposal.understood)["used besides"]
    assert used == "Zn_mg_kg, x, y, crs, group"
    is_right(read(tmp_path, bands="R_"))


@pytest.mark.parametrize(
    ("name", "spectra", "laboratory", "value"),
    [
        ("ids-are-file-names", "export.txt", "lab.csv", {"S1": 253.7}),
        ("percent-format", "spectra.csv", "lab.xlsx", {}),
        ("row-number-column", "spectra.csv", "lab.csv", {"K01": 110.3, "K23": 174.1}),
        ("transposed-number-ids", "spectra.csv", "lab.csv", {"1000": 142.1}),
        ("upper-case-element", "spectra.csv", "lab.csv", {"S1": 546.4}),
        ("noise-below-400", "spectra.csv", "lab.csv", {"S1": 186.2}),
        ("replicates-over-5-percent", "spectra.csv", "lab.csv", {"S1": 138.5}),
        ("unit-in-the-corner-cell", "spectra.csv", "lab.csv", "mid-infrared"),
        ("derivative-as-absorbance", "spectra.csv", "lab.csv", "derivatives"),
    ],
)
def test_cases_end_in_a_right_site_file_or_a_refusal(project, name, spectra, laboratory, value):
    """What users brought goes through ``new-site`` to the right values, or is refused with the mend."""
    spectra, laboratory = case(name) / spectra, case(name) / laboratory
    if isinstance(value, str):
        with pytest.raises(SiteError, match=value):
            propose_site("mine", spectra, laboratory)
        return
    proposal = propose_site("mine", spectra, laboratory)
    assert proposal.site.target == "Pb_mg_kg"
    assert (proposal.site.band_start, proposal.site.band_stop) == (430, 2480)
    soils = read_site(spectra, laboratory, target="Pb_mg_kg", replicates="mean")
    assert soils.samples["Pb_mg_kg"].loc[list(value)].to_dict() == value
    if name == "percent-format":
        assert soils.samples["clay_pct"].iloc[0] == 35.0


@pytest.mark.parametrize(
    ("nm", "change", "spell", "bands"),
    [
        (np.linspace(400, 799.5, 800), lambda r: r, "{:.1f}", (430, 790)),
        (np.arange(1100.0, 2499, 2), absorbance, "{:g} nm", (1100, 2480)),
        (np.arange(2480.0, 429, -5), lambda r: 100 * r, "X{:g}", (430, 2480)),
    ],
)
@pytest.mark.parametrize("cores", [False, True])
def test_a_site_of_each_kind_becomes_a_study_at_the_first_command(
    project, tmp_path, nm, change, spell, bands, cores
):
    """Visible only, 2 nm in the NIR, descending, each with cores or without: the study has every soil."""
    values = np.array([np.interp(nm, NM, row) for row in SPECTRA])
    columns = [("core", [f"C{i // 4}" for i in range(N)]), ("depth", [f"{10 * (i % 4)}" for i in range(N)])]
    more = columns if cores else []
    table(tmp_path / "s.csv", change(values), names=[spell.format(w) for w in nm], corner="soil", more=more)
    lab(tmp_path / "lab.csv", more=more)
    write_site(propose_site("mine", tmp_path / "s.csv", tmp_path / "lab.csv"))
    study = Study.load("mine")
    assert (study.site.band_start, study.site.band_stop) == bands
    assert study.target.samples.index.tolist() == IDS
    assert ("group" in study.target.samples) == cores
    expected = np.array([np.interp(study.grid, NM, row) for row in SPECTRA])
    np.testing.assert_allclose(study.target.reflectance, expected, atol=0.01)
