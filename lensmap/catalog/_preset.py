# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`ColumnPreset`: the column names of a survey, and its documented convention and kind."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["ColumnPreset", "DENSITY", "OPTIONAL", "REQUIRED", "VARIANT"]

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

#: The column that names the sheared version of a galaxy to which a row of metadetection belongs.
VARIANT = "variant"

#: The vector column of the redshift probability density p(z) of each galaxy. It is large, so it is
#: read only if the user names it.
DENSITY = "pz"


@dataclass(frozen=True)
class ColumnPreset:
    """The column names of a survey, and its documented convention and kind.

    Attributes
    ----------
    columns : dict
        For each of lensmap's column names, the survey's names in order of preference. An entry
        may be an expression of columns, such as ``"sqrt(g1_var)"``. Besides the columns of
        `ShearCatalog`, ``variant`` is the column that names the sheared version of a galaxy.
    convention : str or None
        The documented sign convention. None if the column names do not determine it.
    kind : str or None
        The documented kind of ellipticity, ``"shear"`` or ``"distortion"``. None if the column
        names do not determine it.
    reference : str
        The paper or document that defines the convention, the kind and the names.
    signature : tuple of str
        Columns, by lensmap's names, that a catalog must have in addition to the required columns
        in order to be recognized as a catalog of this survey.
    title : str
        The survey and its releases.
    aliases : tuple of str
        Further names of the preset.
    selection : tuple of str
        The conditions that the survey documents for its shear sample, as for ``where``. They are
        not applied: a catalog with rows that do not fulfill them draws a warning.
    unused : dict
        The reason for not using a column, keyed by the survey's name of the column.
    sha256 : str or None
        The SHA-256 digest of the file of the preset; None for presets that come with lensmap.
    """

    columns: dict[str, tuple[str, ...]] = field(repr=False)
    convention: str | None = None
    kind: str | None = None
    reference: str = ""
    signature: tuple[str, ...] = ()
    title: str = ""
    aliases: tuple[str, ...] = ()
    selection: tuple[str, ...] = ()
    unused: dict[str, str] = field(default_factory=dict, repr=False)
    sha256: str | None = None
