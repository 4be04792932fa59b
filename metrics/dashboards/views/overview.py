"""The overview of one project."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django_htmx.http import HttpResponseClientRefresh

from events.models import Project
from events.selectors import list_events
from metrics.dashboards.access import PageRequest, project_page
from metrics.dashboards.asking import answered
from metrics.dashboards.board import build_board, read_metric
from metrics.dashboards.controls import controls_of
from metrics.dashboards.view import View, read_view, week_up_to
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
    view = read_view(request.GET, keep=["metric"])
    url = reverse("overview", args=[project.slug])
    context |= {"view": view, "controls": controls_of(view, project_id=project.pk, url=url)}
    context |= {"newest": newest.ts, "newest_week": week_up_to(view, newest.ts)}
    context |= _board(project, view, read_metric(request.GET.get("metric")))
    return render(request, "dashboards/_board.html" if request.htmx else "dashboards/overview.html", context)


def _empty(request: PageRequest, context: dict[str, Any]) -> HttpResponse:
    """Show what to do first; the page asks again until there is something to see."""
    if request.htmx:
        return HttpResponse(status=204)
    curl = code_for(request, context["project"])[0]
    return render(request, "dashboards/empty.html", context | {"snippet": curl})


def _board(project: Project, view: View, metric: str) -> dict[str, Any]:
    """Return the board, or the reason why this question has none; a fault of ours is not shown but raised."""
    return answered(lambda: {"board": build_board(project_id=project.pk, view=view, metric=metric)})
