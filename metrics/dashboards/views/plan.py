"""The tracking plan: which types come, what one looks like, what is planned for it, and what broke the plan."""

from __future__ import annotations

import json
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from config.lib.errors import SluiceError
from events.models import PlannedType, Project
from events.plan import services
from events.plan.modes import Mode, Unlisted
from events.plan.selectors import current_plan, examples, violations_by_hour
from events.roles import Role
from metrics.catalogue.drafts import draft_schema
from metrics.catalogue.selectors import Properties, find_type
from metrics.dashboards import figures
from metrics.dashboards.access import PageRequest, project_page
from metrics.dashboards.forms.plan import TypeForm, UnlistedForm
from metrics.dashboards.planning import property_lines, recent_hours, type_lines, type_url


@require_http_methods(["GET", "HEAD", "POST"])
@project_page(change=Role.ADMIN)
def plan(request: PageRequest, project: Project) -> HttpResponse:
    """List the types, and say what is done about those without a plan."""
    form = UnlistedForm(request.POST or None, initial={"unlisted": _unlisted(project)})
    if request.method == "POST" and form.is_valid():
        unlisted = Unlisted(form.cleaned_data["unlisted"])
        services.set_unlisted(project_id=project.pk, unlisted=unlisted, by=request.user.get_username())
        messages.success(request, f"Types without a plan: {unlisted.value}.")
        return redirect("plan-page", slug=project.slug)
    lines, found = type_lines(project_id=project.pk, slug=project.slug)
    context = {"project": project, "page": "plan", "lines": lines, "form": form}
    context |= {
        "more": figures.full(found.total - len(found.types)) if found.total > len(found.types) else ""
    }
    return render(request, "dashboards/plan.html", context, status=form.status if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@project_page(change=Role.ADMIN)
def plan_of_type(request: PageRequest, project: Project) -> HttpResponse:
    """Show what comes of one type and what is planned for it; a POST plans it."""
    type = _type(request)
    planned = PlannedType.objects.filter(project_id=project.pk, type=type).first()
    observed, properties = find_type(project_id=project.pk, type=type) or (None, Properties(0, (), 0))
    form = TypeForm(request.POST) if request.method == "POST" else TypeForm(initial=_initial(planned))
    if form.is_bound and _is_planned(request, project, type, form):
        return redirect(type_url(project.slug, type))
    if request.method != "POST" and "draft" in request.GET and properties.observed:
        form.initial["schema"] = _as_text(draft_schema(properties))
    context = {"project": project, "page": "plan", "type": type, "planned": planned, "form": form}
    context |= {"observed": observed, "events": figures.short(observed.events) if observed else ""}
    context |= {"lines": property_lines(properties.observed, properties.events), "others": properties.others}
    context |= {"estimated": any(one.estimated for one in properties.observed)}
    context |= {"here": type_url(project.slug, type)} | _violations(project, type)
    return render(request, "dashboards/plan_type.html", context, status=form.status if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@project_page(change=Role.ADMIN)
def remove(request: PageRequest, project: Project) -> HttpResponse:
    """Say what happens to a type without its plan; a POST takes it out."""
    type = _type(request)
    planned = PlannedType.objects.filter(project_id=project.pk, type=type).first()
    if planned is None:
        raise Http404("The plan does not name this type.")
    if request.method == "POST":
        services.delete_type(project_id=project.pk, type=type, by=request.user.get_username())
        messages.success(request, "The type is out of the plan.")
        return redirect("plan-page", slug=project.slug)
    context = {"project": project, "page": "plan", "type": type, "planned": planned}
    context |= {"here": type_url(project.slug, type), "unlisted": _unlisted(project)}
    return render(request, "dashboards/plan_remove.html", context)


def _type(request: PageRequest) -> str:
    """Return the type that the address names. Raises Http404 where no event can have it."""
    type = request.GET.get("type", "").strip()
    if not 1 <= len(type) <= services.LONGEST_TYPE or "\0" in type:
        raise Http404("No event has such a type.")
    return type


def _is_planned(request: PageRequest, project: Project, type: str, form: TypeForm) -> bool:
    if not form.is_valid():
        return False
    mode, by = Mode(form.cleaned_data["mode"]), request.user.get_username()
    try:
        services.put_type(project_id=project.pk, type=type, mode=mode, schema=form.schema_read, by=by)
    except SluiceError as error:
        form.refuse(error)
        return False
    messages.success(request, "The plan is saved. Events that come from now on are held against it.")
    return True


def _initial(planned: PlannedType | None) -> dict[str, Any]:
    return {"mode": planned.mode, "schema": _as_text(json.loads(planned.schema))} if planned else {}


def _violations(project: Project, type: str) -> dict[str, Any]:
    """Return how often events of a type broke the plan lately, and the latest of those that are stored."""
    start, end = recent_hours()
    asked: dict[str, Any] = {"project_id": project.pk, "type": type, "start": start, "end": end}
    hours = violations_by_hour(**asked)
    warned, quarantined = (sum(getattr(one, kind) for one in hours) for kind in ("warned", "quarantined"))
    found: dict[str, Any] = {"hours": hours[::-1], "warned": warned, "quarantined": quarantined}
    return found | {"examples": examples(**asked) if warned else []}


def _unlisted(project: Project) -> str:
    found = current_plan(project.pk)
    return str(found.unlisted) if found else Unlisted.ALLOW.value


def _as_text(schema: Any) -> str:
    return json.dumps(schema, indent=2, ensure_ascii=False)
