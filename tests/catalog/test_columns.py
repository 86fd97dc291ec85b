# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which column is which, for the names that surveys use."""

import pytest

from lensmap.catalog import COLUMN_PRESETS, find_columns

HSC1 = "ishape_hsm_regauss_"
HSC3 = "i_hsmshaperegauss_"

# Column names as in the published catalogs, and what they are.
SURVEYS = {
    "hsc_y1": {
        "ra": "ira", "dec": "idec", "e1": f"{HSC1}e1", "e2": f"{HSC1}e2",
        "weight": f"{HSC1}derived_shape_weight", "sigma_m": f"{HSC1}derived_sigma_e",
        "sigma_e": f"{HSC1}derived_rms_e", "m": f"{HSC1}derived_shear_bias_m",
        "c1": f"{HSC1}derived_shear_bias_c1", "c2": f"{HSC1}derived_shear_bias_c2",
    },
    "hsc_y3": {
        "ra": "i_ra", "dec": "i_dec", "e1": f"{HSC3}e1", "e2": f"{HSC3}e2",
        "weight": f"{HSC3}derived_weight", "sigma_m": f"{HSC3}derived_sigma_e",
        "sigma_e": f"{HSC3}derived_rms_e", "m": f"{HSC3}derived_shear_bias_m",
        "c1": f"{HSC3}derived_shear_bias_c1", "c2": f"{HSC3}derived_shear_bias_c2",
    },
    "des_metacal": {
        "ra": "ra", "dec": "dec", "e1": "e_1", "e2": "e_2", "weight": "weight",
        "r11": "R11", "r22": "R22", "r12": "R12", "r21": "R21",
    },
    "kids": {
        "ra": "RAJ2000", "dec": "DECJ2000", "e1": "e1", "e2": "e2", "weight": "weight",
        "redshift": "Z_B",
    },
    "cfhtlens": {
        "ra": "ALPHA_J2000", "dec": "DELTA_J2000", "e1": "e1", "e2": "e2", "weight": "weight",
        "m": "m", "c2": "c2", "redshift": "Z_B",
    },
    "euclid": {
        "ra": "SHE_LENSMC_UPDATED_RA", "dec": "SHE_LENSMC_UPDATED_DEC", "e1": "SHE_LENSMC_G1",
        "e2": "SHE_LENSMC_G2", "weight": "SHE_LENSMC_WEIGHT", "redshift": "PHZ_MEDIAN",
    },
    "generic": {"ra": "ra", "dec": "dec", "e1": "g1", "e2": "g2", "weight": "w", "redshift": "z"},
}


@pytest.mark.parametrize("survey", SURVEYS)
@pytest.mark.parametrize("change", [str, str.lower, str.upper])
def test_surveys_are_known_by_their_columns(survey, change):
    expected = {ours: change(theirs) for ours, theirs in SURVEYS[survey].items()}
    names = ["object_id", *expected.values(), "mag_i"]
    assert find_columns(names) == (expected, survey)
    assert find_columns(names, survey) == (expected, survey)
    assert find_columns(names, survey.replace("_", "-")) == (expected, survey)


def test_every_preset_is_tried_here():
    assert set(SURVEYS) == set(COLUMN_PRESETS)


OWN = ["ra", "dec", "e1", "e2", "weight", "sigma_m", "sigma_e", "redshift", "m", "c1", "c2", "r11",
       "r22", "r12", "r21"]


@pytest.mark.parametrize("change", [str, str.upper])
def test_own_names_are_no_survey_s(change):
    """Response columns alone do not make a catalog that of DES."""
    names = [change(name) for name in OWN]
    assert find_columns(names) == (dict(zip(OWN, names, strict=True)), "generic")


