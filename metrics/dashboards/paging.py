"""Keyset paging: a link to what is older, and what becomes of a cursor that somebody made up."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import Http404, HttpResponse

from config.lib.errors import SluiceError
from metrics.dashboards.access import PageRequest

P = ParamSpec("P")
View = Callable[Concatenate[PageRequest, P], HttpResponse]


def page_links(request: PageRequest, cursor: str | None) -> dict[str, str]:
    """Return the query strings `older` and `newest`, all else kept; empty where they lead nowhere."""
    params = request.GET.copy()
    params.pop("cursor", None)
    newest = f"?{params.urlencode()}" if "cursor" in request.GET else ""
    params["cursor"] = cursor or ""
    return {"newest": newest, "older": f"?{params.urlencode()}" if cursor else ""}


def cursor_errors_are_404(view: View[P]) -> View[P]:
    """Answer 404 where a selector refuses the request's own words."""

    @wraps(view)
    def guarded(request: PageRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except SluiceError as error:
            if error.http_status >= 500:
                raise
            raise Http404(error.message) from error

    return guarded
