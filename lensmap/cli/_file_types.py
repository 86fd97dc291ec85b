# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The types of file arguments: one for each kind of file."""

from pathlib import Path

from lensmap.utils import (
    FITS_SUFFIXES,
    HDF5_SUFFIXES,
    ParameterError,
    has_suffix,
    table_format,
)

__all__ = [
    "ColumnsText",
    "ConfigFile",
    "EstimatorText",
    "InputFile",
    "InputFolder",
    "InputMap",
    "InputPart",
    "JsonFile",
    "LogFile",
    "MaybeFile",
    "NamedFolder",
    "NamedRegion",
    "Output",
    "OutputField",
    "OutputFile",
    "OutputFits",
    "OutputFolder",
    "OutputMap",
    "OutputPicture",
    "OutputRegions",
    "OutputSegments",
    "OutputTable",
    "ReportFile",
    "ResumedTable",
    "report_file",
]

# What the suffixes of files stand for.
_KINDS = {
    FITS_SUFFIXES: "a FITS file",
    HDF5_SUFFIXES: "an HDF5 file",
    (".ecsv", ".csv", ".parquet", ".parq", ".vot", ".votable", ".xml"): "a table",
    (".png", ".pdf", ".svg", ".jpg", ".jpeg", ".eps", ".ps", ".tif", ".tiff", ".webp", ".gif"):
        "a picture",
    (".reg", ".ds9", ".crtf"): "a region file",
    (".json",): "a JSON file",
    (".toml",): "a file of options",
    (".log", ".txt"): "a log",
    (".html",): "a web page",
    (".npy", ".npz"): "a numpy file",
    (".py",): "a Python file",
}


def _check_kind(path, allowed):
    """Raise a ParameterError if the suffix of a name stands for another kind of file.

    ``allowed`` is the kind, one of the values of ``_KINDS``, or ``"a folder"``.
    """
    for suffixes, kind in _KINDS.items():
        if kind != allowed and has_suffix(path, suffixes):
            own = next((names[0] for names, name in _KINDS.items() if name == allowed), None)
            remedy = f"give a name that ends in {own}" if own else "give a name without this suffix"
            raise ParameterError(
                "path", f"the name of {allowed}", f"{str(path)!r}, which is that of {kind}", remedy
            )


class InputFile(str):
    """A file that a command reads, and that must exist."""

    @property
    def file(self):
        """The path of the file."""
        return str(self)


class InputCatalog(InputFile):
    """A catalog: a file, or a HATS folder, that a command reads and that must exist."""


class InputMap(InputFile):
    """A map: a file, or the folder of a survey map, that a command reads and that must exist."""


class InputPart(InputFile):
    """A file that a command reads, optionally with a part of it: ``file.fits:HDU``.

    It may also be a folder of files, or a pattern such as ``masks/*.fits``.
    """

    @property
    def file(self):
        """The path of the file without the name of the part; of a pattern, the first match."""
        from lensmap.masks import as_path_and_part, first_of_pattern

        return first_of_pattern(self) or str(as_path_and_part(self)[0])


class MaybeFile(str):
    """A word that may, but need not, be the name of a file that a command reads.

    An example is the value of ``--method``: the name of an estimator, or a Python file.
    """

    @property
    def file(self):
        """The word as the path of a file, which need not exist."""
        return str(self)


class NamedRegion(MaybeFile):
    """A word that names a column, or a part of a survey by its region: ``NAME=FILE``."""

    @property
    def file(self):
        """The path of the file of the region; the text itself if there is none."""
        from lensmap.masks import as_path_and_part

        _, equals, path = self.partition("=")
        return str(as_path_and_part(path)[0]) if equals else str(self)


class ColumnsText(MaybeFile):
    """The value of ``--columns``, which may name a preset file."""

    @property
    def file(self):
        """The path of the preset file; the text itself if there is none."""
        from lensmap.catalog import read_columns_text

        preset = read_columns_text(self)[0]
        return preset if preset and preset.lower().endswith(".toml") else str(self)


