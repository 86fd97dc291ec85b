# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Check that the search of the built documentation finds common words on the right page first::

    python scripts/check_search.py docs/_build/html

Sphinx ranks index entries and titles that contain the query above matches in the text. The words
are the terms of the glossary, and names of surveys and symptoms that people search.
"""

import argparse
import json
import sys
from pathlib import Path

#: Words, and the page that must come first; the terms of the glossary come in addition.
WORDS = {
    **dict.fromkeys(
        ("HSC", "DES Y3", "DES Y6", "KiDS", "Euclid", "Rubin", "UNIONS", "CFHTLenS"),
        "guide/recipes",
    ),
    **dict.fromkeys(
        ("empty map", "mirrored", "undecided", "out of memory", "TensorFlow"),
        "guide/troubleshooting",
    ),
    "exit code": "guide/command_line",
    "quick start": "guide/quickstart",
    "DS9": "guide/masks",
}
GLOSSARY = "guide/glossary"
TITLE_SCORE, INDEX_SCORE = 15, 100  # as in Sphinx's searchtools.js


def first_page(index, query):
    """Return the page that Sphinx's search lists first for a query, or None."""
    query = query.lower()
    results = []
    for title, places in index["alltitles"].items():
        if query in title.lower() and len(query) >= len(title) / 2:
            for page, _ in places:
                score = round(TITLE_SCORE * len(query) / len(title))
                results.append((-score - (index["titles"][page] == title), title.lower(), page))
    for entry, places in index["indexentries"].items():
        if query in entry and len(query) >= len(entry) / 2:
            for page, _, is_main in places:
                if is_main:
                    score = round(INDEX_SCORE * len(query) / len(entry))
                    results.append((-score, index["titles"][page].lower(), page))
    return index["docnames"][min(results)[2]] if results else None


def glossary_terms(index):
    """Return the terms of the glossary."""
    page = index["docnames"].index(GLOSSARY)
    return [
        entry
        for entry, places in index["indexentries"].items()
        if any(place[0] == page for place in places)
    ]


def main():
    """Print the words that are not found on their page, and exit with 1 if there are any."""
    parser = argparse.ArgumentParser(description="Check the search of the built documentation.")
    parser.add_argument("folder", type=Path, help="the built HTML pages")
    text = (parser.parse_args().folder / "searchindex.js").read_text()
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    words = WORDS | dict.fromkeys(glossary_terms(index), GLOSSARY)
    failures = [
        f"{word!r}: {found or 'no page'} instead of {page}"
        for word, page in words.items()
        if (found := first_page(index, word)) != page
    ]
    print("\n".join(failures) if failures else f"{len(words)} words are found")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
