"""Small files of each instrument's format, written byte by byte; and real ones outside the project."""

import struct
from pathlib import Path

import numpy as np
import pytest

from soilpb.readers.formats import asd, omnic, opus, read_instruments, spectrum_file, text
from tests.site_files import soil_spectra

NM = np.arange(350.0, 2501.0, 5.0)
SOIL = soil_spectra(1, NM)[0]
FOLDER = Path(__file__).parents[1].parent / "shared" / "data" / "instruments"
needs_real_files = pytest.mark.skipif(
    not FOLDER.exists(), reason=f"real instrument files are not in {FOLDER}"
)


def read_instrument(path):
    """Spectrum of a file that holds one."""
    (spectrum,) = read_instruments(path)
    return spectrum


def to_reflectance(file):
    """Wavelengths, nm, and reflectance of a spectrum, both (n_bands,)."""
    found = spectrum_file.to_reflectance(file)
    return found.axis, found.values


def packed(kind, *fields):
    """Bytes of one header."""
    return np.array(fields, kind).tobytes()


def write_asd(
    path, values=SOIL, nm=NM, version=8, white=2000.0, data_type=1, data_format=2, splices=(1000, 1800)
):
    """ASD: raw counts beside their white reference; ``white=None`` stores ``values`` as they are."""
    header = np.zeros(1, asd.HEADER)
    header["data_type"], header["data_format"], header["channels"] = data_type, data_format, len(nm)
    header["first"], header["step"], header["instrument"] = nm[0], nm[1] - nm[0], 4
    header["instrument_number"], header["splice_1"], header["splice_2"] = 4139, *splices
    start = b"ASD" if version == 1 else f"as{version}".encode()
    kind = {0: "<f4", 1: "<i4", 2: "<f8"}[data_format]
    counts = np.asarray(values) * (1 if white is None else white)
    content = start + header.tobytes()[3:] + counts.astype(kind).tobytes()
    if version > 1:
        remark = b"spectralon"
        content += packed(asd.REFERENCE, 0 if white is None else 0xFFFF, 0, 0, len(remark)) + remark
        content += np.full(len(nm), 0 if white is None else white).astype(kind).tobytes()
    path.write_bytes(content + b"\0" * 20)
    return path


def write_sed(path, values=SOIL, nm=NM, unit=" %", factor=100.0, channels=None, columns=None, comma=False):
    """Spectral Evolution; ``columns`` replaces the one column of reflectance."""
    columns = columns or {f"Reflect.{unit}": factor * np.asarray(values)}
    text.write_sed(path, nm, columns)
    if channels:
        path.write_text(path.read_text().replace(f"Channels: {len(nm)}", f"Channels: {channels}"))
    if comma:
        header, data, rows = path.read_text().partition("Data:\n")
        path.write_text(header + data + rows.replace(".", ",").replace("Reflect,", "Reflect."))
    return path


def write_svc(path, values=SOIL, nm=NM, factor=100.0, overlap="Remove @ 990,1900", spoil=1.0):
    """Spectra Vista: wavelength, reference, target, reflectance."""
    white = np.full(len(nm), 5000.0)
    table = np.column_stack([nm, white, white * values, spoil * factor * np.asarray(values)])
    lines = ["/*** Spectra Vista SIG Data ***/", "instrument= HI: 6142041 (HR-1024i)"]
    lines += [f"factors= 0.99, 0.99, 1.0 [Overlap: {overlap}, Matching Type: None]", "data= "]
    lines += ["  ".join([f"{w:.1f}", *(f"{x:.4f}" for x in row)]) for w, *row in table]
    path.write_text("\n".join(lines) + "\n")
    return path


