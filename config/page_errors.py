"""What a page answers when something went wrong; programs get `api_errors`."""

from __future__ import annotations

import logging
import sys

from django.http import HttpRequest, HttpResponse
from django.template.loader import get_template
from django.views.defaults import server_error as broken

from config.api_errors import RETRY_AFTER, is_away
from config.lib.errors import SluiceError

logger = logging.getLogger("sluice.request")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 503 for what passes: the database is away, or has no answer now. Else 500, for a fault of ours."""
    error = sys.exc_info()[1]
    if isinstance(error, SluiceError) and error.transient:
        return _later({"problem": error.message})
    if not is_away(error):
        return broken(request)
    # One line: a traceback for each request would fill the log for as long as the outage lasts.
    logger.warning("the database cannot answer: %s", str(error).partition("\n")[0])
    return _later({})


def _later(context: dict[str, str]) -> HttpResponse:
    page = get_template("503.html").render(context)
    response = HttpResponse(page, status=503, headers={"Retry-After": str(RETRY_AFTER)})
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response
