"""What a kept model says of new spectra: a table, and remarks that belong to it."""

from pathlib import Path

import pandas as pd
import pytest

from soilpb.decide import stored_model
from soilpb.site_file import SiteError
from tests.test_cli_predict import project  # noqa: F401 (a fixture)

NEW = Path("data/new.csv")


def test_the_table_is_that_of_the_kept_model(project):  # noqa: F811
    """What the stored model says of spectra from a file equals what it says of them in memory."""
    _, study, new = project
    table, remarks = stored_model.predict_files("mine", NEW)
    expected = stored_model.predict_soils(
        stored_model.load_site_model(study), new, "Pb_mg_kg", "GB 15618-2018"
    )
    pd.testing.assert_frame_equal(table, expected, rtol=1e-4, check_dtype=False)
    assert any("20 soils predicted by the model of mine" in remark for remark in remarks)


def test_values_beyond_those_learnt_from_are_counted(project):  # noqa: F811
    """A remark says how many predictions lie outside the laboratory values of the site."""
    _, study, _ = project
    table, remarks = stored_model.predict_files("mine", NEW)
    low, high = stored_model.load_site_model(study).card["target_range"]
    beyond = int((~table["Pb_mg_kg"].between(low, high)).sum())
    told = [remark for remark in remarks if "beyond the values it was made from" in remark]
    assert [remark.split()[0] for remark in told] == ([str(beyond)] if beyond else [])


def test_a_standard_that_nobody_wrote_is_refused(project):  # noqa: F811
    """The refusal lists the standards that are there."""
    with pytest.raises(SiteError, match=r"no standard 'GB 1'; there are: .*GB 15618-2018"):
        stored_model.predict_files("mine", NEW, standard="GB 1")
