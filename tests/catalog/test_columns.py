# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Which column is which, for the names that surveys use."""

import pytest

from lensmap.catalog import COLUMN_PRESETS, find_columns
from lensmap.catalog._columns import choose_columns, used_columns
from lensmap.catalog._surveys import find_preset

HSC1 = "ishape_hsm_regauss_"
HSC3 = "i_hsmshaperegauss_"
EUCLID = "SHE_LENSMC_"

# Column names as in the published catalogs, and what they are.
SURVEYS = {
    "hsc_y1": {
        "ra": "ira", "dec": "idec", "e1": f"{HSC1}e1", "e2": f"{HSC1}e2",
        "weight": f"{HSC1}derived_shape_weight", "sigma_m": f"{HSC1}derived_sigma_e",
        "sigma_e": f"{HSC1}derived_rms_e", "redshift": "ephor_ab_photoz_best",
        "m": f"{HSC1}derived_shear_bias_m",
        "c1": f"{HSC1}derived_shear_bias_c1", "c2": f"{HSC1}derived_shear_bias_c2",
    },
    "hsc_y3": {
        "ra": "i_ra", "dec": "i_dec", "e1": f"{HSC3}e1", "e2": f"{HSC3}e2",
        "weight": f"{HSC3}derived_weight", "sigma_m": f"{HSC3}derived_sigma_e",
        "sigma_e": f"{HSC3}derived_rms_e", "redshift": "dnnz_photoz_best",
        "m": f"{HSC3}derived_shear_bias_m",
        "c1": f"{HSC3}derived_shear_bias_c1", "c2": f"{HSC3}derived_shear_bias_c2",
    },
    "des_y3": {
        "ra": "ra", "dec": "dec", "e1": "e_1", "e2": "e_2", "weight": "weight",
        "r11": "R11", "r22": "R22", "r12": "R12", "r21": "R21",
    },
    "des_y6": {"ra": "ra", "dec": "dec", "e1": "gauss_g_1", "e2": "gauss_g_2", "weight": "w"},
    "decade": {
        "ra": "RA", "dec": "DEC", "e1": "MCAL_G_1_NOSHEAR", "e2": "MCAL_G_2_NOSHEAR",
        "weight": "MCAL_W_NOSHEAR", "redshift": "DNF_Z",
        "r11": "R_11", "r22": "R_22", "r12": "R_12", "r21": "R_21",
    },
    "rubin": {"ra": "ra", "dec": "dec", "e1": "gauss_g1", "e2": "gauss_g2"},
    "kids": {
        "ra": "RAJ2000", "dec": "DECJ2000", "e1": "e1", "e2": "e2", "weight": "weight",
        "redshift": "Z_B",
    },
    "cfhtlens": {
        "ra": "ALPHA_J2000", "dec": "DELTA_J2000", "e1": "e1", "e2": "e2", "weight": "weight",
        "m": "m", "c2": "c2", "redshift": "Z_B",
    },
    "unions": {"ra": "RA", "dec": "Dec", "e1": "e1", "e2": "e2", "weight": "w_des"},
    "euclid": {
        "ra": f"{EUCLID}UPDATED_RA", "dec": f"{EUCLID}UPDATED_DEC", "e1": f"{EUCLID}G1",
        "e2": f"{EUCLID}G2", "weight": f"{EUCLID}WEIGHT", "redshift": "PHZ_MEDIAN",
    },
    "euclid_lensmc": {
        "ra": "she_lensmc_ra", "dec": "she_lensmc_dec", "e1": "she_lensmc_e1_corrected",
        "e2": "she_lensmc_e2_corrected", "weight": "she_lensmc_weight", "redshift": "phz_mode_1",
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
    assert find_columns(names, survey.replace("_", "-").upper()) == (expected, survey)
    assert choose_columns(names).warnings == ()


def test_every_preset_is_tried_here():
    # The response of AnaCal is computed from several columns (test_selection_response.py).
    assert {*SURVEYS, "anacal"} == set(COLUMN_PRESETS)


@pytest.mark.parametrize(
    ("name", "preset"),
    [("HSC Y3", "hsc_y3"), ("kids-legacy", "kids"), ("KiDS_DR4", "kids"), ("kids-1000", "kids"),
     ("des-y1", "des_y3"), ("des_metacal", "des_y3"), ("DES-Y6", "des_y6"), ("ShapePipe", "unions"),
     ("rubin-metadetect", "rubin"), ("hscy3", None), ("", None)],
)
def test_spellings_of_presets(name, preset):
    assert find_preset(name) == preset


OWN = ["ra", "dec", "e1", "e2", "weight", "sigma_m", "sigma_e", "redshift", "m", "c1", "c2", "r11",
       "r22", "r12", "r21"]


@pytest.mark.parametrize("change", [str, str.upper])
def test_own_names_are_no_survey_s(change):
    """Response columns alone do not make a catalog that of DES."""
    names = [change(name) for name in OWN]
    assert find_columns(names) == (dict(zip(OWN, names, strict=True)), "generic")


# ---- Mixes of long and short names

LONG = {name: SURVEYS["hsc_y3"][name] for name in ("ra", "dec", "e1", "e2")}


@pytest.mark.parametrize(
    "short",
    [
        {"weight": "weight", "m": "m", "c1": "c1", "c2": "c2", "sigma_e": "rms_e"},
        {"sigma_m": "sigma_e", "sigma_e": "rms_e"},  # HSC's sigma_e is the measurement error
        {"sigma_m": "sigma_m", "sigma_e": "sigma_e"},  # lensmap's names
        {"sigma_e": "e_rms", "weight": "w", "redshift": "photoz_best"},
        {"m": "shear_bias_m", "c1": "shear_bias_c1", "c2": "shear_bias_c2"},
    ],
)
def test_short_names_beside_those_of_a_survey(short):
    choice = choose_columns([*LONG.values(), *short.values()])
    assert choice.mapping == {**LONG, **short}
    assert (choice.preset, choice.warnings) == ("hsc_y3", ())


def one_warning(names, columns=None):
    choice = choose_columns(names, columns)
    (warning,) = choice.warnings
    return choice.mapping, warning


def test_a_column_that_may_be_two_things_is_asked_for():
    mapping, warning = one_warning([*LONG.values(), "sigma_e"])
    assert mapping == LONG
    assert "'sigma_e' is not used: it could be sigma_m or sigma_e" in warning
    names = [*LONG.values(), "sigma_e"]
    assert choose_columns(names, "hsc_y3,sigma_m=sigma_e").warnings == ()
    assert choose_columns(names, {"sigma_m": "sigma_e"}).mapping == {**LONG, "sigma_m": "sigma_e"}


@pytest.mark.parametrize(
    ("names", "used", "other"),
    [
        (["ra", "dec", "e1", "e2", "weight", "w"], {"weight": "weight"}, "w"),
        (["ra", "dec", "e1", "e2", "g1", "g2"], {"e1": "e1", "e2": "e2"}, "g1"),
        (["ra", "dec", "e1", "e2", "z", "photoz"], {"redshift": "z"}, "photoz"),
        ([*LONG.values(), f"{HSC3}derived_weight", "weight"],
         {"weight": f"{HSC3}derived_weight"}, "weight"),
        ([*LONG.values(), f"{HSC3}derived_shear_bias_m", "m"],
         {"m": f"{HSC3}derived_shear_bias_m"}, "m"),
        ([*LONG.values(), "photoz_best", "mizuki_photoz_best"], {"redshift": "photoz_best"},
         "mizuki_photoz_best"),
        (["RAJ2000", "DECJ2000", "e1", "e2", "weight", "recal_weight"], {"weight": "weight"},
         "recal_weight"),
        (["ra", "dec", "e_1", "e_2", "R11", "R22", "R12", "R21", "r11"], {"r11": "R11"}, "r11"),
        (["RA", "Dec", "e1", "e2", "w_des", "w_iv", "R_g11"], {"weight": "w_des"}, "w_iv"),
    ],
)
def test_one_of_two_candidates_is_used_and_both_are_named(names, used, other):
    choice = choose_columns(names)
    assert used.items() <= choice.mapping.items()
    for ours, theirs in used.items():
        assert any(
            text.startswith(f"{ours} is taken from {theirs!r}; ") for text in choice.warnings
        )
    assert any(f"{other!r} " in text for text in choice.warnings)
    # Whoever names a column, or leaves it out, is not warned of it.
    for ours, theirs in used.items():
        for text in (f"{ours}={theirs}", f"{ours}=none" if ours not in ("e1", "e2") else "e1=e1"):
            assert not any(w.startswith(f"{ours} is") for w in choose_columns(names, text).warnings)


def test_additive_biases_of_corrected_ellipticities():
    names = ["ALPHA_J2000", "DELTA_J2000", "bias_corrected_e1", "bias_corrected_e2", "m", "c1",
             "c2", "e1", "e2"]
    choice = choose_columns(names, "kids")
    assert (choice.mapping["e1"], choice.mapping["m"]) == ("bias_corrected_e1", "m")
    assert "c1" not in choice.mapping and "c2" not in choice.mapping
    assert [text.partition(" is not used: ")[0] for text in choice.warnings] == [
        "'c1' (c1)", "'c2' (c2)"
    ]
    choice = choose_columns(names, "kids,c1=c1,c2=none")
    assert choice.mapping["c1"] == "c1" and choice.warnings == ()


def test_incomplete_responses():
    names = ["RA", "DEC", "MCAL_G_1_NOSHEAR", "MCAL_G_2_NOSHEAR", "R_11"]
    mapping, warning = one_warning(names)
    assert mapping["r11"] == "R_11" and "without r22, for which r11 is used" in warning
    assert choose_columns(names, "decade,r22=none").warnings == ()
    mapping, warning = one_warning([*names, "R_22", "R_12"])
    assert mapping["r12"] == "R_12" and "without r21, for which 0 is used" in warning
    # One column for both components is the response of some surveys.
    assert choose_columns(["ra", "dec", "e1", "e2", "r11"]).warnings == ()
    both = choose_columns(["ra", "dec", "e1", "e2", "R"], "r11=R,r22=R")
    assert both.mapping["r11"] == both.mapping["r22"] == "R"


def test_a_band_is_no_redshift():
    names = ["ra", "dec", "e1", "e2", "g", "r", "i", "z"]
    assert "redshift" not in choose_columns(names).mapping
    assert choose_columns(names).warnings == ()
    assert choose_columns([*names, "z_phot"]).mapping["redshift"] == "z_phot"
    assert choose_columns(names, {"redshift": "z"}).mapping["redshift"] == "z"


def test_calibrated_catalogs_need_no_response():
    names = ["RA", "Dec", "e1", "e2", "w_des", "e1_uncal", "e2_uncal", "R_g11", "R_g22"]
    choice = choose_columns(names)
    assert choice.preset == "unions" and "r11" not in choice.mapping and choice.warnings == ()


# ---- What the user gives


def test_a_preset_and_changes_to_it():
    names = [*SURVEYS["hsc_y3"].values(), "mine"]
    expected = dict(SURVEYS["hsc_y3"])
    assert find_columns(names, "hsc-y3") == (expected, "hsc_y3")
    del expected["m"], expected["c1"]
    expected["redshift"] = "mine"
    for columns in (
        "hsc-y3,redshift=mine,m=none,c1=",
        " HSC Y3 , redshift = mine, m=None,c1=none",
        "redshift=mine,m=none,c1=none",
        {"preset": "hsc_y3", "redshift": "mine", "m": None, "c1": None},
        {"redshift": "mine", "m": None, "c1": "none"},
    ):
        assert find_columns(names, columns) == (expected, "hsc_y3")


def test_a_preset_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'convention = "iau"\nkind = "distortion"\nreference = "us"\ntitle = "Ours"\n'
        'selection = "flag == 0"\n[columns]\nra = "X"\ndec = "Y"\ne1 = ["A", "g1"]\n'
        'e2 = ["B", "g2"]\nsigma_m = "sqrt(v)"\n'
    )
    names = ["X", "Y", "g1", "g2", "v", "m", "other", "flag"]
    expected = {"ra": "X", "dec": "Y", "e1": "g1", "e2": "g2", "sigma_m": "sqrt(v)", "m": "m"}
    for columns in (str(path), path, {"preset": path}):
        choice = choose_columns(names, columns)
        assert (choice.mapping, choice.preset) == (expected, str(path))
        assert (choice.entry.convention, choice.entry.kind) == ("iau", "distortion")
        assert choice.entry.selection == ("flag == 0",)
    choice = choose_columns(names, f"{path},m=none,redshift=other")
    assert choice.mapping["redshift"] == "other" and "m" not in choice.mapping
    path.write_text('preset = "HSC-Y3"\n[columns]\nweight = "my_weight"\n')
    mapping, _ = find_columns([*SURVEYS["hsc_y3"].values(), "my_weight"], path)
    assert mapping == {**SURVEYS["hsc_y3"], "weight": "my_weight"}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("ra = ", "the path of a TOML file"),
        ("[colums]\nra='x'", "the key 'colums' is unknown; the keys are columns, convention"),
        ("[columns]\nRA='x'", "'RA', which is none of lensmap's columns ra, dec"),
        ("[columns]\nra=3", "ra must be a text or a list of texts"),
        ("[columns]\nra=['x', 3]", "ra must be a text or a list of texts"),
        ("[columns]\nredshift=''", "redshift must name a column, but its text is empty"),
        ("[columns]\nredshift=[]", "redshift must name a column, but its text is empty"),
        ("columns='x'", r"\[columns\] must be a table"),
        ("convention=3", "convention must be a text"),
        ("preset='hcs'", "there is no preset 'hcs'; there are hsc_y1"),
    ],
)
def test_wrong_preset_files(tmp_path, content, words):
    path = tmp_path / "mine.toml"
    path.write_text(content)
    with pytest.raises(ValueError, match=words) as caught:
        find_columns(["ra"], path)
    assert "mine.toml" in str(caught.value)
    with pytest.raises(ValueError, match="must be an existing TOML file, not 'no.toml'"):
        find_columns(["ra"], "no.toml")


