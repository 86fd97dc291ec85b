# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The same table in every format, with columns beside it that cannot be read.

Nothing here uses lensmap. A writer takes the file, a dict of columns (arrays or lists of text), a
dict of units as they are to stand in the file, and whether to add columns that no reader can parse.
"""

import json

import numpy as np
from astropy.io import fits

__all__ = ["SUFFIXES", "WRITERS"]


def write_fits(path, columns, units=None, noise=False):
    units = units or {}
    made = [_fits_column(name, values) for name, values in columns.items()]
    if noise:
        n = len(next(iter(columns.values())))
        ragged = np.array([np.arange(i % 3) for i in range(n)], dtype=object)
        made.append(fits.Column("ragged", "PJ()", array=ragged))
        made += [fits.Column(f"odd{i}", "D", array=np.zeros(n)) for i in range(3)]
    hdu = fits.BinTableHDU.from_columns(made)
    for i, column in enumerate(made, 1):
        if column.name in units:
            hdu.header[f"TUNIT{i}"] = units[column.name]
    if noise:
        first = len(columns) + 2
        hdu.header[f"TDISP{first}"] = "Q99.9"
        hdu.header[f"TUNIT{first}"] = "10^^-3 foo//bar"
        hdu.header[f"TDIM{first + 1}"] = "(7,7)"
        hdu.header[f"TDISP{first + 2}"] = "1PE()"
    hdu.writeto(path)


def _fits_column(name, values):
    values = np.asarray(values)
    if values.dtype.kind in "US":
        return fits.Column(name, f"{max(values.dtype.itemsize // 4, 1)}A", array=values)
    code = {"f8": "D", "f4": "E", "i8": "K", "i4": "J", "u8": "K", "b1": "L"}[values.dtype.str[1:]]
    zero = {"bzero": 2**63} if values.dtype.str[1:] == "u8" else {}
    repeat = values.shape[1] if values.ndim == 2 else 1
    return fits.Column(name, f"{repeat}{code}", array=values, **zero)


def write_hdf5_rows(path, columns, units=None, noise=False):
    """Write a dataset of rows, with the units as astropy stores them."""
    import h5py

    n = len(next(iter(columns.values())))
    arrays = {name: _for_hdf5(values) for name, values in columns.items()}
    if noise:
        arrays["object"] = np.array([f"text {i}" for i in range(n)], dtype=h5py.string_dtype())
        arrays["ragged"] = np.array([np.arange(i % 3 + 1) for i in range(n)], dtype=object)
        kinds = {"ragged": h5py.vlen_dtype(np.int32), "object": h5py.string_dtype()}
    else:
        kinds = {}
    dtype = [
        (name, kinds.get(name, array.dtype), array.shape[1:]) for name, array in arrays.items()
    ]
    rows = np.zeros(n, dtype=dtype)
    for name, array in arrays.items():
        rows[name] = array
    lines = ["datatype:"] + [
        f"- {{name: {json.dumps(name)}, datatype: float64"
        + (f", unit: {json.dumps(units[name])}}}" if name in (units or {}) else "}")
        for name in arrays
    ]
    with h5py.File(path, "w") as file:
        file["deep/below/rows"] = rows
        file["deep/below/rows.__table_column_meta__"] = [line.encode() for line in lines]


def write_hdf5_columns(path, columns, units=None, noise=False):
    """Write one dataset per column into a nested group."""
    import h5py

    with h5py.File(path, "w") as file:
        group = file.create_group("catalog/unsheared")
        for name, values in columns.items():
            group[name] = _for_hdf5(values)
            if name in (units or {}):
                group[name].attrs["unit"] = units[name]
        if noise:
            group["of another length"] = np.zeros(7)
            group["a number"] = 7.0
            group["nowhere"] = h5py.SoftLink("/gone")
            group["cube"] = np.zeros((2, 2, 2))
            group["empty"] = h5py.Empty("f8")
            file["index/select"] = np.arange(5)


def _for_hdf5(values):
    values = np.asarray(values)
    return np.char.encode(values, "utf-8") if values.dtype.kind == "U" else values


def write_parquet(path, columns, units=None, noise=False):
    import pyarrow as pa
    from pyarrow import parquet

    arrays = {
        name: pa.array(list(map(list, values)) if np.ndim(values) == 2 else np.asarray(values))
        for name, values in columns.items()
    }
    n = len(next(iter(columns.values())))
    if noise:
        arrays["ragged"] = pa.array([[1.0] * (i % 3) for i in range(n)])
        arrays["struct"] = pa.array([{"a": 1, "b": "x"}] * n)
        arrays["time"] = pa.array(np.full(n, "2020-01-01", dtype="datetime64[ns]"))
    table = pa.table(arrays)
    if units:
        lines = ["datatype:"] + [
            f"- {{name: {name}, datatype: float64"
            + (f", unit: {json.dumps(units[name])}}}" if name in units else "}")
            for name in arrays
        ]
        table = table.replace_schema_metadata({"table_meta_yaml": "\n".join(lines)})
    parquet.write_table(table, path)


def write_votable(path, columns, units=None, noise=False):
    units = units or {}
    fields, cells = [], []
    for name, values in columns.items():
        values = np.asarray(values)
        kind = {"U": "char", "i": "long", "f": "double", "u": "long", "b": "boolean"}
        size = ' arraysize="*"' if values.dtype.kind == "U" else ""
        size = f' arraysize="{values.shape[1]}"' if values.ndim == 2 else size
        unit = f' unit="{units[name].replace(chr(34), "&quot;")}"' if name in units else ""
        fields.append(f'<FIELD name="{name}" datatype="{kind[values.dtype.kind]}"{size}{unit}/>')
        cells.append([_cell(value) for value in values])
    if noise:
        fields.append('<FIELD name="odd" datatype="double" unit="10^^-3 foo//bar"/>')
        fields.append('<FIELD name="wrong" datatype="int" width="abc" precision="Q9"/>')
        cells += [["not a number"] * len(cells[0])] * 2
    rows = "".join(
        "<TR>" + "".join(f"<TD>{cell}</TD>" for cell in row) + "</TR>\n"
        for row in zip(*cells, strict=True)
    )
    path.write_text(
        '<?xml version="1.0"?>\n<VOTABLE version="1.3" '
        'xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE name="shear">\n'
        + "\n".join(fields)
        + f"\n<DATA><TABLEDATA>\n{rows}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>\n"
    )


def _cell(value):
    return " ".join(map(repr, value.tolist())) if np.ndim(value) else str(value)


def write_ecsv(path, columns, units=None, noise=False):
    units, lines, cells = units or {}, [], []
    for name, values in columns.items():
        values = np.asarray(values)
        unit = f", unit: {json.dumps(units[name])}" if name in units else ""
        kind = "datatype: " + {"U": "string", "i": "int64", "f": "float64", "u": "uint64",
                               "b": "bool"}[values.dtype.kind]
        if values.ndim == 2:
            kind = f"datatype: string, subtype: 'float64[{values.shape[1]}]'"
        lines.append(f"{{name: {name}{unit}, {kind}}}")
        cells.append([
            json.dumps(value.tolist()).replace(" ", "") if np.ndim(value) else f'"{value}"'
            for value in values
        ])
    names = list(columns)
    if noise:
        names += ["odd", "broken"]
        lines.append("{name: odd, unit: 10^^-3 foo//bar, datatype: int64}")
        lines.append("{name: broken, datatype: string, subtype: json}")
        cells += [["no_number"] * len(cells[0]), ['"{not: json"'] * len(cells[0])]
    header = ["# %ECSV 1.0", "# ---", "# datatype:", *(f"# - {line}" for line in lines)]
    rows = [" ".join(row) for row in zip(*cells, strict=True)]
    path.write_text("\n".join([*header, "# schema: astropy-2.0", " ".join(names), *rows]) + "\n")


def write_csv(path, columns, units=None, noise=False):
    """Write CSV, which has no units and no vectors."""
    names, cells = list(columns), [list(map(str, values)) for values in columns.values()]
    if noise:
        names += ["gr\u00f6\u00dfe, text", "id"]
        cells += [['"a ""quoted"" word, \u2603"'] * len(cells[0]), ["\x1b[31m9"] * len(cells[0])]
    rows = [",".join(row) for row in zip(*cells, strict=True)]
    head = ",".join(f'"{name}"' if "," in name else name for name in names)
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")


WRITERS = {
    "fits": write_fits,
    "hdf5 rows": write_hdf5_rows,
    "hdf5 columns": write_hdf5_columns,
    "parquet": write_parquet,
    "votable": write_votable,
    "ecsv": write_ecsv,
    "csv": write_csv,
}
SUFFIXES = {
    "fits": "fits", "hdf5 rows": "h5", "hdf5 columns": "hdf5", "parquet": "parquet",
    "votable": "vot", "ecsv": "ecsv", "csv": "csv",
}
