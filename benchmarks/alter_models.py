"""A stored model altered in 100 ways, with new checksums: each is refused in one line, or harmless.

Each alteration is tried in a process of its own: what ``soilpb predict`` would do, how long it takes, and
the memory at its height. Faults are an exception that no user should see, other predictions without a
word, more than 5 s, and more than 500 MB. Run from the project's root:

    PYTHONPATH=. python benchmarks/alter_models.py [number] [seed]

Found with seed 0, and 200 more with each of the seeds 1, 2 and 3, on a model of network
features and PLS:

======  =======  ========  ======  =============  =========
seed    refused  harmless  faults  longest        highest
======  =======  ========  ======  =============  =========
0 (100)      66        34       0          0.7 s     379 MB
1 (200)       98       102       0          1.1 s     379 MB
2 (200)      122        78       0          0.7 s     379 MB
3 (200)      109        91       0          1.3 s     379 MB
======  =======  ========  ======  =============  =========

An untouched model takes 0.3 s and 360 MB, most of it the imports. Harmless means that new soils get the
same predictions: what was altered is not read, or weighs nothing.
"""

from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from soilpb._files import sha256_of
from soilpb.decide import site_model, stored_model
from soilpb.models import storage
from soilpb.models.network import SpectralNetwork
from soilpb.study import Study

#: A file of a model → its bytes.
Files = dict[str, bytes]
#: What a number or a text is replaced by.
ODD = [float("nan"), float("inf"), -1, 0, 10**9, 10**400, "x", "<script>", None, [], {}, True, [[[1]]]]


def alterations(good: Files, n: int, seed: int = 0) -> Iterator[tuple[str, Files]]:
    """Yield ``n`` named altered copies: some of whole files, then of cards, settings and arrays in turn."""
    rng = np.random.default_rng(seed)
    whole = list(_whole_files(good))
    yield from whole[:n]
    ways: list[Callable] = [_alter_card, _alter_settings, _alter_array]
    for i in range(n - len(whole)):
        yield ways[i % 3](good, rng)


