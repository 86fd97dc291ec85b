# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""``lensmap reconstruct``: make a mass map of a shear catalog."""

import numpy as np

from lensmap.cli._convention_check import add_check_argument, check_on_the_way
from lensmap.cli._estimator_options import (
    add_estimator_options,
    has_parameter,
    is_given,
    make_estimator,
)
from lensmap.cli._file_types import OutputMap, OutputPicture
from lensmap.cli._files import open_outputs
from lensmap.cli._inputs import add_catalog_arguments, read_catalog
from lensmap.cli._map_options import (
    add_map_arguments,
    map_pixels,
    read_wcs,
    with_redshifts,
)
from lensmap.cli._mask_options import read_mask
from lensmap.cli._messages import OptionError, load_networks
from lensmap.cli._progress import show_progress
from lensmap.cli._result import Result
from lensmap.cli._source_options import describe_sources
from lensmap.cli._sphere_options import add_sphere_arguments, check_geometry, sphere_pixels
from lensmap.utils import plain_label

NAME = "reconstruct"
SUMMARY = "make a mass map of a shear catalog"
DESCRIPTION = """Make a mass map of a shear catalog and write it as FITS: kappa, B-mode,
uncertainty, mask and galaxy counts, each with its WCS. With --uncertainty N, the file
also holds the peaks of maps of N randomly rotated catalogs, from which the number of
false peaks to expect is computed, here and by 'lensmap peaks'. The sign convention of
the ellipticities is tested first, unless --no-check is given. The Wiener filter (wiener),
the maximum-entropy method (me) and MCALens (mcalens) need the power spectrum of the
convergence: without --z-source, it is computed for the mean redshift of the galaxies;
without redshifts, it is fitted to the catalog. For catalogs
of more than about 20 degrees, the methods sphere-ks and sphere-wiener make a map on HEALPix
pixels (--nside)."""
EXAMPLES = """examples:
  lensmap reconstruct shear.fits -o kappa.fits --smoothing 1arcmin --uncertainty analytic
  lensmap reconstruct shear.fits -o kappa.fits --convention euclidean --kind shear \\
      --uncertainty 100 --plot kappa.png
  lensmap reconstruct hsc.fits -o kappa.fits --columns hsc-y3 \\
      --where 'weak_lensing_flag and b_mode_mask'
  lensmap reconstruct shear.fits -o kappa.fits --method wiener --z-source 1.2 \\
      --uncertainty posterior
  lensmap reconstruct shear.fits -o kappa.fits --method cnn --uncertainty network
  lensmap reconstruct shear.fits -o kappa.fits --behind 0.3 --margin 0.2
  lensmap reconstruct shear.fits -o kappa.fits --method my_method.py:MyEstimator
  lensmap reconstruct shear.fits -o kappa.fits --wcs image.fits --pixel-scale 0.4arcmin
  lensmap reconstruct survey.parquet -o kappa.hsp --method sphere-ks --nside 2048
  lensmap reconstruct shear.csv -o kappa.fits --columns ra=RA,dec=DEC,e1=G1,e2=G2,weight=W \\
      --pixel-scale 0.3arcmin --mask stars.reg --footprint survey_moc.fits"""

_FROM_META = (
    "n_galaxies", "n_outside", "n_masked", "response", "response_error", "estimator", "parameters",
    "weights", "weights_edition", "prior_power", "binning",
)

# The heights for which the expected number of false peaks is given.
_HEIGHTS = (3.0, 4.0, 5.0)
_MIN_SEPARATION_ARCMIN = 2.0


def add_arguments(parser):
    """Add the arguments and options of ``lensmap reconstruct`` to its parser."""
    add_catalog_arguments(parser)
    parser.add_argument("-o", "--output", type=OutputMap, required=True, metavar="K.fits",
                        help="write the map to this FITS file; a map on HEALPix pixels also to a "
                             "HealSparse file (K.hsp)")
    add_map_arguments(parser)
    add_sphere_arguments(parser)
    group = parser.add_argument_group("more options")
    group.add_argument("--plot", type=OutputPicture, metavar="K.png",
                       help="also draw the map, and its signal-to-noise ratio if it has an "
                            "uncertainty")
    add_check_argument(group)
    add_estimator_options(parser)


