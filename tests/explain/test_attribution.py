"""Tables of credit by wavelength and by band."""

import numpy as np
import pytest

from soilpb.explain.attribution import Attribution, band_members

WAVELENGTHS = np.array([500.0, 510.0, 520.0, 540.0])


@pytest.fixture
def known():
    """Two soils, four wavelengths, credit that cancels between the first two."""
    credit = np.array([[1.0, -1.0, 2.0, 0.0], [-1.0, 1.0, 0.0, 0.0]])
    inputs = np.array([[1.0, 1.0, 3.0, 1.0], [0.0, 0.0, 1.0, 1.0]])
    return Attribution("known", WAVELENGTHS, credit, inputs, predicted=np.array([7.0, 5.0]), base=5.0)


def test_profile_is_tidy(known):
    """One row a wavelength: size, mean, size a nanometre and the sign of the effect."""
    table = known.profile("ResNet-pH", draw=3)
    assert (table["model"] == "ResNet-pH").all()
    assert (table["draw"] == 3).all()
    assert table["wavelength"].tolist() == WAVELENGTHS.tolist()
    assert table["mean_abs"].tolist() == [1, 1, 1, 0]
    assert table["mean"].tolist() == [0, 0, 1, 0]
    assert table["per_nm"].tolist() == [0.1, 0.1, 1 / 15, 0]
    assert table["direction"].tolist() == pytest.approx([1, -1, 1, 0])


def test_bands_sum_credit_before_its_size_is_taken(known):
    """Opposite credit of neighbours cancels inside a band: the band as a whole did nothing."""
    table = known.bands(np.array([500.0, 515.0, 545.0]), "ResNet-pH")
    assert table["mean_abs"].tolist() == [0, 1]
    assert table["per_nm"].tolist() == [0, 1 / 30]
    assert table["start"].tolist() == [500, 515]
    assert table["stop"].tolist() == [515, 545]


def test_credit_per_nanometre_does_not_grow_with_width():
    """Evenly spread credit is equal per nanometre in a narrow and in a wide band."""
    wavelengths = np.arange(400.0, 500.0, 10.0)
    even = Attribution("even", wavelengths, np.ones((2, 10)), np.ones((2, 10)), np.ones(2), 0.0)
    per_nm = even.bands(np.array([400.0, 420.0, 500.0]), "even")["per_nm"]
    assert per_nm.nunique() == 1


def test_lost_credit_is_an_error(known):
    """A gap beyond the tolerance is refused; within it, the attribution passes through."""
    assert known.additivity_error == 0
    assert known.require_additivity() is known
    known.attributions[0, 0] += 0.1
    with pytest.raises(ArithmeticError, match=r"known: credit misses the predictions by up to 0\.1"):
        known.require_additivity()


def test_bands_are_half_open():
    """A wavelength on an edge belongs to the band it opens, and to no other."""
    members = band_members(WAVELENGTHS, np.array([500.0, 510.0, 540.0]))
    assert members.astype(int).tolist() == [[1, 0, 0, 0], [0, 1, 1, 0]]


def test_an_empty_band_is_refused(known):
    """A band without wavelengths would look like one without credit."""
    with pytest.raises(ValueError, match="the band 525–535 nm holds no wavelength"):
        known.bands(np.array([500.0, 525.0, 535.0, 545.0]), "ResNet-pH")
