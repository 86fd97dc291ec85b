# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""How pixel axes lie on the sky, with the angle that lensmap finds for them."""

import matplotlib.pyplot as plt
import numpy as np
from astropy.wcs import WCS
from matplotlib.patches import Arc

from lensmap.grid import PixelFrame


def make(cdelt1, turn):
    """Return a WCS whose axes are turned by an angle in degrees."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cdelt = [cdelt1, 0.01]
    wcs.wcs.crpix = [5, 5]
    c, s = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    wcs.wcs.pc = [[c, -s], [s, c]]
    wcs.array_shape = (9, 9)
    return wcs


def main():
    """Draw an ordinary image, a mirrored one and a turned one."""
    cases = (
        ("ordinary image\n(CDELT1 < 0)", make(-0.01, 0)),
        ("x to the east\n(CDELT1 > 0)", make(0.01, 0)),
        ("ordinary, turned by 25 deg\n(PC matrix)", make(-0.01, 25)),
    )
    figure, axes = plt.subplots(1, 3, figsize=(6.2, 2.6), layout="constrained")
    for ax, (title, wcs) in zip(axes, cases, strict=True):
        frame = PixelFrame(wcs)
        # e^(-2 i phi) gives phi but for half a turn; the world positions give the rest.
        ra, dec = wcs.wcs_pix2world([[4, 4], [5, 4], [4, 5]], 0).T
        ra = np.remainder(ra + 180, 360) - 180
        axis = {"x": (ra[1] - ra[0], dec[1] - dec[0]), "y": (ra[2] - ra[0], dec[2] - dec[0])}
        phi = np.degrees(np.arctan2(axis["x"][1], axis["x"][0])) % 360
        found = frame.pixel_rotation()[4, 4]
        assert np.isclose(found, np.exp(-2j * np.radians(phi)), atol=1e-4)
        for direction, name in (((1, 0), "E"), ((0, 1), "N")):
            _arrow(ax, np.array(direction), name, "0.55")
        for name, direction in axis.items():
            _arrow(ax, 0.7 * np.array(direction) / np.hypot(*direction), f"+{name}", "tab:blue")
        if round(phi) % 360:
            # From east (left on the page) through north (up): clockwise.
            ax.add_patch(Arc((0, 0), 0.55, 0.55, theta1=180 - phi, theta2=180, color="tab:red"))
            part = np.radians(phi / 4)
            ax.text(-0.42 * np.cos(part), 0.42 * np.sin(part), r"$\phi$", color="tab:red",
                    ha="center", va="center")
        law = r"g_\mathrm{cel}\,e^{-2i\phi}"
        law = f"[{law}]^*" if frame.parity < 0 else law
        ax.set_title(title, fontsize=9)
        ax.text(0, -0.4, rf"$\phi$ = {phi:.0f} deg" + "\n" + rf"$g_\mathrm{{pix}} = {law}$",
                ha="center", va="top")
        ax.set(xlim=(-1.35, 1.35), ylim=(-1.0, 1.3), aspect="equal")
        ax.axis("off")


def _arrow(ax, direction, name, color):
    x, y = -direction[0], direction[1]  # on the page, east is to the left
    ax.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "->", "color": color, "lw": 1.5})
    if name in "EN":
        ax.text(1.15 * x, 1.15 * y, name, color=color, ha="center", va="center")
    else:  # beside its arrow, which may lie on one of the others
        x, y = 0.8 * x + 0.22 * y, 0.8 * y - 0.22 * x
        ax.text(x, y, name, color=color, ha="center", va="center")


main()
