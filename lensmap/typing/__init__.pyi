# Licensed under a 3-clause BSD style license - see LICENSE.rst
from ._aliases import (
    AngleLike,
    CatalogLike,
    CosmologyLike,
    MapLike,
    MaskLike,
    PathLike,
    PositionLike,
    ProgressLike,
    RNGLike,
    RedshiftLike,
    SeedLike,
)

__all__ = [
    "AngleLike",
    "CatalogLike",
    "CosmologyLike",
    "MapLike",
    "MaskLike",
    "PathLike",
    "PositionLike",
    "ProgressLike",
    "RNGLike",
    "RedshiftLike",
    "SeedLike",
]
