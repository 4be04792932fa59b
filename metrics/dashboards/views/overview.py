"""The overview of one project."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render
from django_htmx.http import HttpResponseClientRefresh

from config.lib.errors import SluiceError
from events.models import Project
from events.selectors import list_events
from metrics.dashboards.access import PageRequest, project_page
from metrics.dashboards.board import build_board, read_metric
from metrics.dashboards.period import RANGES, STEPS, Period, read_period, week_up_to
from metrics.dashboards.views.setup import code_for


@project_page
def overview(request: PageRequest, project: Project) -> HttpResponse:
    """Show the board; htmx asks the same URL for the board alone."""
    context: dict[str, Any] = {"project": project, "page": "overview"}
    newest = next(iter(list_events(project_id=project.pk, limit=1).items), None)
    if newest is None:
        return _empty(request, context)
    if request.htmx and "waiting" in request.GET:
        return HttpResponseClientRefresh()
    period, metric = read_period(request.GET), read_metric(request.GET.get("metric"))
    context |= {"period": period, "ranges": RANGES, "steps": STEPS, "metric": metric, "newest": newest.ts}
    context |= {"query": urlencode({"metric": metric, **period.fields}), "newest_week": week_up_to(newest.ts)}
    context |= _board(project, period, metric)
    return render(request, "dashboards/_board.html" if request.htmx else "dashboards/overview.html", context)


def _empty(request: PageRequest, context: dict[str, Any]) -> HttpResponse:
    """Show what to do first; the page asks again until there is something to see."""
    if request.htmx:
        return HttpResponse(status=204)
    curl = code_for(request, context["project"])[0]
    return render(request, "dashboards/empty.html", context | {"snippet": curl})


def _board(project: Project, period: Period, metric: str) -> dict[str, Any]:
    """Return the board, or the reason why this question has none; a fault of ours is not shown but raised."""
    try:
        return {"board": build_board(project_id=project.pk, period=period, metric=metric)}
    except SluiceError as error:
        if error.http_status >= 500 and not error.transient:
            raise
        return {"problem": error.message}
