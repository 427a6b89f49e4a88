"""A site's files as users bring them: a good pair, of which a test spoils one."""

import numpy as np
import openpyxl
import pytest

from soilpb.readers.site import read_site
from soilpb.site_file import SiteError

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

    def refuse(self, *parts, **options):
        """Read, and return the one-line message after checking that it says all of ``parts``."""
        with pytest.raises(SiteError) as caught:
            self.read(**options)
        message = str(caught.value)
        assert "\n" not in message
        for part in parts:
            assert part in message, f"{part!r} not in: {message}"
        return message


def notes(soils):
    """Return what reading noted, as one text."""
    return " | ".join(soils.provenance.notes)
