# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Mutations of texts: regions, option files, column presets, cards of networks."""

import io

from fuzz_mutation import Expect, mutation


def _append(kinds, expect, **lines):
    """Register a mutation for each line that is added to the end of a text."""
    for name, line in lines.items():

        def change(text, rng, line=line):
            return text + line + "\n"

        change.__name__ = name
        mutation(kinds, expect)(change)


def _replace(kinds, expect, **texts):
    """Register a mutation for each text that replaces the whole text."""
    for name, new in texts.items():

        def change(text, rng, new=new):
            return new + "\n"

        change.__name__ = name
        mutation(kinds, expect)(change)


_append(
    "region polygon", Expect.WARNED,
    circle_of_negative_radius='circle(150.0, 2.0, -30")',
    circle_of_zero='circle(150.0, 2.0, 0")',
    circle_of_nan="circle(150.0, 2.0, nan)",
    circle_beyond_the_pole='circle(150.0, 99.0, 30")',
    circle_of_the_whole_sky="circle(150.0, 2.0, 200d)",
    unknown_shape="blob(150.0, 2.0, 3)",
    shape_without_numbers="circle(here, there, 3)",
    too_few_numbers="circle(150.0)",
    polygon_of_two_corners="polygon(150.0,2.0,150.1,2.0)",
    odd_number_of_coordinates="polygon(150.0,2.0,150.1,2.0,150.1)",
    text_shape='text(150.0, 2.0, "hello")',
    prose="this is no region",
    unfinished_line="circle(150.0, 2.0, 3",
)
_append(
    "region polygon", Expect.FREE,
    crossing_polygon="polygon(150.0,2.0,150.1,2.1,150.1,2.0,150.0,2.1)",
    ellipse_with_a_long_axis='ellipse(150.0, 2.0, 1e9", 1e-9", 0)',
    frame_of_another_epoch="fk4\ncircle(149.0, 2.0, 30\")",
    unknown_frame="martian\ncircle(150.0, 2.0, 30\")",
)
_append("region polygon", Expect.HARMLESS, comment="# a comment \u00e4", blank_lines="\n\n")
_append("region polygon", Expect.WARNED, pixel_region="image\ncircle(10, 10, 3)")
_replace("region polygon", Expect.REFUSED, only_comments="# Region file format: DS9",
         only_prose="nothing to see here", only_pixels="image\ncircle(10, 10, 3)")

_append(
    "config", Expect.REFUSED,
    unknown_key="mask-of-zorro = 3", a_table="[section]\nsmoothing = '1arcmin'",
    wrong_type="seed = [1, 2]", a_date="method = 1979-05-27", key_twice="smoothing = '1arcmin'",
    unfinished_text="method = 'ks", wrong_unit="sigma-e = '3 kg'", the_file_itself="config = 'a'",
    unknown_method="method = 'magic'", nan_as_a_number="padding = nan",
    a_flag_of_text="overwrite = 'perhaps'", text_for_a_number="seed = 'seven'",
    huge_integer="tile-size = -99999999999999999999999999",
)
_append("config", Expect.HARMLESS, a_comment="# nothing", an_empty_line="")
_append(
    "preset", Expect.REFUSED,
    unknown_column="hue = 'blue'", a_number_for_a_name="sigma_m = 3",
    column_twice="ra = 'other'", empty_name="redshift = ''", unfinished_name="redshift = 'z",
    list_of_numbers="redshift = [1, 2]", table_for_a_name="redshift = {a = 1}",
    code_for_a_column="sigma_m = '__import__(\"os\").getcwd()'",
)
_append("preset", Expect.WARNED, column_that_is_missing="m = 'nowhere'")
_append("preset", Expect.FREE, infinite_expression="sigma_m = '1/0'",
        deep_expression=f"sigma_m = '{'(' * 300}e1{')' * 300}'")
_append("preset", Expect.HARMLESS, comment="# nothing")
_replace(
    "preset", Expect.REFUSED,
    nothing="", unknown_convention="convention = 'martian'\n[columns]\nra = 'ra'\ndec = 'dec'\n"
    "e1 = 'e1'\ne2 = 'e2'", no_columns="title = 'a'", columns_of_text="columns = 'ra'",
    without_e2="[columns]\nra = 'ra'\ndec = 'dec'\ne1 = 'e1'", unknown_preset="preset = 'mars'",
)


def _card(name, expect=Expect.REFUSED):
    """Register a function that changes the card of a network in place."""

    def register(function):
        def change(content, rng):
            weights, card = content
            new = function(card, rng)
            return weights, (card if new is None else new)

        change.__name__ = name
        mutation("weights", expect)(change)

    return register


@_card("card_without_a_key", Expect.FREE)
def _(card, rng):
    del card[str(rng.choice(sorted(card)))]


@_card("card_with_another_type", Expect.FREE)
def _(card, rng):
    key = str(rng.choice(sorted(card)))
    card[key] = [3, "x", None, [], {}, True][int(rng.integers(6))]


@_card("card_that_is_a_list")
def _(card, rng):
    return [card]


@_card("card_of_a_newer_format", Expect.REFUSED)
def _(card, rng):
    card["format"] = 999


@_card("card_with_another_digest", Expect.REFUSED)
def _(card, rng):
    for key in card:
        if "sha256" in key:
            card[key] = "0" * 64


def _arrays(name, expect=Expect.REFUSED):
    """Register a function that changes the open HDF5 file of weights in place."""

    def register(function):
        def change(content, rng):
            import h5py

            weights, card = content
            buffer = io.BytesIO(weights)
            with h5py.File(buffer, "r+") as file:
                function(file, rng)
            return buffer.getvalue(), card

        change.__name__ = name
        mutation("weights", expect)(change)

    return register


def _first_array(file):
    import h5py

    found = []
    file.visititems(lambda key, item: found.append(item) if isinstance(item, h5py.Dataset)
                    and item.ndim > 1 else None)
    return found[0]


@_arrays("weights_of_nan")
def _(file, rng):
    _first_array(file)[...] = float("nan")


@_arrays("weights_of_another_shape")
def _(file, rng):
    array = _first_array(file)
    name, values = array.name, array[...]
    del file[name]
    file[name] = values[:1]


@_arrays("weights_that_are_missing")
def _(file, rng):
    del file[_first_array(file).name]


@_arrays("weights_of_text")
def _(file, rng):
    name = _first_array(file).name
    del file[name]
    file[name] = ["a", "b"]


@_arrays("weights_elsewhere")
def _(file, rng):
    import h5py

    name = _first_array(file).name
    del file[name]
    file[name] = h5py.ExternalLink("elsewhere.h5", "/a")
