# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Measure how much the map of a survey depends on the lattices of its tiles.

    python scripts/survey_seams.py FOLDER --method "ks(smoothing=4arcmin)" --area 150

A sky is simulated in FOLDER and mapped four times: as it is, with the pixels of all tiles moved by
``--shift`` pixels and by half a pixel, and with the pixels turned by 20 degrees; with ``--dither``,
each of these on four lattices. A field in the middle of the survey is mapped by itself, also with
its pixels moved. Printed are, in units of the scatter of the map: the differences of the maps in
the cores of tiles and where tiles are blended, the mean step between neighboring tiles, and the
correlation of the field with the survey, 30 arcmin and more from its edge; and the transfer
C(map, truth) / C(truth, truth) of both in bins of the multipole. Steps that are in the folder are
not repeated. `SurveyMap.validate` measures the seams of one map.
"""

import argparse
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from scipy.ndimage import distance_transform_edt

from lensmap.catalog import HatsCatalog
from lensmap.estimators import make_estimator
from lensmap.grid import tangent_wcs
from lensmap.maps import HealpixMap
from lensmap.simulate import MockSurvey, simulate_sky
from lensmap.survey import map_survey
from lensmap.survey._seams import compare_lattices, measure_seams

CENTER = SkyCoord(150, 30, unit="deg")

# Pixels this far from edges and holes are compared, degrees.
_INSIDE = 0.3

# The bins of the multipole in which the field and the survey are compared with the truth.
_ELL = (150, 300, 600, 1200, 2400)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--area", type=float, default=150.0, help="square degrees")
    parser.add_argument("--density", type=float, default=8.0, help="galaxies per arcmin^2")
    parser.add_argument("--method", default="ks(smoothing=4arcmin)")
    parser.add_argument("--pixel-scale", default="1arcmin")
    parser.add_argument("--nside", type=int, default=4096)
    parser.add_argument("--sky-nside", type=int, default=2048)
    parser.add_argument("--min-mass", type=float, default=3e13, help="of halos, solar masses")
    parser.add_argument("--shift", type=int, default=1, help="pixels (16 for networks)")
    parser.add_argument("--dither", type=int, default=1, choices=(1, 4))
    parser.add_argument("--field", type=float, default=5.0, help="side of the field, degrees")
    parser.add_argument("--workers", type=int, default=None)
    arguments = parser.parse_args()
    sky = simulate_sky(
        arguments.folder / "sky", arguments.area * u.deg**2,
        MockSurvey(density=arguments.density / u.arcmin**2), center=CENTER, z_source=1.0,
        nside=arguments.sky_nside, min_mass=arguments.min_mass * u.solMass,
        workers=arguments.workers,
    )
    estimator = make_estimator(arguments.method)
    name = "".join(c if c.isalnum() else "_" for c in arguments.method)
    if arguments.dither > 1:
        name += "_dither"
    source = HatsCatalog(sky.galaxies, convention="celestial")

    def mapped(label, **options):
        return map_survey(
            source, estimator, arguments.folder / f"{name}_{label}", products=label == "plain",
            pixel_scale=arguments.pixel_scale, nside=arguments.nside, workers=arguments.workers,
            dither=arguments.dither, **options,
        )

    plain = mapped("plain")
    print(plain)
    shift = arguments.shift
    for label, options in (
        (f"moved by {shift}", {"offset": (shift, shift)}),
        ("moved by half a pixel", {"offset": (0.5, 0.5)}),
        ("turned by 20 deg", {"turn": "20deg"}),
    ):
        other = mapped(label.replace(" ", "_"), **options)
        change = compare_lattices(plain.blocks(), other.blocks(), _INSIDE)
        print(
            f"{label}: rms {change.rms:.4f} (cores {change.core:.4f}, blended "
            f"{change.blended:.4f}); 99.9 % of pixels below {change.most:.4f}"
        )
    tiles = [int(tile) for tile in plain.tiles["tile"]]
    seams = measure_seams(plain._files, tiles, plain.plan["tile_order"])
    unit = seams.scatter_blended
    print(
        f"borders of tiles: mean step {seams.step / unit:.4f} (rms over {seams.n_pairs} pairs of "
        f"tiles, weighted by their overlap; largest {seams.largest_step / unit:.4f}), difference "
        f"of the tiles {seams.rms / unit:.4f}"
    )
    field(plain, source, estimator, HealpixMap.read(sky.kappa), arguments)


def transfers(kappa, truth, good, scale):
    """Return C(map, truth) / C(truth, truth) of a field in bins of the multipole."""
    window = np.clip(distance_transform_edt(good) * scale.to_value(u.deg), 0, 1)
    window *= good
    modes = []
    for one in (kappa, truth):
        values = np.where(good, np.nan_to_num(one.data), 0)
        modes.append(np.fft.fft2(window * (values - values[good].mean())))
    frequency = (np.fft.fftfreq(n, scale.to_value(u.rad)) for n in good.shape)
    ell = 2 * np.pi * np.hypot(*np.meshgrid(*frequency, indexing="ij"))
    result = []
    for low, high in zip(_ELL[:-1], _ELL[1:], strict=True):
        one, other = (mode[(ell >= low) & (ell < high)] for mode in modes)
        result.append(np.sum(one * other.conj()).real / np.sum(np.abs(other) ** 2))
    return result


def field(survey, source, estimator, truth, arguments):
    """Compare a field of the survey with the same field mapped by itself, and that with itself."""
    scale = survey.plan["pixel_scale_arcmin"] * u.arcmin
    side = int(arguments.field * u.deg / scale)
    wcs = tangent_wcs(CENTER, (side, side), scale)
    catalog = source.near(CENTER, 0.75 * arguments.field * u.deg)
    alone, cutout = estimator.reconstruct(catalog, wcs), survey.cutout(wcs)
    inside = np.zeros(alone.shape, bool)
    room = int(30 * u.arcmin / scale)
    inside[room:-room, room:-room] = True
    inside &= distance_transform_edt(np.pad(~alone.mask, 1))[1:-1, 1:-1] > 10
    good = inside & ~(alone.mask | cutout.mask)
    r = np.corrcoef(alone.data[good], cutout.data[good])[0, 1]
    print(f"field of {arguments.field:g} deg by itself, 30 arcmin from its edge: r {r:.4f}")
    true = truth.cutout(wcs)
    good &= ~true.mask
    for low, high, one, other in zip(
        _ELL[:-1], _ELL[1:], transfers(alone, true, good, scale),
        transfers(cutout, true, good, scale), strict=True,
    ):
        print(f"transfer, multipoles {low} to {high}: by itself {one:.3f}, survey {other:.3f}")
    shift = arguments.shift
    moved = wcs.deepcopy()
    moved.wcs.crpix += shift  # the same positions, in pixels shifted by whole steps of the lattice
    moved.array_shape = (side + shift, side + shift)
    new = estimator.reconstruct(catalog, moved)
    data = new.data[shift:, shift:]
    good = inside & ~(alone.mask | new.mask[shift:, shift:])
    difference = (alone.data[good] - data[good]) / np.std(alone.data[good])
    print(
        f"field moved by {shift} pixels on one plane: rms {np.std(difference):.4f}, 99.9 % of "
        f"pixels below {np.percentile(np.abs(difference), 99.9):.4f}"
    )


if __name__ == "__main__":
    main()
