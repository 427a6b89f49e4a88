"""The record of a report says who, when and with what, and hands its soils on."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd

from soilpb._files import sha256_of
from soilpb.report import record
from soilpb.study import Study
from tests.user_site import write_project


def test_what_is_stated_stands_in_the_record_and_the_rest_is_not_stated(tmp_path, monkeypatch):
    """Keys of the site file, version, commit and the hash of each input file are on the page."""
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path, 30, 5, responsible="A. Meier", depth="0–20 cm")
    study = Study.load("mine", chapter="site_report")
    table = record.tabulate_record(study)[""]
    assert table["responsible for this report"] == "A. Meier"
    assert table["depth of sampling"] == "0–20 cm"
    assert table["detection limit"] == table["drying and sieving"] == "not stated"
    assert table["made with"].startswith("soilpb 0.")
    inputs = record.tabulate_inputs(study).set_index("input")["SHA-256"]
    for name in ("data/spectra.csv", "data/lab.csv"):
        assert inputs[name] == sha256_of(tmp_path / name)
    assert inputs["site file mine.yml"] == sha256_of(tmp_path / "notebooks/sites/mine.yml")


def test_simulated_values_were_measured_by_nobody():
    """The record of a twin names no laboratory."""
    table = record.tabulate_record(Study.load("gejiu", source_size=50))[""]
    assert table["digestion and laboratory method"].startswith("none: the values were simulated")


def test_soils_are_written_as_csv_and_with_coordinates_as_geojson(tmp_path, monkeypatch):
    """Both hold every soil; dummy coordinates give no GeoJSON; the page carries the files in itself."""
    monkeypatch.chdir(tmp_path)
    write_project(tmp_path, 30, 5, laboratory=("Pb_mg_kg", "pH", "x", "y"))
    study = Study.load("mine", chapter="site_report")
    soils = pd.DataFrame(
        {"soil": ["=1+1", *study.ids[:2]], "predicted": [1.0, 2.0, np.nan], "flagged": False}
    )
    paths = record.write_soils(study, soils)
    assert pd.read_csv(paths["csv"])["soil"].tolist() == ["'=1+1", *study.ids[:2]]
    collection = json.loads(paths["geojson"].read_text())
    unknown, known, _ = collection["features"]
    assert unknown["geometry"] is None
    place = study.target.samples.loc[study.ids[0], ["x", "y"]]
    np.testing.assert_allclose(known["geometry"]["coordinates"], place.to_numpy(float))
    assert collection["features"][2]["properties"]["Pb_mg_kg_predicted"] is None
    assert record.link_files("mine", paths).data.count("download=") == 2
    hidden = replace(study)
    samples = study.target.samples.assign(crs="dummy EPSG:4326")
    hidden.__dict__["target"] = replace(study.target, samples=samples)
    assert list(record.write_soils(hidden, soils)) == ["csv"]
