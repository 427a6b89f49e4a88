"""The study's choices are checked, drawn evenly, and scored by the models they describe."""

from itertools import product

import numpy as np
import pandas as pd
import pytest

from soilpb.evaluate import protocols
from soilpb.models.transfer import NetworkRegressor
from soilpb.site_file import SiteError, project_root
from soilpb.study import Study

FILE = project_root() / "notebooks" / "protocol.yml"


@pytest.fixture(scope="module")
def choices():
    return protocols.load_protocol()


@pytest.fixture(scope="module")
def study():
    return Study.load("cv98", "04_baselines", source_size=150, n_target=60)


def test_our_defaults_are_what_chapters_do(choices):
    """What the file calls our default is what the models of the chapters are."""
    assert choices["target_epochs"].default == NetworkRegressor().epochs
    assert choices["batch_size"].default == NetworkRegressor().batch_size
    assert choices["seed"].default == Study.load("gejiu").site.seed
    assert choices["target_scale"].default == Study.load("gejiu").site.target_scale
    assert all(choice.others for choice in choices.values() if choice.status == "assumed")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("split:\n", "splitt:\n", "splitt"),
        (
            "default: random\n",
            "default: randon\n",
            "'random', 'Kennard–Stone', 'SPXY' or '5-fold', got 'randon'",
        ),
        ("others: [60]", "others: [0]", "target_epochs: .* greater than or equal to 1, got 0"),
        ("varied: true", "vary: true", "split.vary: Extra inputs"),
        ("where: abstract\n  default: LUCAS", "default: LUCAS", "source_library: .* 'stated' needs 'where'"),
        (
            "status: stated\n  where: abstract\n  default: 0.77",
            "status: known\n  default: 0.77",
            "published_r2.status",
        ),
        ("what: width of the network", "waht: width of the network", "channels.waht"),
    ],
)
def test_a_fault_in_the_file_is_named(old, new, message, tmp_path):
    """A choice that is missing, unknown or impossible is an error that says which, and what was expected."""
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "protocol.yml").write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(SiteError, match=message):
        protocols.load_protocol(tmp_path / "protocol.yml")


def test_what_the_study_states_is_not_varied(choices):
    """Once a choice is stated, every protocol has it; the levels of the others come equally often."""
    stated = choices["split"].model_copy(update={"default": "SPXY", "others": (), "status": "stated"})
    drawn = protocols.choose_protocols(choices | {"split": stated}, 12, seed=1)
    assert {one.split for one in drawn} == {"SPXY"}
    assert pd.Series([one.preprocessing for one in drawn]).value_counts().tolist() == [4, 4, 4]
    assert drawn == protocols.choose_protocols(choices | {"split": stated}, 12, seed=1)


def test_a_protocol_is_done_as_it_says(choices, study, monkeypatch):
    """Depth, preprocessing and what is frozen reach the networks; protocols that agree share one."""
    made, default = [], {name: choices[name].default for name in protocols.Protocol.model_fields}
    monkeypatch.setattr(
        protocols, "cross_validate", lambda models, X, y, folds, ids, groups: made.append((models, y, folds))
    )
    monkeypatch.setattr(
        protocols,
        "score_predictions",
        lambda _: pd.DataFrame({"metric": ["R2"], "fold": [-1], "model": "pls", "value": 0}),
    )
    asked = {"preprocessing": "first derivative", "residual_blocks": 2, "source_epochs": 1}
    varied = [
        asked,
        asked | {"layers_frozen": "all but the head", "target_scale": "natural", "split": "5-fold"},
    ]
    rows = list(protocols.run_protocols(study, [protocols.Protocol(**default | one) for one in varied]))
    (first, y, folds), (second, natural, fold5) = made
    assert [row["layers_frozen"] for row in rows] == ["none", "all but the head"]
    assert first["resnet-ph"].source is second["resnet-ph"].source
    for shape in (first["resnet"].config, first["resnet-ph"].source.network.config):
        assert (shape.channels, shape.preprocessing) == ((32, 48), "d1")
    assert (first["resnet-ph"].strategy.blocks, second["resnet-ph"].strategy.blocks) == (None, 0)
    np.testing.assert_allclose(np.exp(y), natural)
    assert (folds["fold"].nunique(), fold5["fold"].nunique()) == (1, 5)


def test_a_share_is_as_sure_as_its_draws():
    """Protocols of one draw that all win or all lose together count as one."""
    draws = pd.Series(np.repeat(np.arange(10), 20))
    _, low, high = protocols.share_with_interval(draws < 5, draws)
    assert low < 0.25
    assert high > 0.75
    alone = protocols.share_with_interval(draws < 5, pd.Series(np.arange(200)))
    assert alone[2] - alone[1] < 0.15
    assert protocols.share_with_interval(draws < 5, 0 * draws)[1:] == (0, 1)


def test_the_choice_that_moves_most_is_found():
    """Of two planted effects the larger comes first, and a choice without any has none."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame([*product([0, 1], repeat=3)] * 50, columns=["large", "small", "none"])
    table["R2"] = 2 * table["large"] + table["small"] + 0.1 * rng.standard_normal(400)
    effects = protocols.main_effects(table, "R2", ["none", "small", "large"])
    assert list(effects.index) == ["large", "small", "none"]
    np.testing.assert_allclose(effects, [0.8, 0.2, 0], atol=0.03)
