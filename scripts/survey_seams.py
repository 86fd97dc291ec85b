# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Measure how much the map of a survey depends on its tiles.

    python scripts/survey_seams.py FOLDER --method "ks(smoothing=4arcmin)" --area 150

A sky is simulated in FOLDER and mapped four times: as it is, with the pixels of all tiles moved by
one pixel and by half a pixel, and with the pixels turned by 20 degrees. A field in the middle of
the survey is mapped by itself, too. Printed are, in units of the scatter of the map: the
differences of the maps in the cores of tiles and where tiles are blended, the mean step between
neighboring tiles, and the correlation of the field with the survey, 30 arcmin and more from its
edge. Steps that are in the folder are not repeated.
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
from lensmap.simulate import MockSurvey, simulate_sky
from lensmap.sphere import HealpixPixels
from lensmap.survey import map_survey

CENTER = SkyCoord(150, 30, unit="deg")

# Pixels this far from edges and holes are compared, degrees.
_INSIDE = 0.3


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--area", type=float, default=150.0, help="square degrees")
    parser.add_argument("--density", type=float, default=8.0, help="galaxies per arcmin^2")
    parser.add_argument("--method", default="ks(smoothing=4arcmin)")
    parser.add_argument("--pixel-scale", default="1arcmin")
    parser.add_argument("--nside", type=int, default=4096)
    parser.add_argument("--sky-nside", type=int, default=2048)
    parser.add_argument("--field", type=float, default=5.0, help="side of the field, degrees")
    parser.add_argument("--workers", type=int, default=None)
    arguments = parser.parse_args()
    sky = simulate_sky(
        arguments.folder / "sky", arguments.area * u.deg**2,
        MockSurvey(density=arguments.density / u.arcmin**2), center=CENTER, z_source=1.0,
        nside=arguments.sky_nside, workers=arguments.workers,
    )
    estimator = make_estimator(arguments.method)
    name = "".join(c if c.isalnum() else "_" for c in arguments.method)
    source = HatsCatalog(sky.galaxies, convention="celestial")

    def mapped(label, **options):
        return map_survey(
            source, estimator, arguments.folder / f"{name}_{label}", products=label == "plain",
            pixel_scale=arguments.pixel_scale, nside=arguments.nside, workers=arguments.workers,
            **options,
        )

    plain = mapped("plain")
    first = layers_of(plain)
    scatter = np.std(first["kappa"][first["edge"] > _INSIDE])
    print(f"{plain}; scatter {scatter:.5f}")
    for label, options in (
        ("moved by a pixel", {"offset": (1, 1)}),
        ("moved by half a pixel", {"offset": (0.5, 0.5)}),
        ("turned by 20 deg", {"turn": "20deg"}),
    ):
        compare(label, first, layers_of(mapped(label.replace(" ", "_"), **options)), scatter)
    steps(plain, scatter)
    field(plain, source, estimator, arguments)


def layers_of(survey):
    """Return the layers of a survey in its unmasked pixels."""
    order = HealpixPixels(survey.nside).order
    parts = {"index": [], "kappa": [], "edge": [], "n_tiles": []}
    for block in survey.blocks():
        used = np.flatnonzero(np.isfinite(block.layers["kappa"]))
        parts["index"].append((block.pixel << 2 * (order - block.order)) + used)
        for name in ("kappa", "edge", "n_tiles"):
            parts[name].append(block.layers[name][used])
    return {name: np.concatenate(values) for name, values in parts.items()}


def compare(label, one, other, scatter):
    """Print the difference of two maps, in cores and where tiles are blended."""
    _, i, j = np.intersect1d(one["index"], other["index"], return_indices=True)
    difference = (one["kappa"][i] - other["kappa"][j]) / scatter
    inside = one["edge"][i] > _INSIDE
    blended = one["n_tiles"][i] > 1
    core, zone = difference[inside & ~blended], difference[inside & blended]
    print(
        f"{label}: rms {np.std(difference[inside]):.4f} (cores {np.std(core):.4f}, blended "
        f"{np.std(zone):.4f}); 99.9 % of pixels below "
        f"{np.percentile(np.abs(difference[inside]), 99.9):.4f}"
    )


def steps(survey, scatter):
    """Print the steps between the maps of neighboring tiles in the pixels that they share."""
    from lensmap.survey._tiles import neighbors

    order = survey.plan["tile_order"]
    tiles = [int(tile) for tile in survey.tiles["tile"]]
    means, spreads, sizes = [], [], []
    for tile in tiles:
        mine = survey._files.read(tile, tile)
        for other in set(neighbors(order, tile)) & set(tiles):
            theirs = survey._files.read(int(other), tile)
            if mine is None or theirs is None:
                continue
            _, i, j = np.intersect1d(mine["index"], theirs["index"], return_indices=True)
            good = (mine["edge"][i] > _INSIDE) & (theirs["unmasked"][j] == 1)
            if good.sum() > 1000:
                difference = (mine["kappa"][i] - theirs["kappa"][j])[good] / scatter
                means.append(np.mean(difference))
                spreads.append(np.std(difference))
                sizes.append(len(difference))
    step = np.sqrt(np.average(np.square(means), weights=sizes))
    print(
        f"borders of tiles: mean step {step:.4f} (rms over {len(means)} borders, weighted by their "
        f"area; largest {np.max(np.abs(means)):.4f}), difference of the tiles "
        f"{np.average(spreads, weights=sizes):.4f}"
    )


def field(survey, source, estimator, arguments):
    """Print the correlation of a field of the survey with the same field mapped by itself."""
    scale = survey.plan["pixel_scale_arcmin"] * u.arcmin
    side = int(arguments.field * u.deg / scale)
    # Away from the center of the survey, so that tiles meet in the field.
    wcs = tangent_wcs(CENTER, (side, side), scale)
    catalog = source.near(CENTER, 0.75 * arguments.field * u.deg)
    alone = estimator.reconstruct(catalog, wcs)
    cutout = survey.cutout(wcs)
    good = ~(alone.mask | cutout.mask)
    inside = np.zeros(good.shape, bool)
    room = int(30 * u.arcmin / scale)
    inside[room:-room, room:-room] = True
    inside &= distance_transform_edt(np.pad(~alone.mask, 1))[1:-1, 1:-1] > 10
    r = np.corrcoef(alone.data[good & inside], cutout.data[good & inside])[0, 1]
    print(f"field of {arguments.field:g} deg by itself, 30 arcmin from its edge: r {r:.4f}")


if __name__ == "__main__":
    main()
