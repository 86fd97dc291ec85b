# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""What the columns are called: lensmap's own names, and those of the surveys."""

from dataclasses import dataclass, field

from lensmap.catalog._convention import convention_signs

__all__ = [
    "REQUIRED", "OPTIONAL", "COLUMN_PRESETS", "ColumnPreset", "check_extra", "find_columns",
]

REQUIRED = ("ra", "dec", "e1", "e2")
OPTIONAL = (
    "weight",
    "sigma_m",
    "sigma_e",
    "redshift",
    "m",
    "c1",
    "c2",
    "r11",
    "r22",
    "r12",
    "r21",
)
_PAIRS = (("ra", "dec"), ("e1", "e2"))


@dataclass(frozen=True)
class ColumnPreset:
    """The column names of a survey, and what its papers say of convention and kind.

    Attributes
    ----------
    columns : dict
        From lensmap's name to the survey's names, the first that is there counts.
    convention : str or None
        The convention that is documented for the survey; None where names say nothing of it.
    kind : str or None
        ``"shear"`` or ``"distortion"``, as documented; None where unknown.
    reference : str
        Where that is documented.
    signature : tuple of str
        Columns of lensmap's (besides the required ones) without which a catalog is not taken
        for this survey's.
    """

    columns: dict = field(repr=False)
    convention: str | None = None
    kind: str | None = None
    reference: str = ""
    signature: tuple = ()


_HSC_Y1 = "ishape_hsm_regauss_"
_HSC_Y3 = "i_hsmshaperegauss_"


def _hsc(prefix, weight, ra, dec):
    return {
        "ra": ra,
        "dec": dec,
        "e1": (f"{prefix}e1",),
        "e2": (f"{prefix}e2",),
        "weight": weight,
        # HSC's "sigma_e" is the measurement error, its "rms_e" the intrinsic dispersion.
        "sigma_m": (f"{prefix}derived_sigma_e",),
        "sigma_e": (f"{prefix}derived_rms_e",),
        "m": (f"{prefix}derived_shear_bias_m",),
        "c1": (f"{prefix}derived_shear_bias_c1",),
        "c2": (f"{prefix}derived_shear_bias_c2",),
        "redshift": ("photoz_best", "redshift"),
    }


_LENSFIT = {
    "e1": ("bias_corrected_e1", "e1"),
    "e2": ("bias_corrected_e2", "e2"),
    "weight": ("weight",),
    "redshift": ("Z_B",),
    "m": ("m", "m_corr"),
    "c1": ("c1",),
    "c2": ("c2",),
}

