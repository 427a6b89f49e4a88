"""Confidence limits of a mean: equal to published ones, and right where the truth is known."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from soilpb.decide import confidence_limits as limits
from tests.test_results import RESULTS

# Published data and printed results. EnvStats: the manual of version 3.1.0 (Millard 2013). ProUCL: the
# technical guide of version 5.2 (EPA/600/R-22/190), examples 2-3, 2-4 and 4-9.
#: Soil at a Superfund site (USEPA 1992, 9285.7-08I, highlights 7 and 8); in EnvStats, ``elnormAlt``.
CHROMIUM_92 = "10 13 20 36 41 59 67 110 110 136 140 160 200 230 1300"
#: TcCB in soil, reference area (USEPA 1994, 230-R-94-004); in EnvStats, ``elnormAlt`` and ``egamma``.
TCCB = """.22 .23 .26 .27 .28 .28 .29 .33 .34 .35 .38 .39 .39 .42 .42 .43 .45 .46 .48 .50 .50 .51 .52 .54 .56
.56 .57 .57 .60 .62 .63 .67 .69 .72 .74 .76 .79 .81 .82 .84 .89 1.11 1.13 1.14 1.14 1.20 1.33"""
#: Lead in soil (Beal 2010), with detection limits; in EnvStats, ``enparCensored``.
LEAD = """<1 <1 2 2.5 2.8 <3 3.4 3.9 <4 <4 <4 4.5 4.9 5.5 5.5 5.5 <6 6.7 6.9 7.4 <9 9.5 <10 <10 10 15 49 200
9060"""
#: ProUCL 5.2, example 2-4, chromium.
CHROMIUM = "8.7 8.1 11 5.1 12 20 12 11 13 20 9.8 14 17 15 8.4 14 4.5 3 4 11 16.4 7.6 35.5 6.1"
#: ProUCL 5.2, example 2-3, pyrene.
PYRENE = """28 31 32 34 35 35 40 47 48 58 59 63 64 64 67 67 67 72 73 84 86 86 87 94 98 100 103 103 105 107 110
111 117 119 119 122 122 132 133 133 138 163 163 163 163 174 187 190 222 238 273 289 306 333 459 2982"""
#: ProUCL 5.2, example 4-9, Oahu, with detection limits.
OAHU = """<.24 <.24 <1 <.24 <15 <10 <.24 <22 <.24 <5.56 <6.61 1.33 168.6 .28 .47 18.4 .48 .26 3.29 2.35 2.46
1.1 51.97 3.06 200.54"""


def read(text):
    """Values, and which of them are below detection."""
    words = text.split()
    return np.array([float(word.lstrip("<")) for word in words]), np.array([word[0] == "<" for word in words])


def upper(text, method, confidence=0.95):
    return limits.estimate_limits(*read(text), confidence, method).upper


WITHOUT_OUTLIER = PYRENE.rpartition(" ")[0]


@pytest.mark.parametrize(
    ("text", "method", "confidence", "printed"),
    [
        (CHROMIUM_92, "land", 0.95, 496.6282),  # EnvStats
        (CHROMIUM_92, "student", 0.95, 320.3304),  # EnvStats
        (TCCB, "land", 0.975, 0.7016992),  # EnvStats
        (LEAD, "student", 0.95, 861.1996),  # EnvStats (Beal), with values below detection
        (CHROMIUM, "student", 0.95, 14.38),  # ProUCL, and its recommendation
        (PYRENE, "chebyshev", 0.95, 401.1),  # ProUCL
        (PYRENE, "student", 0.95, 260.7),  # ProUCL
        (WITHOUT_OUTLIER, "gamma", 0.95, 141.5),  # ProUCL
        (WITHOUT_OUTLIER, "adjusted gamma", 0.95, 142.1),  # ProUCL
    ],
)
def test_upper_limits_equal_published_ones(text, method, confidence, printed):
    """Each limit equals the printed one to its last digit."""
    digits = len(str(printed).partition(".")[2])
    assert round(upper(text, method, confidence), digits) == printed


def test_lower_limit_of_land_and_gamma_limits_by_likelihood_equal_published_ones():
    """EnvStats prints Land's lower limit, and gamma limits of the uncorrected shape at 90 %."""
    values = read(TCCB)[0]
    logs = np.log(values)
    assert round(limits.land_limit(47, logs.mean(), logs.std(ddof=1), 0.025), 7) == 0.5243787
    shape = limits.gamma_shape(values)
    assert round(shape, 7) == 4.5695247
    by_likelihood = (shape - 2 / (3 * 47)) * 47 / 44
    found = [limits.gamma_limits(47, values.mean(), by_likelihood, 0.9, adjusted=a)[1] for a in (False, True)]
    assert [round(found[0], 7), round(found[1], 5)] == [0.6532188, 0.65467]