def test_expressions_and_elements_of_vectors():
    names = ["ra", "dec", "g", "var_e", "odd name"]
    columns = "e1=g[0],e2=g[1],sigma_m=sqrt(var_e),weight=1 / (0.1 + `odd name`)"
    choice = choose_columns(names, columns)
    assert choice.mapping == {
        "ra": "ra", "dec": "dec", "e1": "g[0]", "e2": "g[1]", "sigma_m": "sqrt(var_e)",
        "weight": "1 / (0.1 + `odd name`)",
    }
    assert used_columns(names, choice) == ["ra", "dec", "g", "var_e", "odd name"] or set(
        used_columns(names, choice)
    ) == set(names)
    with pytest.raises(ValueError, match="there is no column 'var_f', at character 6 .*has ra"):
        choose_columns(names, "e1=g[0],e2=g[1],sigma_m=sqrt(var_f)")


def test_columns_that_are_used():
    names = [*SURVEYS["hsc_y3"].values(), "weak_lensing_flag", "i_flag", "mag", "other"]
    choice = choose_columns(names, "hsc_y3,m=none")
    used = used_columns(names, choice, "i_flag == 0 and redshift < 1", ["mag"])
    kept_out = {"other", SURVEYS["hsc_y3"]["m"]}
    assert set(used) == set(names) - kept_out and len(used) == len(set(used))


