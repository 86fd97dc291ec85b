# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The column names, conventions and kinds of surveys, with their public sources.

A name is listed only if a public catalog, its documentation or the survey's own public code uses
it.
"""

from __future__ import annotations

from lensmap.catalog._preset import ColumnPreset

__all__ = ["COLUMN_PRESETS", "SHORT_NAMES", "find_preset"]

#: Short names of optional columns, which any table may have beside the names of a survey.
SHORT_NAMES: dict[str, tuple[str, ...]] = {
    "weight": ("weight", "w", "wt", "weights"),
    "sigma_m": ("sigma_m", "e_err", "sigma_meas"),
    "sigma_e": ("sigma_e", "rms_e", "e_rms"),
    "redshift": ("redshift", "z", "zphot", "z_phot", "photoz", "photo_z", "photoz_best", "z_best"),
    "m": ("m",),
    "c1": ("c1",),
    "c2": ("c2",),
    "r11": ("r11",),
    "r22": ("r22",),
    "r12": ("r12",),
    "r21": ("r21",),
    "variant": ("variant", "mdet_step", "metaStep", "meta_step", "mcal_step", "shear_type"),
}

_HSC_PHOTO_Z = (
    "photoz_best", "redshift",
    *(f"{code}_photoz_best" for code in (
        "ephor_ab", "frankenz", "mlz", "mizuki", "nnpz", "demp", "ephor", "dnnz", "dempz",
    )),
)


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
        "sigma_m": (f"{prefix}derived_sigma_e", "sigma_m", "sigma_e"),
        "sigma_e": (f"{prefix}derived_rms_e", "rms_e", "e_rms", "sigma_e"),
        "m": (f"{prefix}derived_shear_bias_m", f"{prefix}derived_bias_m", "shear_bias_m"),
        "c1": (f"{prefix}derived_shear_bias_c1", f"{prefix}derived_bias_c1", "shear_bias_c1"),
        "c2": (f"{prefix}derived_shear_bias_c2", f"{prefix}derived_bias_c2", "shear_bias_c2"),
        "redshift": _HSC_PHOTO_Z,
    }


_HSC_Y1 = "ishape_hsm_regauss_"
_HSC_Y3 = "i_hsmshaperegauss_"

_LENSFIT = {
    "weight": ("weight", "recal_weight"),
    "redshift": ("Z_B",),
    "m": ("m", "m_corr"),
    "c1": ("c1",),
    "c2": ("c2",),
}

# The response of a galaxy, from its shapes on images that were sheared by +-0.01.
_METACAL_RESPONSE = {
    f"r{i}{j}": (
        f"R{i}{j}", f"R_{i}{j}", f"(mcal_g_{i}_{j}p - mcal_g_{i}_{j}m) / 0.02",
    )
    for i in (1, 2) for j in (1, 2)
}


def _anacal_response(i: int, j: int) -> tuple[str, ...]:
    """Return expressions for the response ``r<i><j>`` of a galaxy in AnaCal catalogs.

    The response of e_i to g_j is de_i/dg_j + e_i (dw/dg_j) / w with the weight w. There is
    one expression for each set of column names that releases of AnaCal have used.
    """
    names = []
    for prefix in ("fpfs1_", "fpfs_", ""):
        own = f"{prefix}de{i}_dg{j}"
        names += [
            f"{own} + {prefix}e{i} * {weight[1]}_dg{j} / {weight[0]}"
            for weight in (("wsel", "dwsel"), (f"{prefix}w", f"{prefix}dw"))
        ]
    return tuple(names)


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
        "Mandelbaum et al. 2018, PASJ 70, S25, appendix A3; "
        "https://hsc-release.mtk.nao.ac.jp/doc/index.php/s16a-shape-catalog-pdr2/",
        title="HSC-SSP Year 1 (S16A, PDR2)",
        aliases=("hsc_s16a",),
        selection=("weak_lensing_flag == 1",),
    ),
    "hsc_y3": ColumnPreset(
        _hsc(_HSC_Y3, (f"{_HSC_Y3}derived_weight",), ("i_ra", "ra"), ("i_dec", "dec")),
        "celestial",
        "distortion",
        "Li et al. 2022, PASJ 74, 421; Mandelbaum et al. 2018, PASJ 70, S25, appendix A3",
        title="HSC-SSP Year 3 (S19A, PDR3)",
        aliases=("hsc_s19a", "hsc"),
        selection=("weak_lensing_flag == 1", "b_mode_mask == 1"),
    ),
    "des_y3": ColumnPreset(
        {
            "ra": ("ra",),
            "dec": ("dec",),
            "e1": ("e_1", "e1"),
            "e2": ("e_2", "e2"),
            "weight": ("weight",),
            **{name: names[:2] for name, names in _METACAL_RESPONSE.items()},
            "redshift": (
                "mean_z", "redshift", "zmean_sof", "dnf_zmean_sof", "bpz_zmean_sof",
            ),
            "m": ("m",),
        },
        "euclidean",
        "shear",
        "Gatti et al. 2021, MNRAS 504, 4312; https://des.ncsa.illinois.edu/releases/y3a2",
        signature=("r11", "r22"),
        title="DES Year 1 and Year 3 (metacalibration)",
        aliases=("des_y1", "des_metacal"),
        selection=("flags_select == 0",),
    ),
    "des_y6": ColumnPreset(
        {
            "ra": ("ra",),
            "dec": ("dec",),
            "e1": ("gauss_g_1", "mdet_g_1"),
            "e2": ("gauss_g_2", "mdet_g_2"),
            "sigma_m": (
                "sqrt((gauss_g_cov_1_1 + gauss_g_cov_2_2) / 2)",
                "sqrt((mdet_g_cov_1_1 + mdet_g_cov_2_2) / 2)",
            ),
            "weight": ("weight", "w"),
            "variant": ("mdet_step",),
        },
        "euclidean",
        "shear",
        "Yamamoto et al. 2025, MNRAS 543, 4156; https://github.com/des-science/pizza-cutter",
        title="DES Year 6 (metadetection)",
        aliases=("des_metadetect",),
        selection=("gauss_flags == 0", "psfrec_flags == 0"),
    ),
    "decade": ColumnPreset(
        {
            "ra": ("RA",),
            "dec": ("DEC",),
            "e1": ("MCAL_G_1_NOSHEAR",),
            "e2": ("MCAL_G_2_NOSHEAR",),
            "weight": ("MCAL_W_NOSHEAR",),
            **_METACAL_RESPONSE,
            "redshift": ("DNF_Z",),
            "m": ("m",),
        },
        "euclidean",
        "shear",
        "Anbajagane et al. 2025, arXiv:2502.17674; "
        "https://dhayaaanbajagane.github.io/data_release/decade",
        title="DECADE and DELVE (metacalibration)",
        aliases=("delve",),
        selection=(
            "mcal_flags == 0", "flags_foreground == 0", "flags_footprint == 1",
            "mcal_sel_noshear > 0",
        ),
    ),
    "rubin": ColumnPreset(
        {
            "ra": ("ra", "coord_ra"),
            "dec": ("dec", "coord_dec"),
            "e1": ("gauss_g1",),
            "e2": ("gauss_g2",),
            "sigma_m": ("sqrt((gauss_g1_g1_Cov + gauss_g2_g2_Cov) / 2)",),
            "weight": ("weight",),
            "variant": ("metaStep",),
        },
        "euclidean",
        "shear",
        "Rubin Observatory, the table ShearObject of Data Preview 2 (components along the axes of "
        "the coadds, which have west to the right), https://dp2.lsst.io; "
        "https://github.com/lsst/drp_tasks; Sheldon et al. 2023, OJAp 6, 17",
        title="Rubin LSST (metadetection, ShearObject)",
        aliases=("rubin_metadetect", "rubin_dp2", "shear_object"),
        selection=("is_primary == 1", "gauss_flags == 0", "psfOriginal_flags == 0"),
    ),
    "anacal": ColumnPreset(
        {
            "ra": ("ra",),
            "dec": ("dec",),
            "e1": ("fpfs1_e1", "fpfs_e1", "e1"),
            "e2": ("fpfs1_e2", "fpfs_e2", "e2"),
            "weight": ("wsel", "fpfs1_w", "fpfs_w", "w"),
            **{f"r{i}{j}": _anacal_response(i, j) for i in (1, 2) for j in (1, 2)},
            "redshift": ("zbest_0", "zmode_0"),
        },
        "euclidean",
        "shear",
        "Li & Mandelbaum 2023, MNRAS 521, 4904; Li et al. 2025, MNRAS 536, 3663; the components "
        "are along the axes of the image, which has west to the right; "
        "https://github.com/mr-superonion/AnaCal",
        signature=("r11", "r22"),
        title="AnaCal (FPFS shapes and weights with their derivatives)",
        aliases=("fpfs",),
        selection=("is_primary == 1",),
    ),
    "kids": ColumnPreset(
        {
            "ra": ("RAJ2000", "ALPHA_J2000"),
            "dec": ("DECJ2000", "DELTA_J2000"),
            "e1": ("bias_corrected_e1", "autocal_e1", "e1"),
            "e2": ("bias_corrected_e2", "autocal_e2", "e2"),
            **_LENSFIT,
        },
        "euclidean",
        "shear",
        "Giblin et al. 2021, A&A 645, A105; Wright et al. 2025, arXiv:2503.19440; "
        "https://kids.strw.leidenuniv.nl",
        title="KiDS-450, KV450, KiDS-1000 (DR4) and KiDS-Legacy (DR5)",
        aliases=(
            "kids_dr3", "kids_450", "kv450", "kids_dr4", "kids_1000", "kids_dr5", "kids_legacy",
        ),
        selection=("Flag_SOM_Fid == 1",),
    ),
    "cfhtlens": ColumnPreset(
        {
            "ra": ("ALPHA_J2000",),
            "dec": ("DELTA_J2000",),
            "e1": ("e1",),
            "e2": ("e2",),
            **_LENSFIT,
        },
        "euclidean",
        "shear",
        "Heymans et al. 2012, MNRAS 427, 146; Erben et al. 2013, MNRAS 433, 2545; "
        "https://www.cfhtlens.org",
        signature=("m", "c2"),
        title="CFHTLenS",
        selection=("fitclass == 0", "MASK <= 1"),
    ),
    "unions": ColumnPreset(
        {
            "ra": ("RA",),
            "dec": ("Dec",),
            "e1": ("e1_leak_corrected", "e1_noleakage", "e1"),
            "e2": ("e2_leak_corrected", "e2_noleakage", "e2"),
            "weight": ("w_des", "w_iv", "w"),
        },
        "euclidean",
        "shear",
        "Guinot et al. 2022, A&A 666, A162; https://github.com/CosmoStat/sp_validation",
        signature=("weight",),
        title="UNIONS (ShapePipe)",
        aliases=("shapepipe", "unions_shapepipe"),
        unused={
            **{f"r_g{i}{j}": "e1 and e2 are calibrated" for i in (1, 2) for j in (1, 2)},
            **{f"r_{i}{j}": "e1 and e2 are calibrated" for i in (1, 2) for j in (1, 2)},
            "e1_uncal": "e1 is calibrated",
            "e2_uncal": "e2 is calibrated",
        },
    ),
    "euclid": ColumnPreset(
        {
            "ra": ("SHE_LENSMC_UPDATED_RA", "SHE_LENSMC_RA", "SHE_RA", "RIGHT_ASCENSION"),
            "dec": ("SHE_LENSMC_UPDATED_DEC", "SHE_LENSMC_DEC", "SHE_DEC", "DECLINATION"),
            "e1": ("SHE_LENSMC_G1", "SHE_G1", "G1"),
            "e2": ("SHE_LENSMC_G2", "SHE_G2", "G2"),
            "weight": (
                "SHE_LENSMC_WEIGHT", "SHE_LENSMC_SHEAR_WEIGHT", "SHE_WEIGHT", "WEIGHT",
            ),
            "redshift": ("PHZ_MEDIAN", "PHZ_MODE_1", "phz_phz_median"),
        },
        "euclidean",
        "shear",
        "Euclid data product description, SHE and LE3 WL catalogs (components in (-ra, dec)), "
        "https://euclid.esac.esa.int/msp/dpdd",
        title="Euclid (SHE, reduced shear)",
        selection=("phz_flags == 0", "spurious_flag == 0"),
    ),
    "euclid_lensmc": ColumnPreset(
        {
            "ra": ("she_lensmc_ra", "right_ascension"),
            "dec": ("she_lensmc_dec", "declination"),
            "e1": ("she_lensmc_e1_corrected", "she_lensmc_e1"),
            "e2": ("she_lensmc_e2_corrected", "she_lensmc_e2"),
            "weight": ("she_lensmc_weight",),
            "redshift": ("phz_median", "phz_mode_1"),
        },
        None,  # no public document says to which side x points
        "shear",
        "Congedo et al. 2024, A&A 691, A319; the names are those that "
        "https://github.com/LSSTDESC/TXPipe reads",
        title="Euclid (LensMC, ellipticities)",
        selection=("phz_flags == 0", "spurious_flag == 0"),
    ),
    "generic": ColumnPreset(
        {
            "ra": ("ra", "RA_deg", "ra_deg"),
            "dec": ("dec", "DEC_deg", "dec_deg"),
            "e1": ("e1", "g1", "gamma1", "shear1"),
            "e2": ("e2", "g2", "gamma2", "shear2"),
            **SHORT_NAMES,
        },
        title="Simulations and tables of one's own",
        aliases=("lensmap",),
    ),
}
"""The presets of column names, by name."""


def _folded(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_").replace("__", "_")


_SPELLINGS = {
    _folded(spelling): name
    for name, preset in COLUMN_PRESETS.items()
    for spelling in (*preset.aliases, name)
}


def find_preset(name: str) -> str | None:
    """Return the name of a preset by any of its spellings.

    Parameters
    ----------
    name : str
        The name or an alias; upper and lower case, hyphens, underscores and blanks are equivalent.

    Returns
    -------
    str or None
        The name in `COLUMN_PRESETS`; None if there is no such preset.
    """
    return _SPELLINGS.get(_folded(name))
