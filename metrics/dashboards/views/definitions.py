"""Defined metrics: the list that shows how far each is, the form that makes one, and the page that asks first."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from config.lib.errors import SluiceError
from events.models import Project
from metrics.catalogue.selectors import list_types
from metrics.dashboards.access import PageRequest, project_page
from metrics.dashboards.definitions import definition_line
from metrics.dashboards.forms.definitions import DefinitionForm
from metrics.definitions import services
from metrics.models import MetricDefinition

#: Types that the form offers: those that came most often.
OFFERED = 200
_MADE = "{name} is kept from now on. Its history is being computed."


@require_http_methods(["GET", "HEAD", "POST"])
@project_page
def definitions(request: PageRequest, project: Project) -> HttpResponse:
    """List the defined metrics, and make one; htmx gets the list alone."""
    form = DefinitionForm(request.POST) if request.method == "POST" else DefinitionForm()
    if form.is_bound and _is_made(request, project, form):
        return redirect("defined-metrics", slug=project.slug)
    lines = [definition_line(one) for one in services.listed(project_id=project.pk)]
    context: dict[str, Any] = {"project": project, "page": "metrics", "lines": lines}
    context |= {"is_building": any(line.is_building for line in lines)}
    if request.htmx:
        return render(request, "dashboards/metrics_table.html", context)
    context |= {"form": form, "types": list_types(project_id=project.pk, limit=OFFERED).types}
    return render(request, "dashboards/metrics.html", context, status=form.status if form.errors else 200)


@require_POST
@project_page
def history(request: PageRequest, project: Project, name: str) -> HttpResponse:
    """Stop computing a metric's history, or go on; what was done already stays so."""
    found, by = _found(project, name), request.user.get_username()
    if request.POST.get("do") == "stop":
        services.stop(id=found.pk, by=by)
    elif request.POST.get("do") == "continue":
        services.go_on(id=found.pk, by=by)
    return redirect("defined-metrics", slug=project.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@project_page
def remove(request: PageRequest, project: Project, name: str) -> HttpResponse:
    """Say what a removal takes along; a POST removes the metric."""
    found = _found(project, name)
    if request.method == "POST":
        _give_up(request, project, name)
        return redirect("defined-metrics", slug=project.slug)
    context = {"project": project, "page": "metrics", "line": definition_line(found)}
    return render(request, "dashboards/metrics_remove.html", context)


def _is_made(request: PageRequest, project: Project, form: DefinitionForm) -> bool:
    if not form.is_valid():
        return False
    by = request.user.get_username()
    try:
        made = services.create(project_id=project.pk, wanted=form.wanted, by=by)
    except SluiceError as error:
        form.refuse(error)
        return False
    messages.success(request, _MADE.format(name=made.name))
    return True


def _give_up(request: PageRequest, project: Project, name: str) -> None:
    if services.give_up(project_id=project.pk, name=name, by=request.user.get_username()):
        messages.success(request, f"{name} is gone. Its rows are removed in the background.")


def _found(project: Project, name: str) -> MetricDefinition:
    for one in services.listed(project_id=project.pk):
        if one.name == name:
            return one
    raise Http404("There is no such defined metric.")