def test_names_that_differ_by_case_only():
    mapping, _ = find_columns(["ra", "RA", "dec", "DEC", "e1", "E1", "e2"])
    assert mapping == {"ra": "ra", "dec": "dec", "e1": "e1", "e2": "e2"}
    words = "the catalog lacks ra .*columns of the table are RA, Ra, dec, e1, e2"
    with pytest.raises(ValueError, match=words):
        find_columns(["RA", "Ra", "dec", "e1", "e2"])


def test_pairs_stay_together():
    """One component of another estimate must not be mixed with this one's."""
    mapping, _ = find_columns(["ra", "dec", "e1", "g1", "g2"])
    assert (mapping["e1"], mapping["e2"]) == ("g1", "g2")
    mapping, _ = find_columns(["ra", "dec", "e1", "e2", "g1", "g2"])
    assert (mapping["e1"], mapping["e2"]) == ("e1", "e2")
    with pytest.raises(ValueError, match="lacks e2 "):
        find_columns(["ra", "dec", "e1", "g2"])


@pytest.mark.parametrize("missing", ["ra", "dec", "e1", "e2"])
def test_missing_column(missing):
    names = [name for name in ("ra", "dec", "e1", "e2", "MAG") if name != missing]
    with pytest.raises(ValueError) as caught:
        find_columns(names)
    text = str(caught.value)
    assert text.startswith(f"columns must name {missing}: the catalog lacks {missing} (called ")
    listed = f"the columns of the table are {', '.join(names)}"
    assert f"{listed}; give columns={{'{missing}': ...}}" in text
    with pytest.raises(ValueError, match=f"the preset 'generic' lacks {missing} "):
        find_columns(names, "generic")