def run(arguments):
    """Run ``lensmap reconstruct`` with parsed arguments, and return its `Result`."""
    progress = show_progress(arguments)
    with open_outputs(arguments) as temporary:
        estimator = make_estimator(arguments)
        on_sphere = check_geometry(arguments, estimator)
        wcs, mask = read_wcs(arguments), read_mask(arguments)
        pixels = sphere_pixels(arguments)
        if wcs is not None:
            check_header(wcs, arguments.wcs)
        if has_parameter(estimator, "network"):
            load_networks()
        catalog = read_catalog(arguments)
        if not is_given(arguments, "z_source"):
            estimator = with_redshifts(estimator, catalog)
        checked = check_on_the_way(arguments, catalog, progress=progress)
        binning = None
        if not on_sphere:
            pixels, binning = map_pixels(arguments, wcs, estimator, catalog)
        kappa = estimator.reconstruct(catalog, pixels, mask, progress=progress)
        if binning is not None:
            kappa = kappa.replace(meta={**kappa.meta, "binning": binning})
        form = {} if on_sphere else {"format": "fits"}
        kappa.write(temporary[arguments.output], **form, overwrite=True)
        if arguments.plot:
            from lensmap.plotting import save_map

            save_map(kappa, temporary[arguments.plot], title=_title(kappa), overwrite=True)
        # The summary is made while the files have temporary names, which an error removes.
        numbers = numbers_of_map(kappa) | checked
        return Result(describe(kappa), numbers, tuple(temporary))


def check_header(wcs, path):
    """Raise an OptionError if a FITS file cannot hold the WCS of an image, and thus no map on it.

    Parameters
    ----------
    wcs : `~astropy.wcs.WCS`
        The WCS of the image.
    path : path-like
        The path of the image.
    """
    from lensmap.maps import celestial_header

    try:
        celestial_header(wcs)
    except ValueError:
        raise OptionError(
            "wcs",
            f"--wcs must be an image without distortion tables, unlike {str(path)!r}, because a "
            "map with them cannot be written: give a resampled image, or leave out --wcs",
        ) from None


def describe(kappa):
    """Return the summary of a map as text for people.

    Parameters
    ----------
    kappa : ConvergenceMap or HealpixMap
        The map.

    Returns
    -------
    str
        The summary, a few lines.
    """
    from astropy import units as u

    meta, pixels = kappa.meta, getattr(kappa, "pixels", None)
    size = _pixel_scale(kappa).to(u.arcmin)
    if pixels is None:
        name = f"{kappa.shape[0]} x {kappa.shape[1]} pixels of {size:.3g}"
    else:
        frame = "" if pixels.frame == "icrs" else f"{pixels.frame} "
        name = f"{len(kappa.data)} {frame}HEALPix pixels of nside {pixels.nside} ({size:.3g})"
    lines = [f"{name}, {kappa.mask.mean():.0%} of them masked"]
    # Estimators of other packages may leave out any of these entries.
    if "n_galaxies" in meta:
        others = [f", {meta[f'n_{where}']} {where}" for where in ("outside", "masked")
                  if meta.get(f"n_{where}")]
        lines.append(f"{meta['n_galaxies']} galaxies used{''.join(others)}")
    sources = describe_sources(meta.get("catalog", {}))
    if sources is not None:
        lines.append(sources)
    if "response_error" in meta:
        mean, error = (np.diagonal(meta[name]) for name in ("response", "response_error"))
        lines.append(
            f"mean response to shear: {mean.mean():.4f} +- {np.hypot(*error) / 2:.4f}, measured"
        )
    z_source = meta.get("parameters", {}).get("z_source")
    if z_source is not None:
        lines.append(f"expected: the matter in front of redshift {z_source}")
    if "prior_power" in meta:
        lines.append(_describe_power(meta["prior_power"]))
    peak = _highest_peak(kappa)
    if peak is not None:
        from lensmap.maps import has_total_error

        place = _sky_of(kappa, peak).to_string("decimal", precision=4)
        is_total = has_total_error(kappa)
        unit = "times its error about the truth" if is_total else "sigma"
        lines.append(f"highest peak: {kappa.snr[peak]:.1f} {unit} at {place} (deg)")
    false = _false_peaks(kappa)
    if false is not None:
        lines.append(_describe_false(false))
    return "\n".join(lines)


def _describe_power(fit):
    """Return one line about the power spectrum that was fitted to the catalog."""
    return (
        f"prior: power fitted to the catalog, {fit['amplitude']:.2f} +- "
        f"{fit['amplitude_error']:.2f} times the theory for galaxies of mean redshift 0.9 at "
        f"multipole 1000, with a fall at multipole {fit['cutoff']:.0f} (weight of the assumed "
        f"amplitude 1 +- 0.7 in ln: {fit['prior_weight']:.0%})"
    )