def write_opus(path, blocks=None, shift=0.0):
    """Bruker OPUS: ``blocks`` of (kind, whose, first, last, values); ``shift`` makes parameters lie."""
    blocks = blocks or [(opus.ABSORBANCE, 3, 1e7 / NM[-1], 1e7 / NM[0], near_absorbance())]
    contents, kinds = [], []
    for kind, whose, first, last, values in blocks:
        values = np.asarray(values, "<f4")
        status = [("NPT", 0, len(values)), ("FXV", 1, first), ("LXV", 1, last), ("CSF", 1, 1.0)]
        status += [("MXY", 1, float(values.max()) + shift), ("MNY", 1, float(values.min()) + shift)]
        contents += [values.tobytes(), b"".join(_parameter(*p) for p in [*status, ("DXU", 2, "WN")]) + _END]
        kinds += [kind << 10 | whose << 2, kind << 10 | 1 << 4 | whose << 2]
    contents.append(_parameter("INS", 2, "MPA II") + _END)
    kinds.append(2 << 4)
    position, entries = opus.HEADER.size + opus.ENTRY.size * len(contents), []
    for kind, content in zip(kinds, contents, strict=True):
        entries.append(opus.ENTRY.pack(kind, len(content) // 4, position))
        position += len(content)
    head = opus.MARK + struct.pack("<d3i", 920622.0, opus.HEADER.size, 40, len(contents))
    path.write_bytes(head + b"".join(entries) + b"".join(contents))
    return path


def near_absorbance(n=300):
    """Absorbance of the soil on wavenumbers that ascend, (n,)."""
    wavenumbers = np.linspace(1e7 / NM[-1], 1e7 / NM[0], n)
    return -np.log10(np.interp(1e7 / wavenumbers, NM, SOIL))


def mid_absorbance(n=300):
    """Some mid-infrared absorbance, (n,)."""
    return 0.4 + 0.3 * np.sin(np.linspace(0, 9, n))


def write_omnic(path, values=None, first=1e7 / NM[-1], last=1e7 / NM[0], quantity=17, axis=1, points=None):
    """Thermo OMNIC: one spectrum."""
    values = near_absorbance() if values is None else values
    header = (points or len(values), axis, quantity, first, last)
    return _write_omnic(path, [values], header)


def write_omnic_group(path, soils, titles=()):
    """Thermo OMNIC: a group of spectra, absorbance over wavenumbers, perhaps with titles."""
    return _write_omnic(path, soils, (len(soils[0]), 1, 17, 1e7 / NM[-1], 1e7 / NM[0]), titles)


def _write_omnic(path, soils, header, titles=()):
    start = omnic.DIRECTORY + (len(soils) * (3 if titles else 2) + 1) * omnic.ENTRY.itemsize
    entries, body = b"", b""
    for k, values in enumerate(soils):
        parts = {2: packed(omnic.HEADER, *header), 3: np.asarray(values, "<f4").tobytes()}
        for key, part in (parts | ({107: titles[k].encode().ljust(300, b"\0")} if titles else {})).items():
            entries += packed(omnic.ENTRY, key, start + len(body), len(part))
            body += part
    path.write_bytes(omnic.MARK.ljust(omnic.DIRECTORY, b"\0") + entries + packed(omnic.ENTRY, 0, 0, 0) + body)
    return path


def write_columns(path, values=SOIL, nm=NM, above="", mark="\t", form="{:.6f}"):
    """Bare columns: axis and one or more spectra, below lines of text."""
    rows = np.column_stack([nm, *np.atleast_2d(values)])
    path.write_text(above + "".join(mark.join(form.format(x) for x in row) + "\n" for row in rows))
    return path


def write_jcamp(path, values=SOIL, nm=NM, yunits="REFLECTANCE", xunits="NANOMETERS", points=None, **labels):
    """JCAMP-DX, plain."""
    stored = np.round(np.asarray(values) * 1e5).astype(int)
    head = {"TITLE": "soil", "JCAMP-DX": "4.24", "DATA TYPE": "REFLECTANCE SPECTRUM", "XUNITS": xunits}
    head |= {"YUNITS": yunits, "XFACTOR": 1, "YFACTOR": 1e-5, "FIRSTX": nm[0], "LASTX": nm[-1]}
    head |= {"NPOINTS": points or len(nm), "FIRSTY": f"{values[0]:.6f}", "MAXY": f"{max(values):.6f}"}
    head |= {name.upper(): value for name, value in labels.items()}
    lines = [f"##{name}={value}" for name, value in head.items()] + ["##XYDATA=(X++(Y..Y))"]
    for i in range(0, len(nm), 8):
        lines.append(" ".join([f"{nm[i]:g}", *map(str, stored[i : i + 8])]))
    path.write_text("\n".join([*lines, "##END="]) + "\n")
    return path


def _parameter(name, kind, value):
    packed = {0: "<i", 1: "<d"}.get(kind)
    content = struct.pack(packed, value) if packed else value.encode().ljust(8, b"\0")
    return opus.PARAMETER.pack(name.encode(), kind, len(content) // 2) + content


_END = opus.PARAMETER.pack(b"END", 0, 0)


def write_spc(path, values=(SOIL,), nm=NM, store="f4", x=3, y=129, axes="even", log=b"", labels=b""):
    """Galactic: ``values`` of one or more spectra, ``axes`` even, shared or each; as ``SPC.H`` says."""
    values, short, several = np.atleast_2d(values), store == "i2", len(np.atleast_2d(values)) > 1
    flags = short | several << 2 | bool(labels) << 5 | (axes == "each") << 6 | (axes != "even") << 7
    exponent = -128 if store == "f4" else int(np.ceil(np.log2(np.abs(values).max()))) + 1
    body = b"" if axes != "shared" else np.asarray(nm).astype("<f4").tobytes()
    for k, spectrum in enumerate(values):
        body += struct.pack("<BbHfffIIf4s", 0, exponent, k, 0, 0, 0, len(nm), 0, 0, b"")
        body += b"" if axes != "each" else np.asarray(nm).astype("<f4").tobytes()
        whole = spectrum if store == "f4" else np.round(spectrum * 2.0 ** (8 * int(store[1]) - exponent))
        body += whole.astype(f"<{store}").tobytes()
    points, at_log = 0 if axes == "each" else len(nm), 512 + len(body) if log else 0
    head = struct.pack("<BBBbIdd", flags, 0x4B, 0, exponent, points, float(nm[0]), float(nm[-1]))
    head += struct.pack("<IBBBBI9s9sH32s", len(values), x, y, 0, 0, 0, b"", b"FOSS XDS", 0, b"")
    head += struct.pack("<130s30sII4xf248x", b"soil", labels, at_log, 0, 1)
    path.write_bytes(head + body + log)
    return path
