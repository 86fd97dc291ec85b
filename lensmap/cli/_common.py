# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The options that all commands share."""

import argparse

from lensmap.cli._file_types import ConfigFile, InputFile, LogFile, report_file
from lensmap.cli._options import count, memory

__all__ = ["add_common_options", "common_names"]


def add_common_options(parser):
    """Add the options that all commands share to the parser of a command."""
    group = parser.add_argument_group("common options")
    group.add_argument("--json", type=report_file, metavar="FILE|-",
                       help="write the results as JSON to this file; '-' prints the JSON on the "
                            "standard output instead of the text of the command")
    group.add_argument("--config", type=InputFile, metavar="FILE",
                       help="read options from a TOML file, whose keys are the long names of "
                            "options; options on the command line take precedence")
    group.add_argument("--save-config", type=ConfigFile, metavar="FILE",
                       help="write the options of this run to a TOML file that --config reads")
    group.add_argument("--overwrite", action="store_true", help="replace existing output files")
    group.add_argument("--threads", type=count, metavar="N",
                       help="the largest number of threads (default: OMP_NUM_THREADS, else the "
                            "number of CPUs that the process may use)")
    group.add_argument("--memory-limit", type=memory, metavar="SIZE",
                       help="the memory that lensmap may use, such as 8GiB; work that needs more "
                            "is refused before it begins (default: the memory of the machine, "
                            "container or batch job)")
    group.add_argument("--record-paths", action="store_true",
                       help="write the full paths of the input files into the JSON file of "
                            "--json, not only the file names")
    group.add_argument("--log", type=LogFile, metavar="FILE",
                       help="append all messages, with timestamps, to this log file")
    talk = group.add_mutually_exclusive_group()
    talk.add_argument("--quiet", action="store_true", help="print warnings and errors only")
    talk.add_argument("--verbose", action="store_true",
                      help="also print debugging messages, and the time and memory used")
    group.add_argument("--debug", action="store_true",
                       help="show the Python traceback of an error")


def common_names():
    """Return the argparse ``dest`` names of the options that all commands share, as a set."""
    parser = argparse.ArgumentParser()
    add_common_options(parser)
    return {action.dest for action in parser._actions}
