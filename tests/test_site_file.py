"""Site files and notebook parameters: what is not known is an error."""

from pathlib import Path
from typing import get_args

import pytest
import yaml

from soilpb import site_file
from soilpb.site_file import SiteError
from tests.cases import case

ROOT = Path(__file__).parents[1]
SITE_FILES = sorted((ROOT / "notebooks" / "sites").glob("*.yml"))
TWIN = {"site": "gejiu", "target_data": "twin"}


def write(folder, **values):
    path = folder / "mine.yml"
    path.write_text(yaml.safe_dump({"site": "mine", "target_data": "twin", **values}))
    return path


@pytest.mark.parametrize("path", SITE_FILES, ids=lambda p: p.stem)
def test_every_committed_site_file_is_valid(path):
    """Each site file in the repository loads and is named as it says."""
    assert site_file.load_site_file(path).site == path.stem


@pytest.mark.parametrize("path", SITE_FILES, ids=lambda p: p.stem)
def test_an_unknown_key_is_an_error_in_every_site_file(path, tmp_path):
    """Adding a misspelt key to any site file is refused with the nearest known key."""
    copy = tmp_path / path.name
    copy.write_text(path.read_text() + "\nbandstart: 400\n")
    with pytest.raises(SiteError, match=r"unknown key 'bandstart' \(did you mean 'band_start'\?\)"):
        site_file.load_site_file(copy)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"seed": "1"}, "seed is '1'"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"target_scale": "ln"}, "target_scale is 'ln'.*'log' or 'natural'"),
        ({"band_step": 0}, "band_step is 0"),
        ({"band_start": 900, "band_stop": 500}, "band_stop 500 must lie above band_start 900"),
        ({"target_data": "files"}, "give both 'spectra' and 'laboratory'"),
        ({"target_data": "limesoda"}, "give 'limesoda_set'"),
        ({"site": "other"}, "expected the file's name, mine"),
        ({"site": "../up"}, "site is '../up'"),
        ({"title": ["a", "list"]}, "title is"),
        ({"title": "bell \a"}, "title holds a control character"),
        ({"title": "x" * 5000}, "title is 'xxx.*2000 characters"),
        ({"band_stop": float("inf")}, "band_stop is inf.*finite"),
        ({"band_start": float("nan")}, "band_start is nan.*finite"),
        ({"band_stop": 1e9}, "band_stop is 1000000000.0.*3000"),
        ({"band_step": 1e-7}, "band_step is 1e-07.*0.2"),
        ({"band_step": 5000}, "band_step 5000 leaves 1 bands; at least 9"),
        ({"target": "Pb$x$_mg_kg"}, "target is 'Pb.x._mg_kg'; expected a laboratory column.* without markup"),
        ({"target": "<b>Pb</b>"}, "target is '<b>Pb</b>'"),
        ({"seed": 10**30}, "seed is 1000.*less than"),
        ({"source_size": 10**12}, "source_size is 10.*1000000"),
    ],
)
def test_a_fault_is_named_with_its_value(values, message, tmp_path):
    """Wrong types and contradictions are refused, in one line that names the file."""
    with pytest.raises(SiteError, match=message) as caught:
        site_file.load_site_file(write(tmp_path, **values))
    assert "mine.yml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_whole_numbers_may_stand_for_wavelengths(tmp_path):
    """``band_start: 400`` is 400.0; a string is not."""
    assert site_file.load_site_file(write(tmp_path, band_start=400)).band_start == 400.0
    with pytest.raises(SiteError, match="band_start is '400'"):
        site_file.load_site_file(write(tmp_path, band_start="400"))


def row_of(name, field):
    """Row of a key in the book's table."""
    choices = [f"`{choice}`" for choice in get_args(field.annotation)]
    default = "required" if field.is_required() else f"`{field.default}`" if field.default != "" else "–"
    if isinstance(field.default, float):
        default = f"`{field.default:g}`"
    about = field.description + (f" ({', '.join(choices)})" if choices else "")
    return f"| `{name}` | {default} | {about} |"


def test_the_book_explains_every_key():
    """The table of the conventions has each key with its default, choices and meaning, and no other."""
    page = (ROOT / "book" / "conventions.md").read_text()
    section = page.split("(sec-site-file)=")[1].split("\n(sec-")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    assert rows == [row_of(name, field) for name, field in site_file.Site.model_fields.items()]


