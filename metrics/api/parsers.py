"""How bodies of requests are read beside the ingest path: strictly, for what is in them is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from config.bodies import BodyTooLarge
from metrics.errors import BadQuestion
from metrics.language.json_text import read_document


class StrictJson(BaseParser):
    """Reads JSON in which no key stands twice and every number and text can be kept."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the value. Raises InvalidJson, BadQuestion or BodyTooLarge."""
        return read_document(_whole(stream), field="body")


class CsvBytes(BaseParser):
    """Takes CSV as it is: who reads it knows what is in the lines."""

    media_type = "text/csv"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the bytes. Raises BodyTooLarge."""
        return _whole(stream)


def object_of(body: Any, *known: str) -> dict[str, Any]:
    """Return a body that is an object with no other names than these. Raises BadQuestion."""
    if not isinstance(body, dict):
        raise BadQuestion("The body must be a JSON object.", field="body")
    for name in body:
        if name not in known:
            raise BadQuestion(f"There is no such field; known are {', '.join(known)}.", field=name[:100])
    return body


def _whole(stream: IO[bytes]) -> bytes:
    body = stream.read(settings.MAX_REQUEST_BYTES + 1)
    if len(body) > settings.MAX_REQUEST_BYTES:
        raise BodyTooLarge(f"A request may have at most {settings.MAX_REQUEST_BYTES} bytes.")
    return body
