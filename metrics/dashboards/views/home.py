"""The front door: it leads to a project, or says how to make one."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render

from metrics.dashboards.access import PageRequest, member_page, visible_projects


@member_page
def home(request: PageRequest) -> HttpResponse:
    """Go to the first project's overview."""
    project = visible_projects(request.user).first()
    if project is None:
        return render(request, "dashboards/no_projects.html")
    return redirect("overview", slug=project.slug)