@pytest.mark.parametrize("survey", [name for name in SURVEYS if name != "generic"])
@pytest.mark.parametrize("missing", ["ra", "e2"])
def test_an_error_names_what_is_missing_and_the_nearest_survey(survey, missing):
    kept = {ours: theirs for ours, theirs in SURVEYS[survey].items() if ours != missing}
    # KiDS and CFHTLenS have the same names, and those of UNIONS' ra, dec, e1 and e2 are anyone's.
    nearest = {"cfhtlens": "(cfhtlens|kids)", "kids": "(cfhtlens|kids)"}.get(survey, survey)
    missing_of = f"the catalog lacks {missing} .*names of the preset '{nearest}'"
    with pytest.raises(ValueError, match=missing_of) as caught:
        find_columns([*kept.values(), *(f"column_{i}" for i in range(5000))])
    text = str(caught.value)
    assert f"columns must name {missing}:" in text
    assert text.count("column_") < 13 and len(text) < 1200 and " more; give" in text


def test_nothing_there():
    with pytest.raises(ValueError, match="lacks ra .*, dec .*, e1 .*, e2 .*none at all"):
        find_columns([])


def test_nearest_names_come_first():
    names = [f"column_{i}" for i in range(100)] + ["photoz_best"]
    with pytest.raises(ValueError, match="'photoz_bst' .*: .* has photoz_best, .* 89 more"):
        find_columns(names, {"redshift": "photoz_bst"})
    with pytest.raises(ValueError) as caught:
        find_columns(["a\x1b[31mb"], {"ra": "x"})
    assert "\x1b" not in str(caught.value)


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
    mapping, preset = find_columns(["A", "B", "C", "D", "weight", "z"], given)
    assert mapping == {**given, "weight": "weight"}  # own names only: z may be anything
    assert preset is None
    _, warning = one_warning(["A", "B", "C", "D", "weight", "z"], given)
    assert "'z' (redshift) is not used" in warning
    assert "add redshift=z to {columns}" in warning and "redshift=none stops" in warning
    names = ["A", "B", "C", "D", "weight", "z"]
    assert choose_columns(names, {**given, "redshift": None}).warnings == ()


