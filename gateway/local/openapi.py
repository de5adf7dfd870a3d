"""The description of the local API, as it is shipped."""

from __future__ import annotations

from importlib.resources import files


def openapi_text() -> str:
    """openapi.yaml, OpenAPI 3.1."""
    return files("gateway.local").joinpath("openapi.yaml").read_text("utf-8")
