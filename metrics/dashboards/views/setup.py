"""How to send events to a project."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render

from events.models import ApiKey, Project
from metrics.dashboards.access import PageRequest, project_page
from metrics.dashboards.snippets import Snippet, read_snippet, snippets


@project_page
def setup(request: PageRequest, project: Project) -> HttpResponse:
    """Show the write key in working lines of code."""
    context = {
        "project": project,
        "page": "setup",
        "write_key": _write_key(project),
        "snippets": code_for(request, project),
        "read_hints": list(_keys(project, ApiKey.Kind.READ).values_list("hint", flat=True)),
        "read_snippet": read_snippet(url=request.build_absolute_uri("/api/metrics?metric=count&range=7d")),
    }
    return render(request, "dashboards/setup.html", context)


def code_for(request: PageRequest, project: Project) -> tuple[Snippet, ...]:
    """Return the snippets for `project`, with a placeholder where it has no write key."""
    return snippets(url=request.build_absolute_uri("/api/events"), key=_write_key(project) or "WRITE_KEY")


def _write_key(project: Project) -> str:
    return _keys(project, ApiKey.Kind.WRITE).values_list("token", flat=True).first() or ""


def _keys(project: Project, kind: ApiKey.Kind) -> QuerySet[ApiKey]:
    return ApiKey.objects.filter(project=project, kind=kind, revoked_at=None).order_by("created_at")