def test_all_required_columns_of_a_survey_given():
    """Naming the four columns of a survey does not lose the others."""
    expected = SURVEYS["hsc_y3"]
    given = {name: expected[name] for name in ("ra", "dec", "e1", "e2")}
    assert find_columns(expected.values(), given) == (expected, "hsc_y3")


@pytest.mark.parametrize(
    ("columns", "error", "words"),
    [
        ("lsst", ValueError, r"name of a preset \(hsc_y1, .* generic\), .*ra=NAME, not 'lsst'$"),
        ("hsc-y4", ValueError, "not 'hsc-y4': the nearest preset is 'hsc_y"),
        (["ra"], TypeError, "None, a preset's name, the path of a preset file or a dict"),
        ({"RA": "ra"}, ValueError, "not 'RA': lensmap's columns are ra, dec, e1"),
        ({"ra": "RA2"}, ValueError, "not 'RA2' .for 'ra'.: the catalog has ra, dec"),
        ({"ra": 3}, TypeError, "a dict of column names, not 3 for 'ra'"),
        (
            {"ra": None}, ValueError,
            "must not leave out 'ra', which is required: give its column .*={'ra': ...}$",
        ),
        ({"preset": 3}, TypeError, "the name of a preset, not 3"),
        ("ra=ra,dec", ValueError, "a preset, changes to it .*, or both, not 'dec'"),
        ("ra=ra,ra=dec", ValueError, "must name ra once, not twice"),
        ("=ra", ValueError, "or both, not '=ra'"),
        ("redshift==e1", ValueError, "or both, not 'redshift==e1'"),
        ("e1=e1,e2=e1", ValueError, "different columns, not 'e1' for both 'e1' and 'e2'"),
        ({"weight": "e1", "m": "e1"}, ValueError, "different columns, not 'e1' for both"),
        ("generic,m=e1 if e2 else e1", ValueError, "this is not allowed, at character 1"),
        ("sigma_m=__import__('os')", ValueError, "there is no function '__import__'"),
    ],
)
def test_wrong_columns(columns, error, words):
    with pytest.raises(error, match=words):
        find_columns(["ra", "dec", "e1", "e2"], columns)


def test_presets_say_where_they_are_documented():
    for name, preset in COLUMN_PRESETS.items():
        assert preset.title
        if name != "generic":
            assert preset.reference and preset.kind
            # No public document gives the convention of these columns.
            assert preset.convention or name == "euclid_lensmc"
        assert {"ra", "dec", "e1", "e2"} <= set(preset.columns)
        assert set(preset.signature) <= set(preset.columns)
