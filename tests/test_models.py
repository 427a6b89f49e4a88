"""The registry: every model, whatever it is, learns from training rows only and nothing from noise."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from soilpb.evaluate import comparison, cross_validation, splits
from soilpb.models import baselines
from soilpb.models.network import SpectralNetwork
from soilpb.models.resnet import ResNetConfig
from soilpb.models.training import TrainingConfig

WAVELENGTHS = np.arange(500.0, 900.0, 10.0)
EPOCHS = 2


def simulate(n, seed):
    """Reflectance of n soils, and the depth of one absorption in each."""
    rng = np.random.default_rng(seed)
    depth = rng.uniform(0, 0.5, n)
    band = np.exp(-0.5 * ((WAVELENGTHS - 700) / 30) ** 2)
    slope = rng.uniform(0.2, 0.4, n)[:, None] * np.linspace(1, 0, len(WAVELENGTHS))
    noise = rng.normal(0, 0.003, (n, len(WAVELENGTHS)))
    return (10 ** -(0.3 + slope + depth[:, None] * band + noise)).astype(np.float32), depth


@pytest.fixture(scope="module")
def source():
    """A small network that learned the depth as pH."""
    X, depth = simulate(150, seed=0)
    config = ResNetConfig(len(WAVELENGTHS), stem_channels=4, stem_stride=2, channels=(6, 8))
    return SpectralNetwork.fit(X, 4 + 8 * depth, WAVELENGTHS, ["pH"], config, TrainingConfig(epochs=4))


@pytest.fixture(scope="module")
def soils():
    X, depth = simulate(33, seed=1)
    return X, 20 + 40 * depth


@pytest.fixture(params=baselines.MODELS)
def model(request, source):
    """Every entry of the registry, its networks at few epochs."""
    return next(iter(baselines.make_models(source, [request.param], epochs=EPOCHS).values()))


def test_a_permuted_target_is_not_learned(model, soils):
    """Through the whole nested pipeline, a shuffled target scores a mean R² of 0 or less."""
    X, y = soils
    shuffled = np.random.default_rng(0).permutation(y)
    folds = splits.repeated_kfold(range(len(y)), n_splits=3, n_repeats=2, seed=0)
    scores = cross_validation.score_predictions(
        cross_validation.cross_validate({"model": model}, X, shuffled, folds)
    )
    pooled = scores[(scores["metric"] == "R2") & (scores["fold"] == cross_validation.POOLED)]
    assert pooled["value"].mean() <= 0


def test_test_rows_change_nothing_that_is_learned(model, soils):
    """With other spectra and targets in all test rows but one, that one's prediction is bit-equal."""
    X, y = soils
    folds = splits.random_split(range(len(y)), seed=3)
    fold = next(splits.iterate_folds(folds, range(len(y))))
    kept, others = fold.test[0], fold.test[1:]
    X_other, y_other = X.copy(), y.copy()
    X_other[others], y_other[others] = X[others][:, ::-1] ** 2, -50.0

    before, after = (
        cross_validation.cross_validate({"model": model}, *data, folds).set_index("sample")["predicted"]
        for data in ((X, y), (X_other, y_other))
    )
    assert before[kept] == after[kept]
    assert (before[others] != after[others]).all()


def test_a_permuted_target_has_no_winner():
    """On a shuffled target the comparison with PLS names nobody better, over several shufflings."""
    quick = baselines.make_models(keys=("pls", "ridge", "blocks"))
    X, y = simulate(60, seed=2)
    folds = splits.repeated_kfold(range(60), n_repeats=2)
    outcomes = []
    for seed in range(2):
        shuffled = np.random.default_rng(seed).permutation(y)
        scores = cross_validation.score_predictions(
            cross_validation.cross_validate(quick, X, shuffled, folds)
        )
        outcomes += [
            comparison.decide_verdict(row)
            for row in comparison.compare_models(scores, folds, "PLS").to_dict("records")
        ]
    assert "better" not in outcomes


def test_every_model_is_a_fresh_scikit_learn_regressor(model):
    """An entry makes an unfitted estimator that can be cloned with equal parameters."""
    assert clone(model).get_params().keys() == model.get_params().keys()
    assert not [name for name in vars(model) if name.endswith("_")]


def test_names_are_the_studys():
    """With the target's symbol, the four models of the study are named as there."""
    names = [baselines.model_name(key, "Pb") for key in baselines.STUDY_MODELS]
    assert names == ["PLS-Pb", "SVM-Pb", "ResNet-Pb", "ResNet-pH-Pb"]
    assert len({baselines.model_name(key) for key in baselines.MODELS}) == len(baselines.MODELS)


def test_without_a_source_there_is_no_transfer():
    """A site without a source network gets every model but those that start from one."""
    made = baselines.make_models(None, baselines.installed_models())
    expected = {baselines.model_name(key) for key, entry in baselines.MODELS.items() if not entry.transfer}
    assert made.keys() == expected


def test_an_unknown_key_is_refused():
    """A misspelt model is an error that lists those there are."""
    with pytest.raises(KeyError, match=r"no model 'plsr'; there are: pls, "):
        baselines.make_models(keys=["plsr"])


def test_a_missing_optional_package_is_named(monkeypatch):
    """Without Cubist's package every other model is there; asking for Cubist says what to install."""
    monkeypatch.setattr(baselines, "find_spec", lambda name: None)
    assert set(baselines.MODELS) - set(baselines.installed_models()) == {"cubist"}
    with pytest.raises(ModuleNotFoundError, match=r"'cubist' needs .*: pip install 'soilpb\[cubist\]'"):
        baselines.make_models(keys=["pls", "cubist"])


def test_description_covers_the_league(source):
    """Each model of the league is described in one row, under the name the tables use."""
    table = baselines.describe_models(target="Pb")
    assert table["model"].tolist() == list(baselines.make_models(source, target="Pb"))
    assert table["what it learns"].str.len().gt(10).all()
