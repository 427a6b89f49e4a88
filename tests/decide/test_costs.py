"""The cheapest action is the one that is cheapest once the truth is known, on average."""

import numpy as np
import pytest

from soilpb.decide import exceedance
from soilpb.decide.exceedance import ACTIONS, Costs

COSTS = Costs(analysis=50, remediation=1000, harm=4000)


def test_expected_cost_is_the_mean_of_what_is_incurred():
    """For each action, the expected cost at p is the average over many soils of which p exceed."""
    exceeded = np.random.default_rng(0).uniform(size=100_000) < 0.3
    table = exceedance.expected_costs(np.array([0.3]), COSTS).iloc[0]
    for action in ACTIONS:
        paid = exceedance.incurred_costs(np.full(exceeded.shape, action), exceeded, COSTS).mean()
        assert paid == pytest.approx(table[action], rel=0.02)


def test_the_choice_changes_at_the_thresholds():
    """Just below a threshold the cheaper action is another than just above it."""
    low, high = COSTS.thresholds()
    p = np.array([low - 1e-6, low + 1e-6, high - 1e-6, high + 1e-6])
    assert exceedance.expected_costs(p, COSTS)["best"].tolist() == ["ignore", "send", "send", "remediate"]


@pytest.mark.parametrize(
    ("given", "best"),
    [
        (Costs(analysis=50, remediation=1000, harm=800), "ignore"),  # treating costs more than the harm
        (Costs(analysis=5000, remediation=1000, harm=4000), "remediate"),  # a laboratory too dear
        (Costs(analysis=0, remediation=1000, harm=4000), "send"),
    ],
)
def test_extreme_costs_have_their_obvious_answer(given, best):
    """At even odds a useless treatment is left, a dear laboratory is skipped, a free one is asked."""
    assert exceedance.expected_costs(np.array([0.5]), given)["best"][0] == best


def test_deciding_by_true_probabilities_beats_treating_all_alike():
    """With calibrated probabilities the decision costs least of all policies but knowing the truth."""
    rng = np.random.default_rng(0)
    p = rng.beta(0.3, 0.6, 5000)
    table = exceedance.compare_policies(p, rng.uniform(size=5000) < p, COSTS).set_index("policy")
    alike = [f"{action} all" for action in ACTIONS]
    assert (
        table.loc["knowing all", "cost"]
        < table.loc["by probability", "cost"]
        < table.loc[alike, "cost"].min()
    )
    np.testing.assert_allclose(table[list(ACTIONS)].sum(axis=1), 1)


def test_an_unknown_probability_has_no_best_action():
    """Without a probability nothing is recommended."""
    assert exceedance.expected_costs(np.array([np.nan, 0.5]), COSTS)["best"].isna().tolist() == [True, False]


def test_negative_costs_are_refused():
    """A cost below 0 is a mistake."""
    with pytest.raises(ValueError, match="harm is -1"):
        Costs(1, 1, -1)