COLUMN_PRESETS = {
    "hsc-y1": ColumnPreset(
        _hsc(
            _HSC_Y1,
            (f"{_HSC_Y1}derived_shape_weight", f"{_HSC_Y1}derived_weight"),
            ("ira", "i_ra", "ra"),
            ("idec", "i_dec", "dec"),
        ),
        "celestial",
        "distortion",
        "Mandelbaum et al. 2018, PASJ 70, S25, appendix A3",
    ),
    "hsc-y3": ColumnPreset(
        _hsc(_HSC_Y3, (f"{_HSC_Y3}derived_weight",), ("i_ra", "ra"), ("i_dec", "dec")),
        "celestial",
        "distortion",
        "Li et al. 2022, PASJ 74, 421",
    ),
    "des-metacal": ColumnPreset(
        {
            "ra": ("ra",),
            "dec": ("dec",),
            "e1": ("e_1", "e1"),
            "e2": ("e_2", "e2"),
            "weight": ("weight",),
            "r11": ("R11", "R_11"),
            "r22": ("R22", "R_22"),
            "r12": ("R12", "R_12"),
            "r21": ("R21", "R_21"),
            "redshift": ("mean_z", "redshift"),
            "m": ("m",),
        },
        "euclidean",
        "shear",
        "Gatti et al. 2021, MNRAS 504, 4312",
        signature=("r11", "r22"),
    ),
    "kids": ColumnPreset(
        {"ra": ("RAJ2000", "ALPHA_J2000"), "dec": ("DECJ2000", "DELTA_J2000"), **_LENSFIT},
        "euclidean",
        "shear",
        "Giblin et al. 2021, A&A 645, A105",
    ),
    "cfhtlens": ColumnPreset(
        {"ra": ("ALPHA_J2000",), "dec": ("DELTA_J2000",), **_LENSFIT},
        "euclidean",
        "shear",
        "Heymans et al. 2012, MNRAS 427, 146",
        signature=("m", "c2"),
    ),
    "euclid": ColumnPreset(
        {
            "ra": ("SHE_LENSMC_UPDATED_RA", "SHE_RA", "RIGHT_ASCENSION"),
            "dec": ("SHE_LENSMC_UPDATED_DEC", "SHE_DEC", "DECLINATION"),
            "e1": ("SHE_LENSMC_G1", "SHE_G1", "G1"),
            "e2": ("SHE_LENSMC_G2", "SHE_G2", "G2"),
            "weight": ("SHE_LENSMC_WEIGHT", "SHE_WEIGHT", "WEIGHT"),
            "redshift": ("PHZ_MEDIAN",),
        },
        "euclidean",
        "shear",
        "Euclid data product description, SHE and LE3 WL catalogs",
    ),
    "generic": ColumnPreset(
        {
            "ra": ("ra", "RA_deg", "ra_deg"),
            "dec": ("dec", "DEC_deg", "dec_deg"),
            "e1": ("e1", "g1", "gamma1", "shear1"),
            "e2": ("e2", "g2", "gamma2", "shear2"),
            "weight": ("weight", "w", "wt", "weights"),
            "sigma_m": ("sigma_m", "e_err", "sigma_meas"),
            "sigma_e": ("sigma_e",),
            "redshift": ("redshift", "z", "zphot", "z_phot", "photoz"),
            "m": ("m",),
            "c1": ("c1",),
            "c2": ("c2",),
            "r11": ("r11",),
            "r22": ("r22",),
            "r12": ("r12",),
            "r21": ("r21",),
        }
    ),
}
"""The presets of column names, by name."""


def find_columns(names, columns=None):
    """Say which of a table's columns is which.

    Parameters
    ----------
    names : sequence of str
        The table's column names.
    columns : str, dict or None
        The name of a preset in `COLUMN_PRESETS`; or a dict from lensmap's names to the table's,
        which is added to what is found for the others; or None, which finds the preset: that
        one of which all required columns are there. Upper and lower case are alike, unless the
        table has names that differ only by case.

    Returns
    -------
    mapping : dict
        From lensmap's names to the table's.
    preset : str or None
        The name of the preset, None if the dict named all required columns.

    Raises
    ------
    ValueError
        If a column is missing, a name is unknown, or more than one preset fits and they do not
        agree about the columns.
    """
    names = list(names)
    if columns is not None and not isinstance(columns, (str, dict)):
        raise TypeError(f"columns must be None, a preset's name or a dict, not {columns!r}")
    if isinstance(columns, str):
        if columns not in COLUMN_PRESETS:
            raise ValueError(
                f"columns must be a dict or one of {', '.join(map(repr, COLUMN_PRESETS))}, not "
                f"{columns!r}"
            )
        mapping = _preset_columns(names, columns)
        _require(mapping, names, f"the preset {columns!r}")
        return mapping, columns
    given = _check_given(names, columns or {})
    fits = {}
    for preset, entry in COLUMN_PRESETS.items():
        mapping = {**_preset_columns(names, preset), **given}
        if all(name in mapping for name in REQUIRED + entry.signature):
            fits[preset] = mapping
    if all(name in given for name in REQUIRED):
        # Named by the user: what else is found under lensmap's own names is welcome.
        return {**_match(names, {name: (name,) for name in OPTIONAL}), **given}, None
    return _choose(fits, given, names)


def _choose(fits, given, names):
    """Choose the preset that explains most columns, if the others say nothing against it."""
    generic = {**_match(names, COLUMN_PRESETS["generic"].columns), **given}
    if not fits:
        _require(generic, names, "the catalog")
    # A survey's own names say more than generic ones, and a signature more than none. Where the
    # generic names explain as much, nothing speaks for the survey.
    fits = {
        name: mapping
        for name, mapping in fits.items()
        if name == "generic" or not mapping.items() <= generic.items()
    }
    best = max(fits, key=lambda name: (name != "generic", len(COLUMN_PRESETS[name].signature)))
    mapping = fits[best]
    for preset, other in fits.items():
        differs = [name for name in other if mapping.get(name, other[name]) != other[name]]
        if differs and preset != "generic":
            raise ValueError(
                f"the columns fit the presets {best!r} and {preset!r}, which differ about "
                f"{', '.join(differs)}: say columns={best!r}, columns={preset!r} or a dict"
            )
    return mapping, best