def test_names_that_differ_by_case_only():
    mapping, _ = find_columns(["ra", "RA", "dec", "DEC", "e1", "E1", "e2"])
    assert mapping == {"ra": "ra", "dec": "dec", "e1": "e1", "e2": "e2"}
    with pytest.raises(ValueError, match="the catalog lacks ra: .* among RA, Ra, dec, e1, e2"):
        find_columns(["RA", "Ra", "dec", "e1", "e2"])


def test_pairs_stay_together():
    """One component of another estimate must not be mixed with this one's."""
    mapping, _ = find_columns(["ra", "dec", "e1", "g1", "g2"])
    assert (mapping["e1"], mapping["e2"]) == ("g1", "g2")
    mapping, _ = find_columns(["ra", "dec", "e1", "e2", "g1", "g2"])
    assert (mapping["e1"], mapping["e2"]) == ("e1", "e2")
    with pytest.raises(ValueError, match="lacks e2: "):
        find_columns(["ra", "dec", "e1", "g2"])


@pytest.mark.parametrize("missing", ["ra", "dec", "e1", "e2"])
def test_missing_column(missing):
    names = [name for name in ("ra", "dec", "e1", "e2", "MAG") if name != missing]
    with pytest.raises(ValueError) as caught:
        find_columns(names)
    assert str(caught.value).startswith(
        f"columns must name {missing}: the catalog lacks {missing}: "
    )
    assert ", ".join(names) in str(caught.value)
    with pytest.raises(ValueError, match=f"the preset 'generic' lacks {missing}: "):
        find_columns(names, "generic")


def test_nothing_there():
    with pytest.raises(ValueError, match="lacks ra, dec, e1, e2: .*no columns at all"):
        find_columns([])


def test_ambiguous():
    names = ["RAJ2000", "DECJ2000", "ALPHA_J2000", "DELTA_J2000", "e1", "e2", "m", "c2"]
    with pytest.raises(ValueError, match="must be 'cfhtlens', 'kids' or a dict: .* ra, dec"):
        find_columns(names)
    assert find_columns(names, "kids")[0]["ra"] == "RAJ2000"
    mapping, _ = find_columns(names, {"ra": "RAJ2000", "dec": "DECJ2000"})
    assert mapping["ra"] == "RAJ2000" and mapping["c2"] == "c2"


def test_some_columns_given():
    names = ["ra", "dec", "e1", "e2", "G1", "weight", "my_weight"]
    mapping, preset = find_columns(names, {"weight": "my_weight"})
    assert mapping == {"ra": "ra", "dec": "dec", "e1": "e1", "e2": "e2", "weight": "my_weight"}
    assert preset == "generic"
    mapping, _ = find_columns(["ra", "dec", "X", "e2"], {"e1": "X"})
    assert (mapping["e1"], mapping["e2"]) == ("X", "e2")


def test_all_required_columns_given():
    given = {"ra": "A", "dec": "B", "e1": "C", "e2": "D"}
    mapping, preset = find_columns(["A", "B", "C", "D", "weight", "w", "z"], given)
    assert mapping == {**given, "weight": "weight"}  # own names only: w and z may be anything
    assert preset is None


@pytest.mark.parametrize(
    ("columns", "error", "words"),
    [
        ("lsst", ValueError, "a dict or one of 'hsc_y1', .*'generic', not 'lsst'"),
        (["ra"], TypeError, "None, a preset's name or a dict"),
        ({"RA": "ra"}, ValueError, "not 'RA': those are ra, dec, e1"),
        ({"ra": "RA2"}, ValueError, "not 'RA2' .for 'ra'.: the catalog has ra, dec"),
    ],
)
def test_wrong_columns(columns, error, words):
    with pytest.raises(error, match=words):
        find_columns(["ra", "dec", "e1", "e2"], columns)


def test_presets_say_where_they_are_documented():
    for name, preset in COLUMN_PRESETS.items():
        if name != "generic":
            assert preset.reference and preset.convention and preset.kind
        assert {"ra", "dec", "e1", "e2"} <= set(preset.columns)
        assert set(preset.signature) <= set(preset.columns)
