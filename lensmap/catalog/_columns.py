# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Column names of lensmap, and presets with the column names of surveys."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from lensmap.catalog._convention import Convention, convention_signs
from lensmap.catalog._needed import column_and_element
from lensmap.utils import ParameterError, ParameterTypeError, list_names, match_name

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
    """The column names of a survey, and its documented convention and kind.

    Attributes
    ----------
    columns : dict
        For each of lensmap's column names, the survey's names in order of preference.
    convention : str or None
        The documented sign convention. None if the column names do not determine it.
    kind : str or None
        The documented kind of ellipticity, ``"shear"`` or ``"distortion"``. None if the column
        names do not determine it.
    reference : str
        The paper or document that defines the convention and the kind.
    signature : tuple of str
        Columns, by lensmap's names, that a catalog must have in addition to the required columns
        in order to be recognized as a catalog of this survey.
    """

    columns: dict[str, tuple[str, ...]] = field(repr=False)
    convention: str | None = None
    kind: str | None = None
    reference: str = ""
    signature: tuple[str, ...] = ()


_HSC_Y1 = "ishape_hsm_regauss_"
_HSC_Y3 = "i_hsmshaperegauss_"


def _hsc(
    prefix: str, weight: tuple[str, ...], ra: tuple[str, ...], dec: tuple[str, ...]
) -> dict[str, tuple[str, ...]]:
    return {
        "ra": ra,
        "dec": dec,
        "e1": (f"{prefix}e1",),
        "e2": (f"{prefix}e2",),
        "weight": weight,
        # In HSC catalogs "sigma_e" is the measurement error and "rms_e" the intrinsic dispersion.
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
    "hsc_y1": ColumnPreset(
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
    "hsc_y3": ColumnPreset(
        _hsc(_HSC_Y3, (f"{_HSC_Y3}derived_weight",), ("i_ra", "ra"), ("i_dec", "dec")),
        "celestial",
        "distortion",
        "Li et al. 2022, PASJ 74, 421",
    ),
    "des_metacal": ColumnPreset(
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


def find_columns(
    names: Iterable[str], columns: str | Mapping[str, str] | None = None
) -> tuple[dict[str, str], str | None]:
    """Match lensmap's column names to the column names of a table.

    Parameters
    ----------
    names : sequence of str
        The table's column names.
    columns : str, dict or None
        The name of a preset in `COLUMN_PRESETS`, or a dict from lensmap's names to the table's
        names; ``"g[0]"`` names the first element of a vector column. If a dict lacks some of the
        required columns, or if None, the missing names come from the preset whose required columns
        the table has. Case is ignored in the names of a preset, unless the table has names that
        differ only by case.

    Returns
    -------
    mapping : dict
        The table's column names, keyed by lensmap's names.
    preset : str or None
        The name of the preset that was used. None if the dict names all required columns.

    Raises
    ------
    TypeError
        If ``columns`` is neither a name nor a dict.
    ValueError
        If a required column is missing, if a name is unknown, or if more than one preset fits and
        the presets name different columns.
    """
    names = list(names)
    if columns is not None and not isinstance(columns, (str, dict)):
        raise ParameterTypeError("columns", "None, a preset's name or a dict", repr(columns))
    if isinstance(columns, str):
        preset = match_name(COLUMN_PRESETS, columns)
        if preset is None:
            presets = ", ".join(map(repr, COLUMN_PRESETS))
            raise ParameterError("columns", f"a dict or one of {presets}", repr(columns))
        mapping = _preset_columns(names, preset)
        _require(mapping, names, f"the preset {preset!r}")
        return mapping, preset
    given = _check_given(names, columns or {})
    fits = {}
    for preset, entry in COLUMN_PRESETS.items():
        mapping = {**_preset_columns(names, preset), **given}
        if all(name in mapping for name in REQUIRED + entry.signature):
            fits[preset] = mapping
    if all(name in given for name in REQUIRED):
        # All required columns are given. Optional columns are taken if they have lensmap's names.
        return {**_match(names, {name: (name,) for name in OPTIONAL}), **given}, None
    return _choose(fits, given, names)


def _choose(
    fits: dict[str, dict[str, str]], given: dict[str, str], names: Sequence[str]
) -> tuple[dict[str, str], str]:
    """Choose among the presets that fit the column names of a table.

    The preset of the survey with the longest signature is preferred, and ``"generic"`` is used if
    no survey fits.
    """
    generic = {**_match(names, COLUMN_PRESETS["generic"].columns), **given}
    if not fits:
        _require(generic, names, "the catalog")
    # If the generic names match the same columns, these names do not identify the survey.
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
            raise ParameterError(
                "columns",
                f"{best!r}, {preset!r} or a dict",
                remedy=f"the table fits both presets, which differ about {', '.join(differs)}",
            )
    return mapping, best


def check_extra(extra_columns: str | Iterable[str], names: Sequence[str]) -> tuple[str, ...]:
    """Check the names of extra columns, and return them as a tuple.

    Parameters
    ----------
    extra_columns : str or iterable of str
        The names of the extra columns to keep.
    names : sequence of str
        The column names of the table.

    Returns
    -------
    tuple of str
        The names of the extra columns.

    Raises
    ------
    ValueError
        If the table has no such column, or if lensmap uses the same name for a column of its own.
    """
    if isinstance(extra_columns, str):
        extra_columns = (extra_columns,)
    for name in extra_columns:
        if column_and_element(name, names)[0] is None:
            raise ValueError(
                f"extra_columns: there is no column {name!r}; the catalog has "
                f"{list_names(names, quoted=False)}"
            )
        if name.lower() in REQUIRED + OPTIONAL:
            raise ValueError(
                f"extra_columns: {name!r} is the name of one of lensmap's own columns; rename it "
                "in the table"
            )
    return tuple(extra_columns)


def _preset_columns(names: Sequence[str], preset: str) -> dict[str, str]:
    mapping = _match(names, COLUMN_PRESETS[preset].columns)
    if mapping.get("e1", "").lower().startswith("bias_corrected"):
        # The additive bias is already subtracted from these ellipticities.
        mapping = {name: theirs for name, theirs in mapping.items() if name not in ("c1", "c2")}
    return mapping


def _match(names: Sequence[str], wanted: Mapping[str, tuple[str, ...]]) -> dict[str, str]:
    """Match each wanted column to the first of its candidate names that the table has."""
    matches = {
        ours: [_find_name(names, candidate) for candidate in candidates]
        for ours, candidates in wanted.items()
    }
    for first, second in _PAIRS:
        if len(matches.get(first, ())) == len(matches.get(second, ())):
            # Both components come from the same pair of names: (e1, e2) or (g1, g2), never
            # (e1, g2). If no pair is complete, a pair with one component is used, and the other
            # component is reported as missing.
            pairs = list(zip(matches.get(first, ()), matches.get(second, ()), strict=True))
            complete = [pair for pair in pairs if None not in pair]
            partial = [pair for pair in pairs if any(pair)]
            for best in (complete or partial)[:1]:
                matches[first], matches[second] = [best[0]], [best[1]]
    firsts = {ours: next(filter(None, candidates), None) for ours, candidates in matches.items()}
    return {ours: theirs for ours, theirs in firsts.items() if theirs is not None}


def _find_name(names: Sequence[str], wanted: str) -> str | None:
    """Return the table's column name that equals the wanted name, ignoring case if need be.

    None if there is no such name, or if several names differ from it only by case.
    """
    if wanted in names:
        return wanted
    alike = [name for name in names if name.lower() == wanted.lower()]
    return alike[0] if len(alike) == 1 else None


def _check_given(names: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    allowed = REQUIRED + OPTIONAL
    for ours, theirs in given.items():
        if ours not in allowed:
            raise ParameterError(
                "columns", "only columns of lensmap", repr(ours),
                f"those are {', '.join(allowed)}", verb="name",
            )
        if column_and_element(theirs, names)[0] is None:
            raise ParameterError(
                "columns", "columns of the catalog", f"{theirs!r} (for {ours!r})",
                f"the catalog has {list_names(names, quoted=False)}", verb="name",
            )
    return dict(given)


def _require(mapping: Mapping[str, str], names: Sequence[str], owner: str) -> None:
    missing = [name for name in REQUIRED if name not in mapping]
    if missing:
        raise ParameterError(
            "columns",
            ", ".join(missing),
            remedy=f"{owner} lacks {', '.join(missing)}: no column of a known name was found among "
            f"{list_names(names, quoted=False) or 'no columns at all'}; "
            "give {columns={'ra': ..., 'dec': ..., 'e1': ..., 'e2': ...}}, in which 'g[0]' names "
            "the first element of a vector column g",
            verb="name",
        )


def documented_differences(preset: str | None, convention: Convention, kind: str) -> list[str]:
    """Compare a declared convention and kind with those documented for a survey.

    Parameters
    ----------
    preset : str or None
        The name of the survey's column preset.
    convention : str or tuple of int
        The declared convention.
    kind : str
        The declared kind.

    Returns
    -------
    list of str
        One phrase for each difference, for a warning.
    """
    entry = COLUMN_PRESETS[preset] if preset in COLUMN_PRESETS else ColumnPreset({})
    differences = []
    if entry.kind is not None and entry.kind != kind:
        differences.append(f"kind={entry.kind!r} (declared: {kind!r})")
    if entry.convention is not None and (
        convention_signs(entry.convention) != convention_signs(convention)
    ):
        differences.append(f"convention={entry.convention!r} (declared: {convention!r})")
    return differences