def check_extra(extra_columns, names):
    """Return the names of further columns, none of which may pass for one of lensmap's own.

    Parameters
    ----------
    extra_columns : str or iterable of str
        The names.
    names : sequence of str
        The columns that there are.

    Returns
    -------
    tuple of str
        The names.

    Raises
    ------
    ValueError
        If there is no such column, or its name is one of lensmap's own.
    """
    if isinstance(extra_columns, str):
        extra_columns = (extra_columns,)
    for name in extra_columns:
        if name not in names:
            raise ValueError(
                f"extra_columns: there is no column {name!r}; the catalog has {', '.join(names)}"
            )
        if name.lower() in REQUIRED + OPTIONAL:
            raise ValueError(
                f"extra_columns: {name!r} is the name of one of lensmap's own columns; rename it "
                "in the table"
            )
    return tuple(extra_columns)


def _preset_columns(names, preset):
    mapping = _match(names, COLUMN_PRESETS[preset].columns)
    if mapping.get("e1", "").lower().startswith("bias_corrected"):
        # The additive bias is subtracted already: twice would turn it round.
        mapping = {name: theirs for name, theirs in mapping.items() if name not in ("c1", "c2")}
    return mapping


def _match(names, wanted):
    """Say which of the names is which of the wanted columns, of which the first there counts."""
    found = {
        ours: [_find(names, candidate) for candidate in candidates]
        for ours, candidates in wanted.items()
    }
    for first, second in _PAIRS:
        if len(found.get(first, ())) == len(found.get(second, ())):
            # (e1, e2) or (g1, g2), never (e1, g2): only the pair that is there counts.
            pairs = list(zip(found.get(first, ()), found.get(second, ()), strict=True))
            both = [pair for pair in pairs if None not in pair]
            some = [pair for pair in pairs if any(pair)]
            for best in (both or some)[:1]:
                found[first], found[second] = [best[0]], [best[1]]
    firsts = {ours: next(filter(None, candidates), None) for ours, candidates in found.items()}
    return {ours: theirs for ours, theirs in firsts.items() if theirs is not None}


def _find(names, wanted):
    """Return the name that is wanted, in any case if only one is like it, or None."""
    if wanted in names:
        return wanted
    alike = [name for name in names if name.lower() == wanted.lower()]
    return alike[0] if len(alike) == 1 else None


def _check_given(names, given):
    allowed = REQUIRED + OPTIONAL
    for ours, theirs in given.items():
        if ours not in allowed:
            raise ValueError(
                f"columns: {ours!r} is no column of lensmap's; those are {', '.join(allowed)}"
            )
        if theirs not in names:
            raise ValueError(
                f"columns: there is no column {theirs!r} (for {ours!r}); the catalog has "
                f"{', '.join(names)}"
            )
    return dict(given)


def _require(mapping, names, whose):
    missing = [name for name in REQUIRED if name not in mapping]
    if missing:
        raise ValueError(
            f"{whose} lacks {', '.join(missing)}: no column of a known name was found among "
            f"{', '.join(names) or 'no columns at all'}; name them with columns="
            "{'ra': ..., 'dec': ..., 'e1': ..., 'e2': ...}"
        )


def preset_doubts(preset, convention, kind):
    """Say where a declaration differs from what is documented for a preset.

    Parameters
    ----------
    preset : str or None
        The preset's name.
    convention : str or tuple of int
        The declared convention.
    kind : str
        The declared kind.

    Returns
    -------
    list of str
        One sentence for each difference.
    """
    entry = COLUMN_PRESETS.get(preset, ColumnPreset({}))
    doubts = []
    if entry.kind is not None and entry.kind != kind:
        doubts.append(f"kind={entry.kind!r} (declared: {kind!r})")
    if entry.convention is not None and (
        convention_signs(entry.convention) != convention_signs(convention)
    ):
        doubts.append(f"convention={entry.convention!r} (declared: {convention!r})")
    return doubts