def test_kaplan_meier_equals_published_estimates():
    """With values below detection: EnvStats' (Beal's) lead, and ProUCL's Oahu."""
    estimate = limits.estimate_mean(*read(LEAD))
    assert [round(number, 4) for number in estimate[1:]] == [325.3396, 1651.0950, 315.0023]
    oahu = limits.estimate_mean(*read(OAHU))
    assert [round(oahu.mean, 4), round(oahu.sd**2, 4)] == [18.4897, 2527.9183]


@pytest.mark.parametrize(
    ("text", "method", "printed"),
    [(PYRENE, "bca", 336.7), (PYRENE, "bootstrap-t", 525.2), (LEAD, "bootstrap-t", 62169)],
)
def test_bootstraps_are_near_published_ones(text, method, printed):
    """Those of ProUCL, values below detection among them: bootstraps draw lots, so within a twentieth."""
    assert upper(text, method) == pytest.approx(printed, rel=0.05)


def test_bca_takes_values_below_detection():
    """It lies above the mean of Kaplan and Meier, and below bootstrap-t, which is for such skewed soils."""
    mean, found = limits.estimate_mean(*read(OAHU)).mean, upper(OAHU, "bca")
    assert mean < found < upper(OAHU, "bootstrap-t")


def test_recommendations_follow_the_distribution():
    """Data of a known kind get the limit made for it, and the words say which kind."""
    shares = {n: (np.arange(n) + 0.5) / n for n in (12, 30, 45, 80)}
    few, some, many = (stats.gamma.ppf(shares[n], k) for n, k in ((12, 0.15), (45, 0.3), (80, 0.3)))
    normal, lognormal = 100 + 10 * stats.norm.ppf(shares[45]), np.exp(2 * stats.norm.ppf(shares[30]))
    found = [
        limits.recommend_method(np.array(x))[0]
        for x in (normal, some, few, many, lognormal, read(CHROMIUM)[0])
    ]
    assert found == ["student", "adjusted gamma", "bootstrap-t", "gamma", "land", "student"]
    assert "lognormal" in limits.recommend_method(lognormal)[1]


def test_lands_limit_holds_exactly_in_the_committed_table():
    """It is exact for lognormal soils; t is not, which the table shows."""
    table = pd.read_csv(RESULTS / "ucl_coverage.csv")
    whole = table[table["below_detection"] == 0]
    assert len(whole) == 9 * (len(limits.METHODS) + 1)
    land = whole[whole["method"] == "land"]
    assert land["upper"].between(0.935, 0.965).all()
    assert land["lower"].between(0.935, 0.965).all()
    assert whole.query("method == 'student' and sd_of_logs == 2 and soils == 8")["upper"].item() < 0.7


def test_equal_values_have_their_value_for_limits():
    """Soils that do not vary leave nothing uncertain."""
    for method in limits.METHODS:
        assert limits.estimate_limits(np.full(5, 7.0), method=method)[:2] == (7, 7)


@pytest.mark.parametrize(
    ("values", "below", "confidence", "message"),
    [
        ([120.0], None, 0.95, "1 soils measured, 1 above detection; .* measure more, or join the unit"),
        ([5.0, 5, 5, 9], [True, True, True, False], 0.95, "4 soils measured, 1 above detection"),
        ([1.0, np.nan, 3], None, 0.95, "all finite"),
        ([1.0, 2, 3, 4], None, 95, "confidence is 95; expected a share"),
    ],
)
def test_what_gives_no_limits_is_refused(values, below, confidence, message):
    """One soil, one detected value, a gap, a confidence in percent."""
    with pytest.raises(ValueError, match=message):
        limits.estimate_limits(np.array(values), below, confidence)
