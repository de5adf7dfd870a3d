"""A page as PDF, by WeasyPrint; nothing is fetched, whatever the page says.

Source of the choice: docs/decisions (PDF). The library and its text engine (Pango) are wanted only
here, so that a gateway without them runs.
"""

from __future__ import annotations

from typing import Any


class NoPdf(Exception):
    """This machine cannot make a PDF; the sentence says what is missing."""


def pdf(html: str) -> bytes:
    """The page as a PDF, with its text selectable and its language said. Raises NoPdf."""
    try:
        from weasyprint import HTML
        from weasyprint.urls import URLFetcher
    except (ImportError, OSError) as e:
        raise NoPdf(f"install hanoi-gateway[pdf], and Pango (Debian: libpango-1.0-0): {e}") from e
    fetcher = URLFetcher(allowed_protocols=(), allow_redirects=False)
    page: Any = HTML(string=html, url_fetcher=fetcher)
    made: bytes = page.write_pdf(pdf_variant="pdf/ua-1")
    return made
