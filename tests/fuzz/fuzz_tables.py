# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Mutations of tables: columns, rows, values, units, types."""

import numpy as np
from astropy.table import Column, MaskedColumn, Table
from fuzz_mutation import Expect, mutation

CATALOG, TABLES = "catalog", "catalog positions holes"


def _some(table, rng, share=0.02):
    return rng.choice(len(table), max(1, int(share * len(table))), replace=False)


def _values(column, values, share=0.02, expect=Expect.WARNED):
    """Register a mutation for each of several values in some rows of a column."""
    for label, value in values.items():

        def put(table, rng, value=value):
            table[column] = table[column].astype(float)
            table[column][_some(table, rng, share)] = value

        put.__name__ = f"{column}_{label}_in_{share:g}"
        mutation(CATALOG, expect)(put)


_PLACEHOLDERS = {"nan": np.nan, "inf": np.inf, "minus_99": -99.0, "minus_9999": -9999.0,
                 "unseen": -1.6375e30, "huge": 1e300}
_values("e1", _PLACEHOLDERS)
_values("e2", {"99": 99.0})
_values("e2", {"1.5": 1.5}, expect=Expect.FREE)
_values("weight", {"nan": np.nan, "inf": np.inf, "negative": -1.0, "huge": 1e300})
_values("dec", {"nan": np.nan, "91": 91.0, "minus_99": -99.0})
_values("ra", {"nan": np.nan, "inf": np.inf, "huge": 1e300, "minus_9999": -9999.0})
_values("weight", {"denormal": 5e-324, "tiny": 1e-300}, share=1)
_values("e1", {"constant": 0.3}, share=1, expect=Expect.FREE)
_values("e1", {"nan": np.nan, "inf": np.inf, "2": 2.0}, share=1, expect=Expect.REFUSED)
_values("weight", {"zero": 0.0, "negative": -1.0, "nan": np.nan}, share=1, expect=Expect.REFUSED)
_values("ra", {"nan": np.nan}, share=1, expect=Expect.REFUSED)
_values("dec", {"95": 95.0}, share=1, expect=Expect.REFUSED)


@mutation(CATALOG, Expect.HARMLESS, harmless_to_kappa_only=True)
def rows_in_another_order(table, rng):
    return table[rng.permutation(len(table))]


@mutation(TABLES, Expect.HARMLESS)
def columns_in_another_order(table, rng):
    return table[[str(name) for name in rng.permutation(table.colnames)]]


@mutation(CATALOG, Expect.HARMLESS)
def more_columns(table, rng):
    table["object_id"] = np.arange(len(table))
    table["comment"] = ["a, b"] * len(table)
    table["mag"] = rng.normal(24, 1, len(table))


@mutation(CATALOG, Expect.HARMLESS)
def a_vector_column(table, rng):
    table["pz"] = rng.uniform(size=(len(table), 3))


@mutation(CATALOG, Expect.HARMLESS)
def a_column_of_missing_values(table, rng):
    table["spec"] = MaskedColumn(np.zeros(len(table)), mask=True)


@mutation(CATALOG, Expect.HARMLESS)
def control_characters_in_a_column_name(table, rng):
    table["a\x1b[31mb\nc"] = np.arange(len(table))


@mutation(CATALOG, Expect.HARMLESS)
def markup_in_a_column_name(table, rng):
    table["<script>$\\frac{a$"] = np.arange(len(table))


@mutation(CATALOG, Expect.HARMLESS)
def weights_in_another_unit(table, rng):
    table["weight"] = table["weight"] * 7


@mutation(CATALOG, Expect.HARMLESS)
def another_turn_of_ra(table, rng):
    table["ra"] = table["ra"] - 360


@mutation(CATALOG, Expect.HARMLESS)
def single_precision_of_shapes(table, rng):
    for name in ("e1", "e2", "weight"):
        table[name] = table[name].astype(np.float32)


@mutation(CATALOG, Expect.FREE)
def integers(table, rng):
    table["weight"] = np.ones(len(table), int)


@mutation(CATALOG, Expect.REFUSED)
def no_rows(table, rng):
    return table[:0]


@mutation(CATALOG, Expect.FREE)
def one_row(table, rng):
    return table[:1]


@mutation(CATALOG, Expect.FREE)
def three_rows(table, rng):
    return table[:3]


@mutation(CATALOG, Expect.REFUSED)
def without_a_needed_column(table, rng):
    table.remove_column(str(rng.choice(["ra", "dec", "e1", "e2"])))


@mutation(CATALOG, Expect.REFUSED)
def a_needed_column_of_text(table, rng):
    name = str(rng.choice(["ra", "dec", "e1", "e2", "weight"]))
    table[name] = ["galaxy"] * len(table)


@mutation(CATALOG, Expect.FREE)
def numbers_as_text(table, rng):
    name = str(rng.choice(["ra", "dec", "e1", "e2", "weight"]))
    table[name] = [repr(float(value)) for value in table[name]]


@mutation(CATALOG, Expect.WARNED)
def one_text_among_numbers(table, rng):
    texts = [repr(float(value)) for value in table["e1"]]
    texts[7] = str(rng.choice(["null", "--", "1.0.0", "#N/A", ""]))
    table["e1"] = texts