def _describe_false(false):
    """Return one line about the number of false peaks to expect in the field of a map."""
    from lensmap.peaks import number_and_error

    numbers = ", ".join(
        f"{number_and_error(row['n_peaks'], row['n_peaks_err'])} above {row['snr']:g} sigma"
        for row in false["thresholds"]
    )
    return f"expected false peaks, by {false['n_noise_maps']} maps of noise: {numbers}"


def _false_peaks(kappa):
    """Return the number of false peaks to expect in the field of a map, for a JSON record, or None.

    The number is known if the map has a record of noise peaks.
    """
    if getattr(kappa, "noise_peaks", None) is None:  # maps of the sphere have no such record
        return None
    from lensmap.peaks import false_peaks

    separation = f"{_MIN_SEPARATION_ARCMIN} arcmin"
    peaks, troughs = (
        false_peaks(kappa, _HEIGHTS, min_separation=separation, troughs=sign)
        for sign in (False, True)
    )
    return {
        "n_noise_maps": peaks.meta["n_noise_maps"],
        "min_separation_arcmin": _MIN_SEPARATION_ARCMIN,
        "thresholds": [
            {"snr": height, "n_peaks": peak["n_false"], "n_peaks_err": peak["n_false_err"],
             "n_troughs": trough["n_false"], "n_troughs_err": trough["n_false_err"]}
            for height, peak, trough in zip(_HEIGHTS, peaks, troughs, strict=True)
        ],
    }


def numbers_of_map(kappa):
    """Return the summary of a map as numbers for a JSON record.

    Parameters
    ----------
    kappa : ConvergenceMap or HealpixMap
        The map.

    Returns
    -------
    dict
        The numbers. If the map has no uncertainty, the numbers of the highest peak are None.
    """
    from lensmap.maps import has_total_error

    meta, peak, pixels = kappa.meta, _highest_peak(kappa), getattr(kappa, "pixels", None)
    numbers = {
        "shape": kappa.shape,
        "nside": getattr(kappa, "nside", None),
        "sky_frame": None if pixels is None else pixels.frame,
        "pixel_scale_arcmin": _pixel_scale(kappa).to_value("arcmin"),
        "masked_fraction": kappa.mask.mean(),
        **{name: meta.get(name) for name in _FROM_META},
        "uncertainty": meta.get("uncertainty") if kappa.uncertainty is not None else None,
        **dict.fromkeys(
            ("peak_snr", "peak_kappa_over_error", "peak_kappa", "peak_ra_deg", "peak_dec_deg")
        ),
    }
    if peak is not None:
        sky = _sky_of(kappa, peak)
        numbers |= {
            "peak_kappa_over_error" if has_total_error(kappa) else "peak_snr": kappa.snr[peak],
            "peak_kappa": kappa.data[peak],
            "peak_ra_deg": sky.ra.deg,
            "peak_dec_deg": sky.dec.deg,
        }
    return numbers | {"false_peaks": _false_peaks(kappa)}


def _highest_peak(kappa):
    """Return the index of the highest signal-to-noise ratio; None without uncertainty."""
    if kappa.uncertainty is None or not np.isfinite(kappa.snr).any():
        return None
    return np.unravel_index(np.nanargmax(kappa.snr), kappa.shape)


def _pixel_scale(kappa):
    """Return the side of a pixel of a map on a plane or on the sphere, an angle."""
    return kappa.pixels.scale if hasattr(kappa, "pixels") else kappa.pixel_scale


def _sky_of(kappa, pixel):
    """Return the position of a pixel, given by its index in the arrays of a map, in ICRS."""
    from astropy.coordinates import SkyCoord

    if not hasattr(kappa, "pixels"):
        return kappa.wcs.pixel_to_world(*pixel[::-1]).icrs
    lon, lat = kappa.pixels.centers(kappa.index[pixel])
    return SkyCoord(lon, lat, unit="deg", frame=kappa.pixels.frame).icrs


def _title(kappa):
    """Return the title of the picture of a map: its estimator, smoothing and number of galaxies."""
    smoothing = kappa.meta.get("parameters", {}).get("smoothing")
    return ", ".join(
        plain_label(text) for text in (
            kappa.meta.get("estimator"),
            f"smoothing {smoothing}" if smoothing else None,
            f"{kappa.meta['n_galaxies']} galaxies" if "n_galaxies" in kappa.meta else None,
        ) if text
    )
