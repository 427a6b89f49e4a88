"""Byte mutations of spectrum files and tables: what a reader makes of them, and whether it says so."""

from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np

from soilpb.readers.site import read_spectra
from soilpb.site_file import SiteError
from tests import instrument_files as files
from tests.site_files import soil_spectra, workbook, write

#: A change of reflectance, or of the axis in nm, that a study would feel.
FELT, FELT_NM = 0.01, 0.1
#: Shares of bytes, bits, digits, and of what is lost, added, zeroed, repeated, cut off.
OFTEN = [0.3, 0.2, 0.2, 0.06, 0.06, 0.06, 0.06, 0.06]
NM = np.arange(400.0, 2500.0, 10.0)


def write_table(path, save=write):
    """Spectra of twelve soils, one per row."""
    rows = [[f"S{i}", *np.round(row, 5)] for i, row in enumerate(soil_spectra(12, NM))]
    return save(path, [["id", *NM.astype(int)], *rows])


WRITERS = {
    **{"asd": files.write_asd, "opus": files.write_opus, "omnic": files.write_omnic, "csv": write_table},
    **{"jcamp": files.write_jcamp, "sed": files.write_sed, "sig": files.write_svc},
    **{"dpt": files.write_columns, "spc": files.write_spc},
    "spg": lambda path: files.write_omnic_group(path, [files.near_absorbance() + k / 20 for k in range(3)]),
    "xlsx": lambda path: write_table(path, workbook),
}


def mutate(content, rng):
    """One to three bytes, bits or digits changed, or some bytes lost, added, zeroed, repeated or cut off."""
    at, n = int(rng.integers(len(content))), int(rng.integers(1, 9))
    before, behind = content[:at], content[at:]
    kind = rng.choice(["byte", "bit", "digit", "lose", "add", "zero", "repeat", "cut"], p=OFTEN)
    if kind in ("byte", "bit", "digit"):
        content = bytearray(content)
        for _ in range(rng.integers(1, 4)):
            change(content, kind, rng)
        return bytes(content)
    others = {"lose": b"", "add": rng.bytes(n) + behind[:n], "zero": bytes(len(behind[:n]))}
    if kind in others:
        return before + others[kind] + behind[n:]
    return before + behind[: 8 * n] + behind if kind == "repeat" else before


def change(content, kind, rng):
    """Another byte, another bit, or the next digit another one."""
    at = int(rng.integers(len(content)))
    if kind == "byte":
        content[at] = rng.integers(256)
    if kind == "bit":
        content[at] ^= 1 << int(rng.integers(8))
    digits = [i for i in range(at, min(at + 50, len(content))) if 48 <= content[i] < 58]
    if kind == "digit" and digits:
        content[digits[0]] = rng.integers(48, 58)


def read(path):
    """Wavelengths in nm, reflectance by id, and notes."""
    soils = read_spectra(path)
    spectra = dict(zip(soils.samples.index, soils.reflectance, strict=True))
    return soils.wavelengths, spectra, soils.provenance.notes


def outcome(path, good):
    """``refused``, ``said``, ``same``, or ``silent``: another spectrum without a word."""
    with suppress(SiteError):
        wavelengths, spectra, notes = read(path)
        if set(notes) - set(good[2]):
            return "said"
        felt = wavelengths.shape != good[0].shape or np.abs(wavelengths - good[0]).max() > FELT_NM
        felt |= len(spectra) != len(good[1])
        for name, spectrum in {} if felt else spectra.items():
            felt |= name in good[1] and np.abs(spectrum - good[1][name]).max() > FELT
        return "silent" if felt else "same"
    return "refused"


def count_outcomes(folder: Path, format: str, n: int, seed: int = 0, keep: bool = False) -> Counter:
    """Outcomes of ``n`` mutations of a file; silent ones stay in the folder if ``keep`` is true."""
    path = WRITERS[format](folder / f"soil.{format}")
    content, good, rng, outcomes = path.read_bytes(), read(path), np.random.default_rng(seed), Counter()
    for i in range(n):
        path.write_bytes(mutate(content, rng))
        found = outcome(path, good)
        outcomes[found] += 1
        if keep and found == "silent":
            path.with_stem(f"silent{i}").write_bytes(path.read_bytes())
    return outcomes
