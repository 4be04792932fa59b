"""How bodies of requests are read beside the ingest path: strictly, for what is in them is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from django.conf import settings
from rest_framework.parsers import BaseParser

from config.bodies import BodyTooLarge
from metrics.errors import BadQuestion
from metrics.language.json_text import read_json


class StrictJson(BaseParser):
    """Reads JSON in which no key stands twice and every number and text can be kept."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return the value. Raises BadQuestion or BodyTooLarge."""
        try:
            return read_json(_whole(stream).decode(), field="body")
        except UnicodeDecodeError:
            raise BadQuestion("The body is not UTF-8.", field="body") from None


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


def _whole(stream: IO[bytes]) -> bytes:
    body = stream.read(settings.MAX_REQUEST_BYTES + 1)
    if len(body) > settings.MAX_REQUEST_BYTES:
        raise BodyTooLarge(f"A request may have at most {settings.MAX_REQUEST_BYTES} bytes.")
    return body
