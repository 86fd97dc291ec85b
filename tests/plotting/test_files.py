# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Figures as files."""

import numpy as np
import pytest
from matplotlib import pyplot

from lensmap.plotting import save_figure, write_picture


def _figure(noise):
    figure, ax = pyplot.subplots(figsize=(6, 6))
    ax.imshow(np.random.default_rng(1).normal(size=(300, 300)) if noise else np.eye(3))
    return figure


def test_a_figure_is_written_twice_and_closed(tmp_path):
    before = pyplot.get_fignums()
    png = save_figure(_figure(noise=False), tmp_path / "a.b", dpi=60)
    assert pyplot.get_fignums() == before
    assert (tmp_path / "a.b.png").read_bytes() == png and png.startswith(b"\x89PNG")
    assert (tmp_path / "a.b.pdf").read_bytes().startswith(b"%PDF")
    first = (tmp_path / "a.b.pdf").read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        save_figure(_figure(noise=False), tmp_path / "a.b", dpi=60)
    assert pyplot.get_fignums() == before
    save_figure(_figure(noise=False), tmp_path / "a.b", dpi=60, overwrite=True)
    assert (tmp_path / "a.b.pdf").read_bytes() == first


def test_a_picture_is_closed_even_if_it_cannot_be_written(tmp_path):
    before = pyplot.get_fignums()
    write_picture(_figure(noise=False), tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(FileNotFoundError):
        write_picture(_figure(noise=False), tmp_path / "no" / "a.png")
    assert pyplot.get_fignums() == before


def test_a_large_picture_has_few_colors_and_looks_the_same(tmp_path):
    figure = _figure(noise=True)
    figure.savefig(tmp_path / "full.png", dpi=150)
    small = save_figure(figure, tmp_path / "small", dpi=150)
    assert len(small) < 0.6 * (tmp_path / "full.png").stat().st_size
    full, few = (pyplot.imread(tmp_path / f"{name}.png")[..., :3] for name in ("full", "small"))
    assert np.mean(np.abs(full - few)) < 0.03
