# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Correlation of images with large kernels by fast Fourier transforms of tiles, without gradients.

The method is overlap-save. Each tile of an image is as long as its Fourier transform, and only its
first pixels, which are free of wrap-around, are kept. Tiles are transformed along y first, so that
tiles that are neighbors along x share this transform. The rest is done for one frequency in y
after another, in arrays that fit into the caches of a processor. Channels are the last axis
throughout: transforms act on whole rows of memory, and the products with the kernel are products of
matrices.

Module `_large_kernel` does the same with products of real matrices, in the graph of a network.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft

from lensmap.utils import chunk_slices, n_threads, thread_map

__all__ = ["KeptSpectrum", "Spectrum", "correlate", "kernel_spectrum", "tile_steps"]

# The number of tiles that are processed together. With 24 channels, one frequency of them takes
# 2 MB, the size of a usual second-level cache.
_TILES_PER_BAND = 64

# The width of blocks of columns, in pixels, that are transformed along y at once.
_COLUMNS_PER_BLOCK = 64

# TensorFlow takes over the memory of an array without a copy if it begins at a multiple of this
# number of bytes.
_ALIGNMENT_BYTES = 64


@dataclass(frozen=True)
class Spectrum:
    """The Fourier transform of a kernel, as a factor for the transforms of tiles.

    Attributes
    ----------
    factors : `numpy.ndarray`
        The complex conjugate of the transform, ``(k in y, k in x, c_in, c_out)``, where k is an
        axis of frequencies. Frequencies in y are those from 0 to half the length.
    kernel_size : tuple of int
        ``(ny, nx)`` of the kernel in pixels.
    lengths : tuple of int
        The lengths ``(ny, nx)`` of the Fourier transforms in pixels.
    """

    factors: np.ndarray
    kernel_size: tuple[int, int]
    lengths: tuple[int, int]


class KeptSpectrum:
    """The spectrum of the kernel of a layer, which is computed anew only if the kernel changes."""

    def __init__(self) -> None:
        self._kernel = np.empty(0)
        self._spectrum: Spectrum | None = None

    def of(self, kernel: np.ndarray, *, transposed: bool = False) -> Spectrum:
        """Return the spectrum of a kernel.

        Parameters
        ----------
        kernel : `numpy.ndarray`
            The kernel as the layer stores it, ``(ny, nx, c_in, c_out)``; with ``transposed``,
            ``(ny, nx, c_out, c_in)``.
        transposed : bool
            Whether the layer is a transposed convolution.

        Returns
        -------
        Spectrum
            The spectrum with which `correlate` computes the output of the layer.
        """
        # Comparing all values takes 1 per cent of the time of a map, and no change is missed,
        # whoever made it: a step of training, a file, the user.
        kept, spectrum = self._kernel, self._spectrum
        if spectrum is None or kept.dtype != kernel.dtype or not np.array_equal(kept, kernel):
            # A correlation with the mirrored kernel is a convolution.
            used = kernel[::-1, ::-1].swapaxes(2, 3) if transposed else kernel
            kept, spectrum = kernel.copy(), kernel_spectrum(used)
            self._kernel, self._spectrum = kept, spectrum
        return spectrum


def kernel_spectrum(kernel: np.ndarray) -> Spectrum:
    """Compute the spectrum of a kernel.

    Parameters
    ----------
    kernel : `numpy.ndarray`
        The kernel of a correlation, float32 or float64, ``(ny, nx, c_in, c_out)``.

    Returns
    -------
    Spectrum
        The spectrum.
    """
    size = kernel.shape[:2]
    ly, lx = (_transform_length(k) for k in size)
    threads = n_threads(kernel.size)
    factors = scipy.fft.rfft(kernel, ly, axis=0, workers=threads)
    factors = scipy.fft.fft(factors, lx, axis=1, workers=threads)
    return Spectrum(np.ascontiguousarray(np.conj(factors, out=factors)), size, (ly, lx))


def _transform_length(k):
    """Return the length of the Fourier transform of tiles for a kernel with a side of k pixels.

    With images of 512 x 512 pixels, the fastest of ten lengths from 96 to 192 was 144 for k = 49
    and 24 -> 24 channels, 96 to 128 for k = 25, and 64 for k = 9 and 3 -> 8 channels.
    """
    return 2 * scipy.fft.next_fast_len(k + 23, real=True)


def tile_steps(kernel_size: tuple[int, int]) -> list[int]:
    """Return the steps from one tile to the next for a kernel size.

    Parameters
    ----------
    kernel_size : tuple of int
        ``(ny, nx)`` in pixels.

    Returns
    -------
    list of int
        The steps ``(y, x)`` in pixels.
    """
    return [_transform_length(k) - k + 1 for k in kernel_size]


