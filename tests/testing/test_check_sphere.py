# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The contract suite on the sphere finds what is wrong, by its number."""

import numpy as np
import pytest

from lensmap.estimators import SphericalKaiserSquires
from lensmap.grid import _sphere as grid_module
from lensmap.testing import ContractError, check_estimator
from lensmap.utils import ParameterError

pytest.importorskip("ducc0")


def broken_laws(cls, *laws, **parameters):
    """Return the numbers of the laws that a class breaks."""
    with pytest.raises(ContractError) as caught:
        check_estimator(cls, laws=laws, **parameters)
    return [result.number for result in caught.value.report.broken]


class Changed(SphericalKaiserSquires):
    """The inversion with a change of the shear or of the map."""

    def change_shear(self, shear):
        """Return the changed shear."""
        return shear

    def change_map(self, inversion, grid):
        """Return the changed inversion."""
        return inversion

    def invert(self, grid, state):
        """Invert the changed shear."""
        from types import SimpleNamespace

        changed = SimpleNamespace(shear=self.change_shear(grid.shear))
        return self.change_map(super().invert(changed, state), grid)


class Mirrored(Changed):
    """The sign of the second component is wrong."""

    def change_shear(self, shear):
        """Return the conjugate."""
        return np.conj(shear)


class Negative(Changed):
    """The sign of both components is wrong, as in the basis of HEALPix."""

    def change_shear(self, shear):
        """Return minus the shear."""
        return -shear


class Offset(Changed):
    """The map has a constant."""

    def change_map(self, inversion, grid):
        """Add a constant."""
        return inversion._replace(kappa=inversion.kappa + 1e-3)


class OfSign(Changed):
    """The map depends on the declination."""

    def change_map(self, inversion, grid):
        """Multiply by a function of the position in the list of pixels."""
        return inversion._replace(kappa=inversion.kappa * np.linspace(1, 2, len(inversion.kappa)))


class Low(Changed):
    """The map is too low."""

    def change_map(self, inversion, grid):
        """Divide by a constant."""
        return inversion._replace(kappa=0.85 * inversion.kappa)


class Squared(Changed):
    """The map is not linear."""

    def change_shear(self, shear):
        """Return the shear times its modulus."""
        return shear * np.abs(shear)


class WithState(Changed):
    """The second map differs from the first."""

    def change_map(self, inversion, grid):
        """Count the calls."""
        type(self).calls = getattr(type(self), "calls", 0) + 1
        return inversion._replace(kappa=inversion.kappa * self.calls)


class SmallErrors(SphericalKaiserSquires):
    """The noise is half of what it is."""

    def noise(self, grid, state, rng):
        """Return half of the noise."""
        return [0.5 * plane for plane in super().noise(grid, state, rng)]


@pytest.mark.parametrize(
    ("cls", "laws", "broken"),
    [
        (Mirrored, ["3a", "6"], ["3a", "6"]),
        (Negative, ["3a", "6", "10"], ["6", "10"]),
        (Offset, ["1a", "2b", "3a"], ["1a", "2b", "3a"]),
        (OfSign, ["4a", "4b"], ["4a"]),
        (Low, ["2b", "10"], ["10"]),
        (Squared, ["1a", "2b"], ["2b"]),
        (WithState, ["8a"], ["8a"]),
        (SmallErrors, ["11"], ["11"]),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_fault_breaks_its_laws(cls, laws, broken):
    assert broken_laws(cls, *laws) == broken


def test_faults_in_the_basis_of_the_shear(monkeypatch):
    """The suite notices shear that is not rotated to the frame of the pixels."""
    in_frame = grid_module._in_frame

    def without_rotation(catalog, rows, frame, *, rotation=True):
        return in_frame(catalog, rows, frame, rotation=False)

    monkeypatch.setattr(grid_module, "_in_frame", without_rotation)
    assert broken_laws(SphericalKaiserSquires, "6") == ["6"]


def test_laws_of_the_plane_are_not_those_of_the_sphere():
    message = "laws must contain only numbers of laws for the sphere, 1a, 2a, .*, not '1b'"
    with pytest.raises(ParameterError, match=message):
        check_estimator(SphericalKaiserSquires, laws=["1b"])
