"""What a page answers when something went wrong; programs get `api_errors`."""

from __future__ import annotations

import logging
import sys

from django.http import HttpRequest, HttpResponse
from django.template.loader import get_template
from django.views.defaults import server_error as broken

from config.api_errors import RETRY_AFTER, is_away

logger = logging.getLogger("sluice.request")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 503 where the database is away, which passes, and 500 for a fault of ours."""
    error = sys.exc_info()[1]
    if not is_away(error):
        return broken(request)
    # One line: a traceback for each request would fill the log for as long as the outage lasts.
    logger.warning("the database cannot answer: %s", str(error).partition("\n")[0])
    response = HttpResponse(
        get_template("503.html").render(), status=503, headers={"Retry-After": str(RETRY_AFTER)}
    )
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
