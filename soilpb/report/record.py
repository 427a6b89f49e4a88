"""The record of a report: when, by whom and with what it was made, and its soils as CSV and GeoJSON."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import HTML

from soilpb import _files, site_file
from soilpb._format import as_cell
from soilpb.decide import maps
from soilpb.readers.folder import list_files
from soilpb.site_file import project_root
from soilpb.study import Study

#: What the table says where the site file says nothing.
NOT_STATED = "not stated"
#: Key of the site file → how a reader calls it.
_STATED = {
    "responsible": "responsible for this report",
    "sampled": "soils taken (when, by whom, plan)",
    "depth": "depth of sampling",
    "preparation": "drying and sieving",
    "citation": "data measured and published by",
    "method": "digestion and laboratory method",
    "detection_limit": "detection limit",
    "controls": "blanks, duplicates, reference materials",
    "instrument": "spectrometer",
    "licence": "licence of the data",
}
_KINDS = {"csv": "CSV", "geojson": "GeoJSON"}
_PACKAGE = Path(__file__).resolve().parents[2]


def tabulate_record(study: Study) -> pd.DataFrame:
    """Tabulate who answers for a report, what the site file states of its soils, and what made it."""
    about = study.target.provenance
    stated = study.site.model_dump() | {"citation": about.citation, "licence": about.licence}
    stated["instrument"] = about.instrument if about.instrument != "unknown" else ""
    if about.kind != "measured":
        stated |= dict.fromkeys(("sampled", "depth", "detection_limit", "controls"), "none: a simulated site")
        stated["method"] = "none: the values were simulated, nobody measured them"
    rows = {"site": study.site.title or study.site.site, "date of this report": date.today().isoformat()}
    rows |= {words: stated[key] or NOT_STATED for key, words in _STATED.items()}
    rows["made with"] = f"soilpb {version('soilpb')}, {describe_commit()}"
    rows |= {f"note {i} on reading": note for i, note in enumerate(about.notes, start=1)}
    return pd.DataFrame.from_dict(rows, orient="index", columns=[""])


def describe_commit() -> str:
    """Name the commit of the package's source, and whether it was changed since."""
    git = shutil.which("git")
    if git is None or not (_PACKAGE / ".git").exists():
        return "a release (no commit is known)"
    changed = ", with changes that are not committed"
    ask = ["describe", "--always", "--exclude=*", "--abbrev=40", f"--dirty={changed}"]
    run = [git, "-c", "safe.directory=*", "-C", str(_PACKAGE), *ask]
    found = subprocess.run(run, capture_output=True, text=True, check=False).stdout.strip()
    return f"commit {found or 'unknown'}"


def tabulate_inputs(study: Study) -> pd.DataFrame:
    """Tabulate the SHA-256 of each file that a report was made of: site file, spectra, laboratory, limits."""
    rows = [(name, _files.sha256_of(path)) for name, path in _list_inputs(study)]
    if study.site.target_data != "files":
        rows.append(("soils, as packaged", study.target.provenance.sha256))
    rows.append(("library", study.source.provenance.sha256))
    return pd.DataFrame(rows, columns=["input", "SHA-256"]).replace("", "no file was read")


def _list_inputs(study: Study) -> Iterator[tuple[str, Path]]:
    site, root = study.site, project_root()
    path = site_file.find_site_file(site.site)
    yield f"site file {path.name}", path
    units = site.units if site.units.endswith("json") else ""
    for given in (site.spectra, site.laboratory, site.limits, units):
        place = root / given
        for file in (list_files(place) if place.is_dir() else [place]) if given else ():
            yield f"{given}/{file.relative_to(place).as_posix()}" if place.is_dir() else given, file


def write_soils(study: Study, soils: pd.DataFrame) -> dict[str, Path]:
    """Write the table of every soil as CSV, and as GeoJSON where coordinates are known; return the paths.

    The GeoJSON names the coordinate system that the laboratory's table states.
    """
    values = ["measured", "limit", "predicted", "lower", "upper"]
    soils = soils.rename(columns={name: f"{study.site.target}_{name}" for name in values})
    cells = soils.assign(soil=soils["soil"].map(str).map(as_cell))
    texts = {"csv": cells.to_csv(index=False, float_format="%.6g")}
    places = study.target.samples.filter(["x", "y", "crs"])
    if maps.local_coordinates(places) is not None:
        texts["geojson"] = json.dumps(_collect_features(soils, places), ensure_ascii=False, indent=1)
    written = {}
    for kind, text in texts.items():
        written[kind] = study.folder() / f"soils.{kind}"
        with _files.atomic_write(written[kind]) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return written


def _collect_features(soils: pd.DataFrame, places: pd.DataFrame) -> dict:
    features = []
    for row in soils.astype(object).where(soils.notna(), None).to_dict("records"):
        x, y = places.loc[row["soil"], ["x", "y"]] if row["soil"] in places.index else (np.nan, np.nan)
        point = None if np.isnan(float(x)) else {"type": "Point", "coordinates": [float(x), float(y)]}
        about = row | {"soil": str(row["soil"])}
        features.append({"type": "Feature", "properties": about, "geometry": point})
    collection = {"type": "FeatureCollection", "features": features}
    if systems := describe_system(places):
        collection["crs"] = {"type": "name", "properties": {"name": systems}}
    return collection


def describe_system(samples: pd.DataFrame) -> str:
    """Name the coordinate system that samples state; empty if none, or several."""
    stated = set(samples["crs"].dropna().map(str)) if "crs" in samples else set()
    return stated.pop() if len(stated) == 1 else ""


def link_files(site: str, paths: dict[str, Path]) -> HTML:
    """Offer files within the page, which so needs none beside it."""
    links = []
    for kind, path in paths.items():
        data = base64.b64encode(path.read_bytes()).decode()
        links.append(f'<a download="{site}.{kind}" href="data:text/plain;base64,{data}">{_KINDS[kind]}</a>')
    return HTML(f"<p>All soils as a table: {' and '.join(links)}.</p>")