class EstimatorText(MaybeFile):
    """An estimator as text, which may name a Python file or the weights of a network."""

    @property
    def file(self):
        """The path of the file; the text itself if there is none."""
        from lensmap.estimators import file_of_estimator

        return file_of_estimator(self) or str(self)


class InputFolder(str):
    """A folder that a command reads, optionally with its share of a whole: ``DIR:PART``."""

    @property
    def file(self):
        """The path of the folder, without the share."""
        path, colon, part = self.rpartition(":")
        return str(self) if not colon or "/" in part else path


class NamedFolder(InputFolder):
    """A folder that a command reads, with a name: ``NAME=FOLDER``."""

    @property
    def file(self):
        """The path of the folder."""
        return self.partition("=")[2] or str(self)


class Output(str):
    """A file or folder that a command writes."""

    def check_name(self):
        """Raise a ParameterError if the name does not suit the kind of file."""


class OutputFile(Output):
    """A file that is written completely or not at all, and replaced only with ``--overwrite``."""


class OutputTable(OutputFile):
    """A file with a table, in the format of its suffix."""

    def check_name(self):
        """Check the suffix."""
        table_format(self)


class OutputPicture(OutputFile):
    """A file with a picture that matplotlib draws."""

    def check_name(self):
        """Check the suffix, and that matplotlib is installed."""
        from lensmap.plotting import check_picture

        check_picture(self)


class OutputField(OutputFile):
    """A file with a `lensmap.simulate.LensingField`, in the format of its suffix."""

    def check_name(self):
        """Check the suffix."""
        from lensmap.simulate import field_format

        field_format(self)


class OutputRegions(OutputFile):
    """A region file of circles, written by `lensmap.peaks.write_regions`."""

    def check_name(self):
        """Check the suffix."""
        from lensmap.peaks import region_format

        region_format(self)


class OutputSegments(OutputFile):
    """A region file of line segments for DS9; CARTA's format has no line segments."""

    def check_name(self):
        """Check the suffix."""
        if not has_suffix(self, (".reg", ".ds9")):
            raise ParameterError("path", ".reg or .ds9", repr(str(self)), verb="end in")


class OutputFits(OutputFile):
    """A FITS file with a map or a mask."""

    def check_name(self):
        """Check the suffix."""
        if not has_suffix(self, FITS_SUFFIXES):
            suffixes = f"one of {', '.join(FITS_SUFFIXES)}"
            raise ParameterError("path", suffixes, repr(str(self)), verb="end in")


class OutputMap(OutputFile):
    """A FITS file with a map, or a HealSparse file with a map on HEALPix pixels."""

    def check_name(self):
        """Check the suffix."""
        suffixes = (*FITS_SUFFIXES, ".hsp", ".hs")
        if not has_suffix(self, suffixes):
            raise ParameterError(
                "path", f"one of {', '.join(suffixes)}", repr(str(self)), verb="end in"
            )


class ResumedTable(Output):
    """An ECSV file with a table; if it exists, the command resumes the run that wrote it."""

    def check_name(self):
        """Check the suffix."""
        if not has_suffix(self, (".ecsv",)):
            raise ParameterError("path", ".ecsv", repr(str(self)), verb="end in")


class OutputFolder(Output):
    """A folder, created if it does not exist."""

    def check_name(self):
        """Check that the name of a new folder does not end like that of a file."""
        if not Path(self).exists():
            _check_kind(self, "a folder")


class ReportFile(Output):
    """The file of ``--json``, ``--log`` or ``--save-config``.

    `check_files` allows an existing file; the function that writes the file may refuse it.
    """

    kind: str

    def check_name(self):
        """Check that the suffix does not stand for another kind of file."""
        _check_kind(self, self.kind)


class ConfigFile(ReportFile):
    """The file of ``--save-config``."""

    kind = "a file of options"


class JsonFile(ReportFile):
    """The file of ``--json``."""

    kind = "a JSON file"


class LogFile(ReportFile):
    """The file of ``--log``."""

    kind = "a log"


def report_file(text):
    """Return a word as a `JsonFile`; return ``-``, the standard output, unchanged."""
    return text if text == "-" else JsonFile(text)