def correlate(
    images: np.ndarray,
    spectrum: Spectrum,
    before: tuple[int, int] = (0, 0),
    after: tuple[int, int] = (0, 0),
) -> np.ndarray:
    """Correlate images with a kernel, keeping pixels where the kernel lies in the padded image.

    Parameters
    ----------
    images : `numpy.ndarray`
        The images, float32 or float64, ``(n, ny, nx, c_in)``.
    spectrum : Spectrum
        The spectrum of the kernel, of the same precision.
    before, after : tuple of int
        The numbers ``(y, x)`` of rows and columns of zeros with which the images are padded on the
        low and on the high side, each less than the side of the kernel.

    Returns
    -------
    `numpy.ndarray`
        The filtered images, ``(n, ny + before[0] + after[0] - kernel_size[0] + 1, ..., c_out)``.

    Raises
    ------
    ValueError
        If the padded images are smaller than the kernel.
    """
    n, ny, nx, _ = images.shape
    kh, kw = spectrum.kernel_size
    sizes = ny + before[0] + after[0] - kh + 1, nx + before[1] + after[1] - kw + 1
    if min(sizes) < 1:
        raise ValueError(
            f"images of {ny} x {nx} pixels are smaller than the kernel of {kh} x {kw} pixels: use "
            "larger images or padding='same'"
        )
    steps = tile_steps(spectrum.kernel_size)
    n_rows, n_columns = (-(-size // step) for size, step in zip(sizes, steps))
    outputs = _aligned((n, *sizes, spectrum.factors.shape[-1]), images.dtype)
    rows = [(image, row * steps[0]) for image in range(n) for row in range(n_rows)]
    for band in chunk_slices(len(rows), max(1, _TILES_PER_BAND // n_columns)):
        modes = _transform_rows(images, rows[band], before[0], spectrum.lengths[0])
        modes = _filter_columns(modes, spectrum, before[1], n_columns, steps[1])
        _transform_back(modes, rows[band], spectrum.lengths[0], steps[0], outputs)
    return outputs


def _aligned(shape, dtype):
    n_bytes = int(np.prod(shape)) * dtype.itemsize
    memory = np.empty(n_bytes + _ALIGNMENT_BYTES, np.uint8)
    start = -memory.ctypes.data % _ALIGNMENT_BYTES
    return memory[start : start + n_bytes].view(dtype).reshape(shape)


def _transform_rows(images, rows, before, length):
    """Transform rows of tiles along y.

    Parameters
    ----------
    images : `numpy.ndarray`
        The images, ``(n, ny, nx, c)``.
    rows : list of tuple of int
        The image and the first pixel in y of the padded image, for each row of tiles.
    before : int
        The number of rows of zeros with which the images are padded on the low side.
    length : int
        The length of the Fourier transform.

    Returns
    -------
    `numpy.ndarray`
        The transform, ``(k, row of tiles, nx, c)``.
    """
    _, ny, nx, c = images.shape
    dtype = np.result_type(images.dtype, np.complex64)
    modes = np.empty((length // 2 + 1, len(rows), nx, c), dtype)

    def transform(task):
        (i, (image, start)), columns = task
        start -= before
        tile = images[image, max(start, 0) : start + length, columns]
        if start < 0:
            tile = np.concatenate([np.zeros((-start, *tile.shape[1:]), tile.dtype), tile])
        modes[:, i, columns] = scipy.fft.rfft(tile, length, axis=0)

    blocks = chunk_slices(nx, _COLUMNS_PER_BLOCK)
    thread_map(transform, [(r, b) for r in enumerate(rows) for b in blocks], modes.size)
    return modes


def _filter_columns(modes, spectrum, before, n_columns, step):
    """Transform rows of tiles along x, multiply by the kernel, and transform back along x.

    Parameters
    ----------
    modes : `numpy.ndarray`
        The transform of the rows along y, ``(k in y, row of tiles, nx, c_in)``.
    spectrum : Spectrum
        The spectrum of the kernel.
    before : int
        The number of columns of zeros with which the images are padded on the low side.
    n_columns : int
        The number of tiles along x.
    step : int
        The number of pixels of a tile along x that are kept.

    Returns
    -------
    `numpy.ndarray`
        The filtered rows, ``(k in y, row of tiles, n_columns * step, c_out)``.
    """
    n_modes, n_rows, nx, c_in = modes.shape
    length, c_out = spectrum.lengths[1], spectrum.factors.shape[-1]
    result = np.empty((n_modes, n_rows, n_columns * step, c_out), modes.dtype)
    starts = [j * step - before for j in range(n_columns)]
    spans = [(max(start, 0), min(start + length, nx)) for start in starts]

    def filter_modes(frequencies):
        # Pixels beyond the edges of the image remain 0 for all frequencies.
        tiles = np.zeros((length, n_rows, n_columns, c_in), modes.dtype)
        product = np.empty((length, n_rows * n_columns, c_out), modes.dtype)
        for k in frequencies:
            for j, (start, (low, high)) in enumerate(zip(starts, spans)):
                tiles[low - start : high - start, :, j] = modes[k, :, low:high].swapaxes(0, 1)
            transform = scipy.fft.fft(tiles, axis=0).reshape(length, -1, c_in)
            np.matmul(transform, spectrum.factors[k], out=product)
            kept = scipy.fft.ifft(product, axis=0, overwrite_x=True)[:step]
            kept = kept.reshape(step, n_rows, n_columns, c_out).transpose(1, 2, 0, 3)
            result[k].reshape(n_rows, n_columns, step, c_out)[...] = kept

    threads = n_threads(result.size)
    thread_map(filter_modes, [range(i, n_modes, threads) for i in range(threads)], result.size)
    return result


def _transform_back(modes, rows, length, step, outputs):
    """Transform filtered rows of tiles back along y, and write them to the output images.

    Parameters
    ----------
    modes : `numpy.ndarray`
        The filtered rows, ``(k, row of tiles, at least nx, c)``.
    rows : list of tuple of int
        The image and the first pixel in y of each row of tiles.
    length : int
        The length of the Fourier transform.
    step : int
        The number of pixels of a tile along y that are kept.
    outputs : `numpy.ndarray`
        The output images, ``(n, ny, nx, c)``, which are filled.
    """

    def transform(task):
        (i, (image, start)), columns = task
        output = outputs[image, start : start + step, columns]
        output[...] = scipy.fft.irfft(modes[:, i, columns], length, axis=0)[: len(output)]

    blocks = chunk_slices(outputs.shape[2], _COLUMNS_PER_BLOCK)
    thread_map(transform, [(r, b) for r in enumerate(rows) for b in blocks], modes.size)
