# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""`HaloRecovery`: what became of halos that were put into a catalog, as a table and as rates."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy import units as u
from astropy.io import fits
from astropy.stats import poisson_conf_interval
from astropy.table import QTable, vstack
from astropy.wcs import WCS

from lensmap.catalog import read_table
from lensmap.injection._run import read_run
from lensmap.peaks import binomial_rate, correct_for_chance
from lensmap.utils import atomic_write, check_count

__all__ = ["HaloRecovery"]


@dataclass(frozen=True, eq=False)
class HaloRecovery:
    r"""What `recover_halos` found.

    Attributes
    ----------
    halos : `~astropy.table.QTable`
        One row for each halo, with the columns

        - ``realization``: from 0; ``ra``, ``dec``: where it was put (ICRS, degrees);
        - ``m200c``, ``redshift``, ``c200c``: what it is; ``mass_true``: its projected mass within
          1 Mpc less what the mean of its ring from 2 to 3 Mpc would be there, by its formula;
        - ``matched``: whether a peak above the threshold is near; ``already``: whether one was
          without the halo; ``recovered``: whether the peak is there because of the halo;
        - ``peak_ra``, ``peak_dec``, ``kappa``, ``snr``: the peak; ``kappa_before``: the map without
          halos at its pixel; ``offset``: its distance from the halo (arcmin);
        - ``mass_map``: the projected mass of the map about the peak, in the same circle and ring as
          ``mass_true``, noise and all else on the sky included.

        What belongs to a peak is NaN where none is matched. The meta holds all that is not of one
        halo, so that the table is all that needs to be kept.
    """

    halos: QTable

    @classmethod
    def empty(cls, settings, facts):
        """Return what there is before the first realization.

        Parameters
        ----------
        settings : dict
            What all realizations have in common.
        facts : dict
            ``area`` (deg2) and ``n_peaks`` of the map without halos.

        Returns
        -------
        HaloRecovery
            Without rows.
        """
        meta = {"settings": settings, **facts, "noise_peaks": [],
                "controls": {"n": 0, "matched": 0, "recovered": 0}}
        return cls(QTable(meta={"injection": meta}))

    def with_realization(self, halos, controls, noise_peaks):
        """Return the same with one realization more.

        Parameters
        ----------
        halos : `~astropy.table.QTable`
            Its rows.
        controls : dict
            How many places without halo there are, ``n``, and how many are ``matched`` and
            ``recovered``.
        noise_peaks : int
            How many peaks are in a map of noise.

        Returns
        -------
        HaloRecovery
            A new one.
        """
        before = self._meta
        meta = {**before, "noise_peaks": [*before["noise_peaks"], noise_peaks],
                "controls": {name: before["controls"][name] + controls[name] for name in controls}}
        rows = vstack([self.halos, halos], metadata_conflicts="silent") if len(self) else halos
        rows.meta = {"injection": meta}
        return type(self)(rows)

    @classmethod
    def from_run(cls, run):
        """Collect the realizations of a run.

        Parameters
        ----------
        run : RunFolder
            The folder of `recover_halos`.

        Returns
        -------
        HaloRecovery
            All realizations in it.
        """
        done = cls.empty(run.settings, run.notes("facts"))
        for number in run.numbers():
            record = run.load(number)
            controls = {name: int(count) for name, count in record["controls"].items()}
            done = done.with_realization(record["halos"], controls, int(record["noise_peaks"]))
        return done

    @classmethod
    def read(cls, path):
        """Read a file of `write`, or the folder of a run.

        Parameters
        ----------
        path : path-like
            The file, or the ``folder`` of `recover_halos`, also while a run fills it.

        Returns
        -------
        HaloRecovery
            What it holds.

        Raises
        ------
        FileNotFoundError
            If there is none.
        ValueError
            If it is no such file.
        """
        if Path(path).is_dir():
            return cls.from_run(read_run(path))
        table = QTable(read_table(path))
        if "injection" not in table.meta or "settings" not in table.meta["injection"]:
            raise ValueError(f"{str(path)!r} is a table, but not one of halos that were injected")
        return cls(table)

    def write(self, path, *, overwrite=False):
        """Write all to a file, whole or not at all.

        Parameters
        ----------
        path : path-like
            An ECSV file, whatever it is called: it keeps the units, and what is not of one halo.
        overwrite : bool
            Whether a file that exists is replaced.

        Raises
        ------
        FileExistsError
            If the file exists.
        """
        with atomic_write(path, overwrite=overwrite) as temporary:
            self.halos.write(temporary, format="ascii.ecsv", overwrite=True)

    def __len__(self):
        return len(self.halos)

    def __repr__(self):
        found = int(np.sum(self.halos["recovered"])) if len(self) else 0
        return f"<HaloRecovery of {self.size}; {found} recovered above {self.by} of " + (
            f"{self.threshold:.4g}>"
        )

    @property
    def size(self):
        """How many halos and realizations there are, in words."""
        def words(n, what):
            return f"{n} {what}{'' if n == 1 else 's'}"

        return f"{words(len(self), 'halo')} in {words(self.n_realizations, 'realization')}"

    @property
    def _meta(self):
        return self.halos.meta["injection"]

    @property
    def settings(self):
        """What all realizations have in common, a dict of plain words and numbers."""
        return self._meta["settings"]

    @property
    def n_realizations(self):
        """How many realizations there are."""
        return len(self._meta["noise_peaks"])

    @property
    def threshold(self):
        """What a peak exceeds, in units of ``by``."""
        return self.settings["threshold"]

    @property
    def by(self):
        """Whether peaks are of ``"snr"`` or of ``"kappa"``."""
        return self.settings["by"]

    @property
    def radius(self):
        """The largest distance of a peak from its halo."""
        return self.settings["radius"] * u.arcmin

    @property
    def wcs(self):
        """The pixels of the maps, a `~astropy.wcs.WCS` with its ``array_shape``."""
        header = fits.Header.fromstring(self.settings["wcs"])
        wcs = WCS(header)
        wcs.array_shape = tuple(self.settings["shape"])
        return wcs

    @property
    def peak_density(self):
        """The peaks of the map without halos per square degree."""
        return self._meta["n_peaks"] / (self._meta["area"] * u.deg**2)

    @property
    def n_controls(self):
        """At how many places without a halo the same was asked."""
        return self._meta["controls"]["n"]

    @property
    def chance(self):
        """The part of places without a halo that count as recovered; NaN if there is none."""
        return self._control_rate("recovered")

    @property
    def chance_matched(self):
        """The part of places without a halo that have a peak near, whyever it is there."""
        return self._control_rate("matched")

    def _control_rate(self, name):
        counts = self._meta["controls"]
        return counts[name] / counts["n"] if counts["n"] else np.nan

    def false_positives(self):
        """Return how many peaks per square degree maps of noise have above the threshold.

        Returns
        -------
        rate, low, high : `~astropy.units.Quantity`
            The mean of turned galaxies, and its 68 per cent interval (Poisson).
        """
        counts, area = self._meta["noise_peaks"], self._meta["area"] * u.deg**2
        total, number = sum(counts), max(len(counts), 1)
        low, high = poisson_conf_interval(total, interval="frequentist-confidence")
        return tuple(float(n) / number / area for n in (total, low, high))

    def summary(self):
        r"""Return completeness, masses and positions for each mass and redshift.

        Returns
        -------
        `~astropy.table.QTable`
            One row for each, with the columns

            - ``m200c``, ``redshift``; ``n``: how many halos; ``n_matched``, ``n_recovered``;
            - ``rate``: the part that is recovered, ``rate_low``, ``rate_high``: its 68 per cent
              interval (binomial, Jeffreys); ``chance``: the same of places without a halo;
              ``corrected``, ``corrected_low``, ``corrected_high``: without chance,
              :math:`(f - f_0) / (1 - f_0)`;
            - of those that are recovered: ``snr``, the median of their peaks; ``offset``, the
              median distance of peak and halo; ``mass_ratio``, the mean of ``mass_map`` over
              ``mass_true``, ``mass_ratio_err``, the error of that mean, and ``mass_scatter``, the
              standard deviation of one. NaN where too few are recovered.
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

    def _summary_row(self, mass, z):
        of_kind = self._of_kind(mass, z)
        found = of_kind[np.asarray(of_kind["recovered"], dtype=bool)] if len(of_kind) else of_kind
        n, k = len(of_kind), len(found)
        rates = _rates(k, n)
        row = {"m200c": mass, "redshift": z, "n": n,
               "n_matched": int(np.sum(of_kind["matched"])) if n else 0, "n_recovered": k, **rates,
               "chance": self.chance, **correct_for_chance(rates, self.chance)}
        ratio = np.zeros(0)
        if k and mass > 0:
            ratio = (found["mass_map"] / found["mass_true"]).to_value(u.one)
            ratio = ratio[np.isfinite(ratio)]
        scatter = float(np.std(ratio, ddof=1)) if len(ratio) > 1 else np.nan
        return {
            **row,
            "snr": float(np.median(found["snr"])) if k else np.nan,
            "offset": float(np.median(found["offset"].to_value(u.arcmin))) if k else np.nan,
            "mass_ratio": float(np.mean(ratio)) if len(ratio) else np.nan,
            "mass_ratio_err": scatter / np.sqrt(max(len(ratio), 1)),
            "mass_scatter": scatter,
        }

    def _of_kind(self, mass, z):
        if not len(self):
            return self.halos
        same = np.isclose(self.halos["m200c"].to_value(u.solMass), mass, rtol=1e-9, atol=0)
        return self.halos[same & np.isclose(self.halos["redshift"], z, rtol=0, atol=1e-9)]

    def cells(self, n_cells=4):
        """Return where on the map halos are recovered: the part of them in each of coarse cells.

        All masses and redshifts count alike, and chance is not subtracted.

        Parameters
        ----------
        n_cells : int
            How many cells the longer side of the map has.

        Returns
        -------
        `~astropy.table.QTable`
            One row for each cell, with the columns ``row``, ``column`` (from 0, along y and x),
            ``x_low``, ``x_high``, ``y_low``, ``y_high`` (pixels; edges of pixels are at halves),
            ``ra``, ``dec`` (of the middle), ``n``, ``n_recovered``, ``rate``, ``rate_low``,
            ``rate_high`` (NaN where no halo was put).
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
            which = [np.clip(((v + 0.5) / step).astype(int), 0, count - 1)
                     for v, step, count in ((y, sides[0], rows), (x, sides[1], columns))]
            which = which[0] * columns + which[1]
            total = np.bincount(which, minlength=rows * columns)
            found = np.asarray(self.halos["recovered"], dtype=bool)
            k = np.bincount(which[found], minlength=rows * columns)
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


def _rates(k, n):
    """Return a rate and its interval by name."""
    rate, (low, high) = binomial_rate(np.array([k]), np.array([n]))
    return {"rate": float(rate[0]), "rate_low": float(low[0]), "rate_high": float(high[0])}
