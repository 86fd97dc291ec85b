# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Filters of padded fields: the same as with the whole padded array, and less memory."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lensmap.flatsky import shear_kernel, shear_to_convergence
from lensmap.flatsky._kaiser_squires import kernel_columns
from lensmap.flatsky._modes import column_blocks, filter_modes


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 9), st.booleans())
def test_a_filter_is_that_of_the_padded_field(ny, nx, more, real):
    rng = np.random.default_rng(ny)
    field = rng.normal(size=(ny, nx))
    if not real:
        field = field + 1j * rng.normal(size=(ny, nx))
    shape = (ny + more, nx + more)
    response = np.abs(np.fft.fft2(rng.normal(size=shape)))  # even, so that real stays real

    def multiply(modes, columns):
        modes *= response[:, columns]

    padded = np.zeros(shape, field.dtype)
    padded[:ny, :nx] = field
    expected = np.fft.ifft2(np.fft.fft2(padded) * response)[:ny, :nx]
    found = filter_modes(field, shape, multiply)
    assert np.isrealobj(found) == real
    np.testing.assert_allclose(found, expected, atol=1e-12 * response.max())


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64", "complex128"])
def test_precision_is_kept(dtype):
    assert filter_modes(np.ones((5, 6), dtype), (8, 9), lambda *_: None).dtype == dtype


def test_blocks_are_all_columns_once():
    for shape in ((3, 1), (2**17, 100), (2**18, 17), (2**20, 9)):
        blocks = column_blocks(*shape)
        assert [i for block in blocks for i in range(block.start, block.stop)] == list(
            range(shape[1])
        )


@pytest.mark.parametrize("shape", [(6, 196), (196, 7), (2060, 2050)])
def test_columns_of_the_kernel_are_the_kernel(shape):
    """Also at the edge frequency, which is not always -1/2 to the last digit."""
    whole = shear_kernel(shape)
    for columns in (slice(0, 3), slice(shape[1] // 2 - 1, shape[1])):
        np.testing.assert_array_equal(kernel_columns(shape, columns), whole[:, columns])
    if shape[1] % 2 == 0:
        assert np.all(whole[:, shape[1] // 2].imag == 0)


def test_an_inversion_holds_no_padded_field():
    shear = np.ones((1024, 1024), np.complex64)
    shear_to_convergence(shear[:64, :64])  # what is made once
    tracemalloc.start()
    shear_to_convergence(shear, padding=3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3072**2 * 8  # bytes of the padded field alone
