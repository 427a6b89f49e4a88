"""Models in folders: what was learned (a skops file), a card that describes it, and checksums of both.

Only types of :data:`TRUSTED`, scikit-learn's own and arrays are made again. Anybody can write new checksums,
so whoever loads a model checks what it is. ``sha256sum -c SHA256SUMS`` verifies a folder, too.
"""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Callable, Mapping
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, Field, FiniteFloat, ValidationError
from sklearn.exceptions import InconsistentVersionWarning

from soilpb._files import atomic_write, load_card, require, save_card, sha256_of

ESTIMATORS, CARD, SUMS = "estimators.skops", "card.json", "SHA256SUMS"

#: Types that stored estimators may be made of, beside scikit-learn's estimators and plain arrays.
TRUSTED = [
    f"{module}.{name}"
    for module, names in {
        "soilpb.models.baselines": "BoundedAverage GaussianProcess Matern _divide_by_root_bands",
        "soilpb.models.inner_folds": "InnerFolds",
        "soilpb.models.linear": "MiniRocket RidgeKFold SensorFusion",
        "soilpb.models.network": "SpectralNetwork",
        "soilpb.models.pls": "PLSCV",
        "soilpb.models.preprocessing": "EvenComponents Scaling",
        "soilpb.models.transfer": "EmbeddingPLS NetworkFeatures NetworkRegressor",
        "soilpb.spectra": "absorbance",
        "chemotools.derivative._savitzky_golay": "SavitzkyGolay",
        "chemotools.scatter._standard_normal_variate": "StandardNormalVariate",
        "numpy": "asarray",
        "sklearn.gaussian_process.kernels": "ConstantKernel Product Sum WhiteKernel",
        "sklearn.metrics._regression": "root_mean_squared_error",
        "sklearn.metrics._scorer": "_Scorer",
        "sklearn.tree._tree": "Tree",
        "sklearn.utils._bunch": "Bunch",
    }.items()
    for name in names.split()
]
#: Packages whose versions a card states.
MADE_WITH = ("soilpb", "scikit-learn", "skops", "numpy", "torch")

#: Most bytes of a file, which is read into memory as a whole.
LARGEST = {ESTIMATORS: 300_000_000, CARD: 5_000_000}


def _ascending(values: list[float]) -> list[float]:
    if not all(low < high for low, high in pairwise(values)):
        raise ValueError("they should ascend")
    return values


#: Of a card, nm.
Wavelengths = Annotated[list[FiniteFloat], Field(min_length=2), AfterValidator(_ascending)]


def save_fitted(folder: str | Path, fitted: Mapping[str, Any], card: Mapping[str, Any]) -> Path:
    """Write fitted estimators, arrays and texts (in dictionaries, lists, tuples), a card, checksums of both.

    The card is for JSON, numpy arrays included; the versions of :data:`MADE_WITH` are added. An estimator of
    a type that could not be read back is a TypeError.
    """
    import skops.io  # takes half a second

    folder = Path(folder)
    with atomic_write(folder / ESTIMATORS) as temporary:
        try:
            skops.io.dump(dict(fitted), temporary)
            if unknown := sorted(set(skops.io.get_untrusted_types(file=temporary)) - set(TRUSTED)):
                raise TypeError(f"it is made of {unknown[0]}")
            if (size := temporary.stat().st_size) > LARGEST[ESTIMATORS]:
                raise TypeError(f"it takes {size:,} bytes")
        except TypeError as error:
            raise TypeError(f"a model cannot be stored: {error}; keep another one") from error
    save_card(folder / CARD, {**card, "versions": {name: version(name) for name in MADE_WITH}})
    with atomic_write(folder / SUMS) as temporary:
        temporary.write_text("".join(f"{sha256_of(folder / each)}  {each}\n" for each in LARGEST))
    return folder


def load_fitted(
    folder: str | Path, made_by: str = "", build: Callable[[dict, dict], Any] = lambda *read: read
) -> Any:
    """Read fitted estimators and their card back: they predict bit for bit what they predicted.

    Returns what ``build`` makes of both, the two themselves if omitted. A file that is not there is a
    MissingArtifact; whatever else fails, in whichever library, a ValueError of one line that names
    ``made_by``, the command that makes the folder again.
    """
    try:
        return build(*_read(Path(folder), made_by))
    except OSError:
        raise
    except Exception as error:
        found = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
        if isinstance(error, ValidationError):
            first = error.errors()[0]
            found = f"{CARD}, {'.'.join(map(str, first['loc']))}: {first['msg']}"
        again = f"make it again{' with: ' + made_by if made_by else ''}"
        raise ValueError(f"{folder} cannot be used: {' '.join(found.split())[:400]}; {again}") from error


def _read(folder: Path, made_by: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Read both, after they were found to be the files that the checksums are of."""
    import skops.io

    sealed = require(folder / SUMS, made_by).read_text().splitlines()
    for each, most in LARGEST.items():
        if require(folder / each, made_by).stat().st_size > most:
            raise ValueError(f"{each} is larger than {most:,} bytes")
        if f"{sha256_of(folder / each)}  {each}" not in sealed:
            raise ValueError(f"{each} is not the file that {SUMS} is of: it was altered or half copied")
    card, path = load_card(folder / CARD), folder / ESTIMATORS
    made, here = card["versions"]["scikit-learn"], version("scikit-learn")
    if made.split(".")[:2] != here.split(".")[:2]:
        raise ValueError(f"it was made with scikit-learn {made}, and {here} is installed")
    with zipfile.ZipFile(path) as archive:  # skops compresses nothing
        if sum(member.file_size for member in archive.infolist()) > path.stat().st_size:
            raise ValueError(f"{ESTIMATORS} unpacks to more than it is")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)  # within one release
        return skops.io.load(path, trusted=TRUSTED), card