def test_single_keys_can_be_replaced(tmp_path):
    """A replaced key is checked like the file's own, and the others stay."""
    path = write(tmp_path, seed=3)
    site = site_file.load_site_file(path, title="Other")
    assert (site.title, site.seed) == ("Other", 3)
    with pytest.raises(SiteError, match="unknown key 'titel'"):
        site_file.load_site_file(path, titel="Other")


def test_what_is_not_yaml_is_refused(tmp_path):
    """A broken file and a list are refused with the file's name."""
    path = tmp_path / "mine.yml"
    path.write_text("site: [unclosed")
    with pytest.raises(SiteError, match="mine.yml is not plain YAML"):
        site_file.load_site_file(path)
    path.write_text("- a\n- b\n")
    with pytest.raises(SiteError, match="holds list"):
        site_file.load_site_file(path)


BOMB = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}' if i else 'x'] * 10)}]\n" for i in range(9))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{BOMB}site: mine\n", r"line 2 has an alias \(\*\) or a tag"),
        ("site: &a mine\ntitle: *a\n", "line 2 has an alias"),
        ("site: !!python/object/apply:os.system [true]\n", "line 1 has an alias.* or a tag"),
        (f"site: {'[' * 50_000}\n", "line 1 is nested more than 5 levels deep"),
        (f"site: {'{a: ' * 10}\n", "nested more than 5 levels"),
        ("site: mine\nseed: 1\nseed: 2\n", "line 3 has the key 'seed' again"),
        ("site: mine\n'seed': 1\nseed: 1\n", "line 3 has the key 'seed' again"),
        ("seed: 2027-13-45\n", "month must be in"),
        (f"title: {'x' * 200_000}\n", "200,008 characters are more than 100,000"),
        ("title: \x07\n", "special characters are not allowed"),
    ],
)
def test_yaml_is_read_in_bounded_time_and_memory(text, message, tmp_path):
    """Aliases, tags, depth, length and repeated keys are refused at once."""
    path = tmp_path / "mine.yml"
    path.write_text(text)
    with pytest.raises(SiteError, match=f"mine.yml is not plain YAML: .*{message}") as caught:
        site_file.load_site_file(path)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("yaml_alias_bomb/bomb.yml", "line 2 has an alias"),
        ("site_file_numbers/bad.yml", "band_stop is inf"),
    ],
)
def test_site_files_that_went_wrong_are_refused(name, message):
    """The files of the cases."""
    folder, _, file = name.partition("/")
    with pytest.raises(SiteError, match=message):
        site_file.load_site_file(case(folder) / file)


def test_a_missing_site_lists_the_known():
    """A misspelt site names the nearest and all there are."""
    with pytest.raises(SiteError, match=r"did you mean 'gejiu'.*there are: .*gejiu"):
        site_file.load_site_file("gejju")


def test_parameters_are_taken_where_annotated_or_known_to_sites():
    """A chapter's own parameters and any site key pass; kernel names do not count."""
    namespace = {"In": [], "_x": 1, "n_repeats": 2, "seed": 7, "np": pytest}
    assert site_file.check_parameters(namespace, {"n_repeats": int}) == {"n_repeats": 2, "seed": 7}


@pytest.mark.parametrize(
    ("namespace", "message"),
    [
        ({"n_repeets": 2}, r"unknown parameter 'n_repeets' \(did you mean 'n_repeats'\?\)"),
        ({"n_repeats": "2"}, r"n_repeats is '2' \(str\); expected int"),
        ({"n_repeats": True}, r"n_repeats is True \(bool\); expected int"),
        ({"models": ["PLS"]}, "unknown parameter 'models'"),
    ],
)
def test_a_wrong_parameter_is_an_error(namespace, message):
    """What papermill only warns of stops the chapter."""
    with pytest.raises(SiteError, match=message):
        site_file.check_parameters(namespace, {"n_repeats": int})


def test_only_libraries_of_files_have_a_folder():
    """LUCAS and OSSL lie where the site file says, or in data/ under their name; others are installed."""

    def folder(**values):
        return site_file.library_folder(site_file.make_site({**TWIN, **values}))

    assert folder(source="twin") is folder(source="limesoda") is None
    assert folder(source="ossl") == ROOT / "data" / "ossl"
    assert folder(source="lucas2009", source_folder="/big/disk") == Path("/big/disk")