@mutation(CATALOG, Expect.REFUSED)
def a_needed_column_of_vectors(table, rng):
    name = str(rng.choice(["e1", "e2", "ra"]))
    table[name] = np.stack([table[name]] * 2, axis=1)


@mutation(CATALOG, Expect.REFUSED)
def complex_shapes(table, rng):
    table["e1"] = table["e1"] + 1j * table["e2"]


@mutation(CATALOG, Expect.REFUSED)
def boolean_shapes(table, rng):
    table["e1"] = np.asarray(table["e1"]) > 0


@mutation(CATALOG, Expect.REFUSED, of_units=True)
def positions_in_kilograms(table, rng):
    table["ra"].unit = "kg"


@mutation(CATALOG, Expect.WARNED, of_units=True)
def degrees_said_to_be_radians(table, rng):
    table["ra"].unit = table["dec"].unit = "rad"


@mutation(CATALOG, Expect.FREE)
def an_unknown_unit(table, rng):
    table["ra"].unit = table["dec"].unit = None
    table["ra"].info.meta = {"unit": "furlong"}


@mutation(CATALOG, Expect.WARNED)
def radians_without_a_unit(table, rng):
    table["ra"], table["dec"] = np.radians(table["ra"]), np.radians(table["dec"])


@mutation(CATALOG, Expect.REFUSED)
def all_shapes_masked(table, rng):
    table["e1"] = MaskedColumn(table["e1"], mask=True)


@mutation(CATALOG, Expect.WARNED)
def some_shapes_masked(table, rng):
    mask = np.zeros(len(table), bool)
    mask[_some(table, rng)] = True
    table["e1"] = MaskedColumn(table["e1"], mask=mask)


@mutation(CATALOG, Expect.WARNED)
def one_component_twice(table, rng):
    table["e2"] = table["e1"]


@mutation(CATALOG, Expect.WARNED)
def all_galaxies_at_one_place(table, rng):
    table["ra"], table["dec"] = 150.0, 2.0


@mutation(CATALOG, Expect.FREE)
def all_galaxies_on_a_line(table, rng):
    table["dec"] = 2.0


@mutation(CATALOG, Expect.WARNED)
def galaxies_on_the_whole_sky(table, rng):
    table["ra"] = rng.uniform(0, 360, len(table))
    table["dec"] = np.degrees(np.arcsin(rng.uniform(-1, 1, len(table))))


@mutation(CATALOG, Expect.WARNED)
def one_galaxy_far_away(table, rng):
    table["ra"][3] = 10.0


@mutation(CATALOG, Expect.FREE)
def at_the_pole(table, rng):
    table["dec"] = 90 - np.hypot(table["dec"] - 2, (table["ra"] - 150))
    table["ra"] = rng.uniform(0, 360, len(table))


@mutation(CATALOG, Expect.FREE)
def every_galaxy_twice(table, rng):
    return Table(np.concatenate([table.as_array()] * 2), meta=table.meta)


@mutation(CATALOG, Expect.WARNED)
def swapped_positions(table, rng):
    table["ra"], table["dec"] = Column(table["dec"]), Column(table["ra"])


@mutation(CATALOG, Expect.FREE)
def upper_case_names(table, rng):
    for name in table.colnames:
        table.rename_column(name, name.upper())


@mutation(CATALOG, Expect.FREE)
def two_names_that_differ_in_case(table, rng):
    table["E1"] = -table["e1"]


@mutation(CATALOG, Expect.FREE)
def an_unknown_convention_in_the_header(table, rng):
    table.meta["CONVENTN"] = "martian\x1b[31m"


@mutation(CATALOG, Expect.FREE)
def a_kind_that_is_a_number(table, rng):
    table.meta["KIND"] = 5


@mutation(CATALOG, Expect.WARNED)
def redshifts_that_are_negative(table, rng):
    table["redshift"] = -table["redshift"]


@mutation(CATALOG, Expect.WARNED)
def shapes_in_percent(table, rng):
    table["e1"], table["e2"] = 100 * table["e1"], 100 * table["e2"]


@mutation("positions holes", Expect.REFUSED)
def no_positions(table, rng):
    return table[:0]


@mutation("positions holes", Expect.REFUSED)
def without_dec(table, rng):
    table.remove_column("dec")


@mutation("positions holes", Expect.WARNED)
def a_position_beyond_the_pole(table, rng):
    table["dec"][0] = 123.0


@mutation("positions holes", Expect.WARNED)
def a_position_that_is_nan(table, rng):
    table["ra"][0] = np.nan


@mutation("positions", Expect.FREE)
def positions_elsewhere(table, rng):
    table["ra"] = table["ra"] + 100


@mutation("positions", Expect.REFUSED)
def positions_of_text(table, rng):
    table["ra"] = ["here", "there"]


@mutation("positions", Expect.FREE)
def one_position_twice(table, rng):
    return table[[0, 0]]


@mutation("holes", Expect.WARNED)
def a_radius_that_is_negative(table, rng):
    table["radius"][0] = -1


@mutation("holes", Expect.WARNED)
def a_radius_that_is_nan(table, rng):
    table["radius"][0] = np.nan


@mutation("holes", Expect.WARNED)
def a_radius_of_a_thousand_degrees(table, rng):
    table["radius"][0] = 1000.0


@mutation("holes", Expect.REFUSED, of_units=True)
def a_radius_in_kilograms(table, rng):
    table["radius"].unit = "kg"
