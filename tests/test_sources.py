import numpy as np
import pytest

from soilpb.readers import libraries
from soilpb.readers.lucas import COUNTRIES
from soilpb.site_file import SiteError
from tests import layouts

N = 56


@pytest.fixture
def releases(monkeypatch):
    """Releases as small as the layouts that tests write."""
    monkeypatch.setattr(libraries, "ROWS", {"ossl": 12, "lucas2009": 12, "lucas2015": N})
    monkeypatch.setattr(libraries, "SCANS_2015", 2 * N)


@pytest.fixture
def lucas_2015(tmp_path):
    """A complete small release: 28 countries, two scans a point."""
    table = layouts.lucas_2015_table(N)
    table["NUTS_0"] = [COUNTRIES[i % 28] for i in range(N)]
    absorbance = layouts.soil_absorbance(N, layouts.LUCAS_BANDS)
    return layouts.write_lucas_2015(tmp_path, table, np.repeat(absorbance[:, None], 2, axis=1))


def bad(findings):
    """Texts of the findings that are not as they should be."""
    return [finding.text for finding in findings if not finding.good]


def texts(findings):
    return "\n".join(finding.text for finding in findings)


def test_nothing_there_is_a_finding(tmp_path):
    """An empty folder is reported with the command that helps, for every source."""
    for name in ("ossl", "lucas2009", "lucas2015"):
        report = libraries.check_source(name, tmp_path)
        assert bad(report)
        assert f"soilpb fetch {name}" in texts(report)


def test_an_unknown_source_is_refused(tmp_path):
    """A misspelt source is an error that lists the sources."""
    with pytest.raises(SiteError, match="no source 'lucas'; expected one of ossl, lucas2009, lucas2015"):
        libraries.check_source("lucas", tmp_path)


def test_complete_2015(tmp_path, releases, lucas_2015):
    """A complete release is complete, and the report counts both sides of the join."""
    report = libraries.check_source("lucas2015", tmp_path)
    assert not bad(report)
    assert "56 of 56 points have spectra" in texts(report)
    assert "0 scanned points are not in the laboratory table" in texts(report)


def test_incomplete_2015(tmp_path, releases, lucas_2015):
    """A missing country, and scans that the laboratory table does not know, are named."""
    laboratory, spectra = lucas_2015
    spectra[3].unlink()
    lines = laboratory.read_text().splitlines()
    laboratory.write_text("\n".join([*lines[:1], *lines[2:]]) + "\n")
    found = bad(libraries.check_source("lucas2015", tmp_path))
    assert found == [
        "27 files of spectra, CY missing",
        "1 scanned points are not in the laboratory table",
    ]


def test_2009_in_another_unit_or_with_fewer_bands(tmp_path, releases):
    """Reflectance in place of absorbance, and a file cut to half of its bands, are named."""
    absorbance = layouts.soil_absorbance(12, layouts.LUCAS_BANDS)
    path = layouts.write_lucas_2009(tmp_path, layouts.lucas_2009_table(12), absorbance)
    assert not bad(libraries.check_source("lucas2009", tmp_path))
    layouts.write_lucas_2009(tmp_path, layouts.lucas_2009_table(12), 10.0**-absorbance)
    (unit,) = bad(libraries.check_source("lucas2009", tmp_path))
    assert "absorbance falls towards the infrared" in unit
    text = path.read_text().replace("spc.2499.5", "remark")
    path.write_text(text)
    assert "4,199 bands, 400–2499 nm; expected 4,200" in bad(libraries.check_source("lucas2009", tmp_path))[0]


def test_too_few_rows(tmp_path, releases, monkeypatch):
    """A file with fewer rows than the release is not complete."""
    monkeypatch.setitem(libraries.ROWS, "lucas2009", 19_860)
    absorbance = layouts.soil_absorbance(12, layouts.LUCAS_BANDS)
    layouts.write_lucas_2009(tmp_path, layouts.lucas_2009_table(12), absorbance)
    assert bad(libraries.check_source("lucas2009", tmp_path)) == ["12 rows; the release has 19,860"]


def test_ossl_counts_licences_and_hash(tmp_path, releases):
    """OSSL's report counts spectra by dataset with their licence, and compares the recorded hash."""
    reflectance = 10.0 ** -layouts.soil_absorbance(12, layouts.OSSL_VISNIR)
    path = layouts.write_ossl(tmp_path, layouts.ossl_table(reflectance))
    report = libraries.check_source("ossl", tmp_path)
    assert not bad(report)
    assert "12 rows have a vis-NIR spectrum, 12 also pH in water" in texts(report)
    assert "LUCAS.SSL: 8 spectra, licence JRC License Agreement" in texts(report)
    path.with_name(f"{path.name}.sha256").write_text(f"{'0' * 64}  {path.name}\n")
    (finding,) = bad(libraries.check_source("ossl", tmp_path))
    assert finding.endswith(f"(not {'0' * 64})")


def test_a_cut_download_is_a_finding(tmp_path, releases):
    """A download that broke off is reported as such, not raised."""
    reflectance = 10.0 ** -layouts.soil_absorbance(12, layouts.OSSL_VISNIR)
    path = layouts.write_ossl(tmp_path, layouts.ossl_table(reflectance))
    path.write_bytes(path.read_bytes()[:-4000])
    assert "is the file complete?" in bad(libraries.check_source("ossl", tmp_path))[-1]
