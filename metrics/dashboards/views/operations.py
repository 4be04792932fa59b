"""The pages that ask before stored days are compressed, refreshed or dropped. For superusers only."""

from __future__ import annotations

from datetime import date

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from events.models import Project
from metrics.dashboards import figures
from metrics.dashboards.access import PageRequest, project_page
from metrics.dashboards.operations import Action, Plan, carry_out, plan

_DONE = "Asked for: {action} {days}. What came of it is listed under “Done by hand”."
_NO_BROKER = "The broker cannot be reached, so nothing was begun. Try again when it is back."
_NOT_TYPED = "Nothing was dropped: type {day} to confirm."


@require_http_methods(["GET", "HEAD", "POST"])
@project_page
def operate(request: PageRequest, project: Project, day: date, action: Action) -> HttpResponse:
    """Show what would happen to the partition that begins on `day`; a POST makes it happen."""
    if not request.user.is_superuser:
        raise PermissionDenied("Stored days belong to all projects: only superusers may change them.")
    found = plan(action, day)
    if found is None:
        raise Http404("No partition begins on this day.")
    if request.method == "POST" and _is_confirmed(request, found):
        _carry_out(request, found)
        return redirect("pipeline", slug=project.slug)
    context = {"project": project, "page": "pipeline", "plan": found, "day": day.isoformat()}
    context |= {"days": figures.days(found.first, found.last), "rows": figures.short(found.rows)}
    return render(
        request, "dashboards/operation.html", context, status=409 if request.method == "POST" else 200
    )


def _is_confirmed(request: PageRequest, found: Plan) -> bool:
    """Tell whether it may begin; dropping asks for the day, typed."""
    if found.refusal:
        return False
    day = found.partitions[0].day.isoformat()
    if found.action != Action.DROP or request.POST.get("day", "").strip() == day:
        return True
    messages.error(request, _NOT_TYPED.format(day=day))
    return False


def _carry_out(request: PageRequest, found: Plan) -> None:
    if carry_out(found, by=request.user.get_username()):
        days = figures.days(found.first, found.last)
        messages.success(request, _DONE.format(action=found.action.value, days=days))
    else:
        messages.error(request, _NO_BROKER)