def _whole_files(good: Files) -> Iterator[tuple[str, Files]]:
    data, card = good[storage.ESTIMATORS], json.loads(good[storage.CARD])
    for name, new in {
        "empty": b"",
        "a pickle": pickle.dumps({"a": os.system}),
        "half": data[: len(data) // 2],
        "one bit": data[:5000] + bytes([data[5000] ^ 1]) + data[5001:],
        "a bomb": _zip({"schema.json": b" " * 100_000_000}, zipfile.ZIP_DEFLATED),
        "a deep schema": _zip({"schema.json": b'{"content":' * 100_000}),
        "an empty schema": _zip({"schema.json": b"{}"}),
    }.items():
        yield f"estimators: {name}", good | {storage.ESTIMATORS: new}
    for name, text in {
        "empty": "",
        "a list": "[]",
        "deep": "[" * 100_000,
        "binary": "\x00\x01",
        "20 MB of spaces": "{" + " " * 20_000_000 + "}",
        "without keys": "{}",
        "other bands": json.dumps(card | {"wavelengths": card["wavelengths"][::-1]}),
        "shifted bands": json.dumps(card | {"wavelengths": [nm + 5 for nm in card["wavelengths"]]}),
        "other scale": json.dumps(card | {"scale": "natural"}),
        "other target": json.dumps(card | {"target": "Zn_mg_kg"}),
        "a slow pattern": json.dumps(card | {"scan_counters": ["#a" * 5000]}),
    }.items():
        yield f"card: {name}", good | {storage.CARD: text.encode()}
    for key, value in {"n_bands": 10**9, "stem_stride": 0, "channels": [200_000] * 3, "zz": 1}.items():
        schema = _schema(good)
        for settings in _find(schema, lambda node: "n_bands" in node):
            settings[key] = _node(value)
        yield f"network: {key} {value}", _with(good, {"schema.json": json.dumps(schema).encode()})


def _alter_card(good: Files, rng: np.random.Generator) -> tuple[str, Files]:
    """Remove a key of the card, or replace it or a value in it."""
    card = json.loads(good[storage.CARD])
    place, path = card, []
    while True:
        key = _pick(rng, place)
        path.append(str(key))
        if not isinstance(place[key], dict | list) or not place[key] or rng.random() < 0.4:
            break
        place = place[key]
    odd = _pick_odd(rng)
    if rng.random() < 0.3:
        del place[key]
        return f"card: without {'.'.join(path)}", good | {storage.CARD: json.dumps(card).encode()}
    place[key] = odd
    return f"card: {'.'.join(path)} = {str(odd)[:20]}", good | {storage.CARD: json.dumps(card).encode()}


def _alter_settings(good: Files, rng: np.random.Generator) -> tuple[str, Files]:
    """Replace a number or text that an estimator is made of, or one of its classes by another."""
    schema = _schema(good)
    if rng.random() < 0.3:
        a, b = (_pick_of(rng, _find(schema, lambda node: "__class__" in node)) for _ in range(2))
        a["__class__"], a["__module__"], what = b["__class__"], b["__module__"], f"class {b['__class__']}"
    else:
        node = _pick_of(rng, _find(schema, lambda node: node.get("__loader__") == "JsonNode"))
        what = f"{node['content'][:20]} = {str(odd := _pick_odd(rng))[:20]}"
        node["content"] = json.dumps(odd)
    return f"settings: {what}", _with(good, {"schema.json": json.dumps(schema).encode()})


def _alter_array(good: Files, rng: np.random.Generator) -> tuple[str, Files]:
    """Alter numbers, shape or type of an array."""
    nodes = _find(_schema(good), lambda node: str(node.get("file", "")).endswith(".npy"))
    name = _pick_of(rng, nodes)["file"]
    array = np.load(io.BytesIO(_members(good)[name]))
    some = np.where(rng.random(array.shape) < 0.3, np.nan, array)
    ways = {
        "NaN": some,
        "infinite": np.where(np.isnan(some), np.inf, array),
        "zeros": array * 0,
        "tenfold": array * 10,
        "negative": -1 - array,
        "shorter": array.ravel()[: array.size // 2],
        "one more dimension": array[None],
        "text": array.astype(str),
        "integers": np.nan_to_num(array).astype(np.int64),
    }
    way = list(ways)[rng.integers(len(ways))]
    file = io.BytesIO()
    np.save(file, ways[way])
    content = file.getvalue()
    if rng.random() < 0.1:  # a header that promises 8 TB
        way, content = "8 TB", content.replace(b"'shape': (", b"'shape': (1099511627776, ", 1)
    return f"array: {array.shape} {way}", _with(good, {name: content})


def _pick(rng: np.random.Generator, place: dict | list) -> str | int:
    return list(place)[rng.integers(len(place))] if isinstance(place, dict) else int(rng.integers(len(place)))


def _pick_of(rng: np.random.Generator, nodes: list[dict]) -> dict:
    return nodes[rng.integers(len(nodes))]


def _pick_odd(rng: np.random.Generator) -> object:
    return ODD[rng.integers(len(ODD))]


def _schema(good: Files) -> dict:
    return json.loads(_members(good)["schema.json"])


def _find(node: object, wanted: Callable[[dict], bool]) -> list[dict]:
    """All dictionaries within a schema that are wanted."""
    inside = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    found = [each for value in inside for each in _find(value, wanted)]
    return [node, *found] if isinstance(node, dict) and wanted(node) else found


def _node(value: object) -> dict:
    """A value as skops writes it."""
    return {
        "__class__": "str",
        "__module__": "builtins",
        "__loader__": "JsonNode",
        "content": json.dumps(value),
    }


def _members(good: Files) -> Files:
    with zipfile.ZipFile(io.BytesIO(good[storage.ESTIMATORS])) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _zip(members: Files, compression: int = zipfile.ZIP_STORED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _with(good: Files, members: Files) -> Files:
    return good | {storage.ESTIMATORS: _zip(_members(good) | members)}


def read_files(folder: Path) -> Files:
    """Files of a stored model."""
    return {name: (folder / name).read_bytes() for name in (storage.ESTIMATORS, storage.CARD)}


def write_files(folder: Path, files: Files) -> None:
    """Write a model's files, and their checksums anew."""
    for name, content in files.items():
        (folder / name).write_bytes(content)
    sums = "".join(f"{sha256_of(folder / name)}  {name}\n" for name in files)
    (folder / storage.SUMS).write_text(sums)


def judge(site: str, spectra: Path, expected: np.ndarray) -> str:
    """Predict as ``soilpb predict`` does, and say how that ended."""
    try:
        table = stored_model.predict_files(site, spectra)[0].to_numpy(float)
    except (ValueError, OSError) as error:
        return f"refused: {error}" if "\n" not in str(error) else f"FAULT, several lines: {error}"
    except Exception as error:
        return f"FAULT {type(error).__name__}: {error}"
    same = table.shape == expected.shape and np.allclose(table, expected, rtol=1e-3, atol=1e-6)
    return "harmless" if same else "FAULT other values"


def main(n: int = 100, seed: int = 0) -> None:
    """Make a site's model, alter it, and print how each alteration ended."""
    from tests.user_site import write_project

    root = Path(tempfile.mkdtemp())
    os.chdir(root)
    write_project(root)
    study = Study.load("mine", "02_pretraining")
    SpectralNetwork.random(study.X, study.grid, ("pH",)).save(study.folder())
    candidates = site_model.make_candidates(study, ["features-pls"])
    model = site_model.fit_site_model(study, candidates)
    stored_model.store_site_model(study, model, {"R2": 0.5}, ["a limit"])
    folder, new = study.folder(stored_model.CHAPTER) / stored_model.FOLDER, root / "data" / "new.csv"
    expected = stored_model.predict_files("mine", new)[0].to_numpy(float)
    if not os.fork():  # what makes bombs needs memory that is not to be counted
        for i, (name, files) in enumerate(alterations(read_files(folder), n, seed)):
            altered = root / "altered" / f"{i:03d}"
            altered.mkdir(parents=True)
            write_files(altered, files)
            (altered / "name").write_text(name)
        os._exit(0)
    os.wait()
    endings: Counter[str] = Counter()
    for altered in sorted((root / "altered").iterdir()):
        name = (altered / "name").read_text()
        shutil.copytree(altered, folder, dirs_exist_ok=True)
        start = time.perf_counter()
        if not os.fork():
            (altered / "ending").write_text(judge("mine", new, expected))
            os._exit(0)
        usage = os.wait3(0)[2]
        ending = (altered / "ending").read_text() if (altered / "ending").exists() else "FAULT killed"
        seconds, peak = time.perf_counter() - start, usage.ru_maxrss / 1e3
        ending = f"FAULT slow or large, {ending}" if seconds > 5 or peak > 500 else ending
        endings[ending.split(":")[0]] += 1
        print(f"{name[:60]:60s} {seconds:4.1f} s {peak:4.0f} MB  {ending[:150]}", flush=True)
        shutil.rmtree(altered)
    print(dict(endings))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
