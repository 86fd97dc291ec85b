# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The result of an injection-and-recovery test: injected halos, their peaks and recovery rates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.stats import poisson_conf_interval
from astropy.table import QTable, vstack
from astropy.wcs import WCS

from lensmap.catalog import read_table
from lensmap.injection._run import read_run
from lensmap.peaks import binomial_rate, correct_for_chance
from lensmap.utils import ParameterError, atomic_write, check_count, has_suffix, write_table

if TYPE_CHECKING:
    from lensmap.typing import PathLike
    from lensmap.utils import RunFolder

__all__ = ["HaloRecovery"]


@dataclass(frozen=True, eq=False)
class HaloRecovery:
    r"""Injected halos and the peaks that recover them, as returned by `recover_halos`.

    Attributes
    ----------
    halos : `~astropy.table.QTable`
        One row for each halo, with the columns

        - ``realization``: the number of the realization, from 0; ``ra``, ``dec``: the injected
          position (ICRS, degrees);
        - ``m200c``, ``redshift``, ``c200c``: mass, redshift and concentration of the injected halo;
          ``mass_true``: the projected mass of its NFW profile within 1 Mpc (proper), after
          subtraction of the mean surface density in a ring from 2 to 3 Mpc;
        - ``matched``: whether a peak above the threshold matches the halo; ``already``: whether a
          peak of the map before injection matches the position; ``recovered``: whether the halo
          causes the matching peak;
        - ``peak_ra``, ``peak_dec``, ``kappa``, ``snr``: position and values of the peak;
          ``kappa_before``: the convergence at the pixel of the peak in the map before injection;
          ``offset``: the separation of peak and halo (arcmin);
        - ``mass_map``: the projected mass around the peak in the map with halos, in the same
          aperture and ring as ``mass_true``. It includes noise and real structure. It is NaN in
          maps of other quantities than the convergence, such as aperture masses.

        For halos without a matching peak, the columns of the peak are NaN. The metadata contain the
        settings, the counts of matched and recovered control positions, and the numbers of peaks in
        noise-only maps.
    """

    halos: QTable

    @classmethod
    def empty(cls, settings: dict, facts: dict) -> HaloRecovery:
        """Return a result without any halos, to which realizations are added later.

        Parameters
        ----------
        settings : dict
            The settings of `recover_halos` that all realizations share, keyed by name.
        facts : dict
            Two properties of the map before injection: ``area``, the unmasked area (deg2), and
            ``n_peaks``, the number of peaks.

        Returns
        -------
        HaloRecovery
            A result whose table of halos has no rows.
        """
        meta = {"settings": settings, **facts, "noise_peaks": [],
                "controls": {"n": 0, "matched": 0, "recovered": 0}}
        return cls(QTable(meta={"injection": meta}))

    def with_realization(
        self, halos: QTable, controls: dict[str, int], noise_peaks: int
    ) -> HaloRecovery:
        """Return a new result with the halos of one more realization.

        Parameters
        ----------
        halos : `~astropy.table.QTable`
            The halos of the realization, with the columns of `HaloRecovery.halos`.
        controls : dict
            The number of control positions without a halo (``n``), and the numbers of control
            positions that match a peak (``matched``) and that count as recovered (``recovered``).
        noise_peaks : int
            The number of peaks in the noise-only map of the realization.

        Returns
        -------
        HaloRecovery
            The new result.
        """
        old = self._meta
        meta = {**old, "noise_peaks": [*old["noise_peaks"], noise_peaks],
                "controls": {name: old["controls"][name] + controls[name] for name in controls}}
        rows = vstack([self.halos, halos], metadata_conflicts="silent") if len(self) else halos
        rows.meta = {"injection": meta}
        return type(self)(rows)

    @classmethod
    def from_run(cls, run: RunFolder) -> HaloRecovery:
        """Collect the realizations stored in a run folder.

        Parameters
        ----------
        run : ``lensmap.utils.RunFolder``
            The run folder of `recover_halos`.

        Returns
        -------
        HaloRecovery
            All realizations in the folder.
        """
        recovery = cls.empty(run.settings, run.notes("facts"))
        for number in run.numbers():
            recovery = recovery.with_realization(*run.load(number, convert=_realization_of))
        return recovery

    @classmethod
    def read(cls, path: PathLike) -> HaloRecovery:
        """Read a result from a file or a run folder.

        Parameters
        ----------
        path : path-like
            A file written by `write`, or the ``folder`` of a call of `recover_halos`, which may
            still be running.

        Returns
        -------
        HaloRecovery
            The result.

        Raises
        ------
        FileNotFoundError
            If the path does not exist.
        ValueError
            If the file is not a table of injected halos.
        """
        if Path(path).is_dir():
            return cls.from_run(read_run(path))
        table = QTable(read_table(path))
        table.meta.pop("provenance", None)  # of the file
        if "injection" not in table.meta or "settings" not in table.meta["injection"]:
            raise ParameterError(
                "path", "a file written by HaloRecovery.write or the folder of recover_halos",
                f"{str(path)!r}, a table that lacks the settings of an injection"
            )
        return cls(table)

    def write(self, path: PathLike, *, overwrite: bool = False) -> None:
        """Write the result to a file, so that an interruption leaves no incomplete file.

        Parameters
        ----------
        path : path-like
            The file, which ends in ``.ecsv``: this format keeps units and metadata.
        overwrite : bool
            Whether to replace an existing file.

        Raises
        ------
        FileExistsError
            If the file exists and ``overwrite`` is False.
        ValueError
            If the file has another suffix.
        """
        if not has_suffix(path, (".ecsv",)):
            raise ParameterError("path", ".ecsv", repr(str(path)), verb="end in")
        with atomic_write(path, overwrite=overwrite) as temporary:
            write_table(self.halos, temporary)

    def __len__(self) -> int:
        return len(self.halos)

    def __repr__(self) -> str:
        n_recovered = int(np.sum(self.halos["recovered"])) if len(self) else 0
        return f"<HaloRecovery of {self.size}; {n_recovered} recovered above {self.by} of " + (
            f"{self.threshold:.4g}>"
        )

    @property
    def size(self) -> str:
        """The numbers of halos and realizations as text, e.g. ``"20 halos in 2 realizations"``."""
        def count(n: int, noun: str) -> str:
            return f"{n} {noun}{'' if n == 1 else 's'}"

        return f"{count(len(self), 'halo')} in {count(self.n_realizations, 'realization')}"

    @property
    def _meta(self) -> dict:
        return self.halos.meta["injection"]

    @property
    def settings(self) -> dict:
        """The settings of `recover_halos`, as plain strings and numbers keyed by name."""
        return self._meta["settings"]

    @property
    def n_realizations(self) -> int:
        """The number of realizations, each of which injects new halos into the catalog."""
        return len(self._meta["noise_peaks"])

    @property
    def threshold(self) -> float:
        """The minimum height of a peak, as a signal-to-noise ratio or a convergence (see `by`)."""
        return self.settings["threshold"]

    @property
    def by(self) -> str:
        """The quantity in which peaks are detected.

        It is ``"snr"``, the signal-to-noise ratio, or ``"kappa"``, the convergence.
        """
        return self.settings["by"]

    @property
    def radius(self) -> u.Quantity:
        """The maximum separation of a halo and a peak that matches the halo, an angle."""
        return self.settings["radius"] * u.arcmin

    @property
    def wcs(self) -> WCS:
        """The WCS of the maps, with the shape of the maps ``(ny, nx)`` as its ``array_shape``."""
        header = fits.Header.fromstring(self.settings["wcs"])
        wcs = WCS(header)
        wcs.array_shape = tuple(self.settings["shape"])
        return wcs

    @property
    def peak_density(self) -> u.Quantity:
        """The number density of peaks above the threshold before injection, per square degree."""
        return self._meta["n_peaks"] / (self._meta["area"] * u.deg**2)

    @property
    def n_controls(self) -> int:
        """The number of control positions: random positions at which no halo is injected."""
        return self._meta["controls"]["n"]

    @property
    def chance(self) -> float:
        """The rate of chance recoveries; NaN without control positions.

        It is the fraction of control positions, at which no halo is injected, that nevertheless
        count as recovered.
        """
        return self._control_rate("recovered")

    @property
    def chance_matched(self) -> float:
        """The rate of chance matches; NaN without control positions.

        It is the fraction of control positions, at which no halo is injected, that match a peak.
        """
        return self._control_rate("matched")

    def _control_rate(self, name: str) -> float:
        counts = self._meta["controls"]
        return counts[name] / counts["n"] if counts["n"] else np.nan

    def false_positives(self) -> tuple[u.Quantity, u.Quantity, u.Quantity]:
        """Return the number density of peaks above the threshold in noise-only maps.

        Returns
        -------
        rate, low, high : `~astropy.units.Quantity`
            The mean number of peaks per square degree in maps of randomly rotated galaxies, and the
            ends of its 68 per cent Poisson interval.
        """
        counts, area = self._meta["noise_peaks"], self._meta["area"] * u.deg**2
        total, number = sum(counts), max(len(counts), 1)
        low, high = poisson_conf_interval(total, interval="frequentist-confidence")
        return tuple(float(n) / number / area for n in (total, low, high))

    def summary(self) -> QTable:
        r"""Summarize completeness, mass ratios and offsets for each halo mass and redshift.

        Returns
        -------
        `~astropy.table.QTable`
            One row for each mass and redshift, with the columns

            - ``m200c``, ``redshift``: the halo mass (solar masses) and redshift;
            - ``n``, ``n_matched``, ``n_recovered``: the numbers of injected halos, of halos that
              match a peak of the map, and of recovered halos, which cause the matching peak;
            - ``rate``: the recovered fraction f; ``rate_low``, ``rate_high``: its 68 per cent
              interval (binomial, Jeffreys);
            - ``chance``: the fraction :math:`f_0` of control positions that count as recovered;
            - ``corrected``, ``corrected_low``, ``corrected_high``: the recovered fraction and its
              interval after correction for chance matches, :math:`(f - f_0) / (1 - f_0)`;
            - ``snr``: the median signal-to-noise ratio of the peaks of recovered halos;
            - ``offset``: the median separation (arcmin) of recovered halos and their peaks;
            - ``mass_ratio``: the mean, over the recovered halos, of the projected mass in the map
              divided by that of the injected halo (``mass_map / mass_true``);
              ``mass_ratio_err``: the standard error of this mean; ``mass_scatter``: the standard
              deviation of ``mass_map / mass_true``.

            The last five columns are NaN if too few halos are recovered.
        """
        rows = []
        for mass in self.settings["m200c"]:
            for z in self.settings["redshift"]:
                rows.append(self._summary_row(mass, z))
        table = QTable(rows)
        table["m200c"].unit = u.solMass
        table["m200c"].info.format = ".4g"
        table["offset"].unit = u.arcmin
        return table

    def _summary_row(self, mass: float, z: float) -> dict:
        halos = self._select(mass, z)
        recovered = halos[np.asarray(halos["recovered"], dtype=bool)] if len(halos) else halos
        n, k = len(halos), len(recovered)
        rates = _rates(k, n)
        row = {"m200c": mass, "redshift": z, "n": n,
               "n_matched": int(np.sum(halos["matched"])) if n else 0, "n_recovered": k, **rates,
               "chance": self.chance, **correct_for_chance(rates, self.chance)}
        ratio = np.zeros(0)
        if k and mass > 0:
            ratio = (recovered["mass_map"] / recovered["mass_true"]).to_value(u.one)
            ratio = ratio[np.isfinite(ratio)]
        scatter = float(np.std(ratio, ddof=1)) if len(ratio) > 1 else np.nan
        return {
            **row,
            "snr": float(np.median(recovered["snr"])) if k else np.nan,
            "offset": float(np.median(recovered["offset"].to_value(u.arcmin))) if k else np.nan,
            "mass_ratio": float(np.mean(ratio)) if len(ratio) else np.nan,
            "mass_ratio_err": scatter / np.sqrt(max(len(ratio), 1)),
            "mass_scatter": scatter,
        }

    def _select(self, mass: float, z: float) -> QTable:
        """Return the rows of the table of halos with a given M200c (solar masses) and redshift."""
        if not len(self):
            return self.halos
        same = np.isclose(self.halos["m200c"].to_value(u.solMass), mass, rtol=1e-9, atol=0)
        return self.halos[same & np.isclose(self.halos["redshift"], z, rtol=0, atol=1e-9)]

    def cells(self, n_cells: int = 4) -> QTable:
        """Measure the fraction of recovered halos in coarse rectangular cells of the map.

        An injected halo is recovered if it causes a peak of the map above the threshold. Halos of
        all masses and redshifts are counted together. The fractions are not corrected for chance
        matches.

        Parameters
        ----------
        n_cells : int
            The number of cells along the longer side of the map.

        Returns
        -------
        `~astropy.table.QTable`
            One row for each cell, with the columns

            - ``row``, ``column``: the number of the cell along y and along x, from 0;
            - ``x_low``, ``x_high``, ``y_low``, ``y_high``: the edges of the cell in pixel
              coordinates, in which pixels have their centers at integers;
            - ``ra``, ``dec``: the center of the cell (ICRS);
            - ``n``, ``n_recovered``: the numbers of injected and recovered halos;
            - ``rate``, ``rate_low``, ``rate_high``: the recovered fraction and its 68 per cent
              interval; NaN in cells without halos.
        """
        check_count(n_cells, "n_cells", minimum=1)
        wcs = self.wcs
        ny, nx = wcs.array_shape
        side = max(ny, nx) / n_cells
        rows, columns = (max(1, int(np.ceil(length / side - 1e-9))) for length in (ny, nx))
        sides = ny / rows, nx / columns
        k, total = np.zeros((2, rows * columns), dtype=int)
        if len(self):
            x, y = wcs.world_to_pixel_values(self.halos["ra"], self.halos["dec"])
            iy, ix = (np.clip(((v + 0.5) / step).astype(int), 0, count - 1)
                      for v, step, count in ((y, sides[0], rows), (x, sides[1], columns)))
            cell = iy * columns + ix
            total = np.bincount(cell, minlength=rows * columns)
            recovered = np.asarray(self.halos["recovered"], dtype=bool)
            k = np.bincount(cell[recovered], minlength=rows * columns)
        row, column = np.divmod(np.arange(rows * columns), columns)
        rate, interval = binomial_rate(k, total)
        x_low, y_low = column * sides[1] - 0.5, row * sides[0] - 0.5
        sky = wcs.pixel_to_world(x_low + sides[1] / 2, y_low + sides[0] / 2).icrs
        return QTable({
            "row": row, "column": column, "x_low": x_low, "x_high": x_low + sides[1],
            "y_low": y_low, "y_high": y_low + sides[0], "ra": sky.ra.to(u.deg),
            "dec": sky.dec.to(u.deg), "n": total, "n_recovered": k, "rate": rate,
            "rate_low": interval[0], "rate_high": interval[1],
        })


def _rates(k: int, n: int) -> dict[str, float]:
    """Return the fraction of k successes in n trials and its 68 per cent interval, as a dict.

    The keys are ``rate``, ``rate_low`` and ``rate_high``.
    """
    rate, (low, high) = binomial_rate(np.array([k]), np.array([n]))
    return {"rate": float(rate[0]), "rate_low": float(low[0]), "rate_high": float(high[0])}


def _realization_of(record):
    """Return the halos, the controls and the number of noise peaks in a record."""
    controls = {name: int(count) for name, count in record["controls"].items()}
    halos = record["halos"]
    if not isinstance(halos, QTable):
        raise TypeError(f"halos must be a table, not {type(halos).__name__}")
    return halos, controls, int(record["noise_peaks"])
