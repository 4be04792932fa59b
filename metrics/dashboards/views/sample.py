"""The two buttons of the sample shop: load it, remove it."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from events import audit
from events.bus.base import BusFull
from events.models import Project
from events.roles import Role
from metrics.dashboards import services
from metrics.dashboards.access import PageRequest, member_page, project_page


@require_POST
@member_page
def load(request: PageRequest) -> HttpResponse:
    """Load the sample shop and go there: for admins of a project, and for those who have none yet."""
    if not services.may_load_sample(request.user):
        raise PermissionDenied("Loading sample data needs the role admin in a project.")
    try:
        project = services.load_sample(user=request.user)
    except BusFull:
        messages.error(request, "The pipeline is too busy to take sample data now. Try again in a minute.")
        return redirect("home")
    except services.SlugTaken as error:
        messages.error(request, str(error))
        return redirect("home")
    return redirect("overview", slug=project.slug)


@require_POST
@project_page(change=Role.ADMIN)
def remove(request: PageRequest, project: Project) -> HttpResponse:
    """Remove a sample project; there is no such thing for a real one."""
    if not project.is_sample:
        raise Http404("Only sample projects can be removed here.")
    services.remove_sample(project=project)
    audit.record(by=request.user.get_username(), action="sample.remove", target=project.slug)
    messages.success(request, "The sample data is gone.")
    return redirect("home")
