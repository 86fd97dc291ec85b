# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""
Check the links within the documentation that was built: pages, anchors, pictures and downloads::

    python scripts/check_links.py docs/_build/html

Addresses of other sites are left to ``sphinx-build -b linkcheck``, which needs a network.
"""

import argparse
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_REFERENCES = ("href", "src", "srcset", "data-src")


class _Page(HTMLParser):
    """The links of a page, and the anchors on it."""

    def __init__(self):
        super().__init__()
        self.links, self.anchors = set(), set()

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            elif name in _REFERENCES and value:
                # A srcset has several, each with its size.
                parts = value.split(",") if name == "srcset" else [value]
                self.links.update(part.split()[0] for part in parts if part.strip())


def read(path):
    """Return the page of a file."""
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page


def html_files(folder):
    """Return the pages; what the theme keeps in _static is not one."""
    return sorted(path for path in folder.rglob("*.html") if "_static" not in path.parts)


def dead_links(folder):
    """Yield each dead link as the page and what it refers to."""
    pages = {path: read(path) for path in html_files(folder)}
    for path, page in pages.items():
        for link in sorted(page.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            if not target.exists():
                yield path, link
            elif parts.fragment and target in pages:
                if unquote(parts.fragment) not in pages[target].anchors:
                    yield path, link


def main():
    """Print the dead links, and fail if there are any."""
    parser = argparse.ArgumentParser(description=__doc__.strip().splitlines()[0].rstrip(":"))
    parser.add_argument("folder", type=Path, help="where the HTML pages are")
    folder = parser.parse_args().folder.resolve()
    found = list(dead_links(folder))
    for path, link in found:
        print(f"{path.relative_to(folder)}: {link}")
    n_pages = len(html_files(folder))
    print(f"{n_pages} pages, {len(found)} dead links")
    sys.exit(bool(found) or n_pages == 0)


if __name__ == "__main__":
    main()
