"""What the pages of the group Explore share: a question over the shared controls, and its answer below."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from django.http import HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse

from events.models import Project
from metrics.dashboards.access import PageRequest
from metrics.dashboards.asking import answered
from metrics.dashboards.controls import controls_of
from metrics.dashboards.presets import DEFAULT_RANGE, DEFAULT_STEP
from metrics.dashboards.view import View, read_view

TITLES = {"funnels": "Funnels", "retention": "Retention", "paths": "Paths", "lifecycle": "Lifecycle"}


def insight_view(
    params: QueryDict, *, keep: Sequence[str], has_types: bool = False, default_range: str = DEFAULT_RANGE
) -> View:
    """Return what the URL asks for, without what these questions do not know: steps of time, comparison, types."""
    view = read_view(params, keep=keep, default_range=default_range)
    return replace(view, step=DEFAULT_STEP, compare=False, types=view.types if has_types else ())


def insight_params(view: View, **own: str | Sequence[str] | None) -> dict[str, list[str]]:
    """Return the parameters for the engine: what the controls say, and the page's `own`."""
    return view.params(**{"step": None, "compare": None, "type": None, **own})


def insight_page(
    request: PageRequest,
    project: Project,
    page: str,
    *,
    view: View,
    form: Any,
    ask: Callable[[], dict[str, Any]],
) -> HttpResponse:
    """Show the question `form` and what `ask` answers, or why there is no answer; htmx gets this part alone."""
    url = reverse(page, args=[project.slug])
    context = {
        "project": project,
        "page": page,
        "title": TITLES[page],
        "part": f"dashboards/_{page}.html",
        "view": view,
        "form": form,
        "by_week": view.query(range="90d", period="week"),
        "controls": controls_of(
            view,
            project_id=project.pk,
            url=url,
            target="insight",
            has_step=False,
            has_compare=False,
            has_fields=True,
        ),
    }
    template = context["part"] if request.htmx else f"dashboards/{page}.html"
    return render(request, str(template), context | answered(ask))
