"""What the pipeline is doing right now."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from events.models import Project
from metrics.dashboards.access import PageRequest, project_page
from metrics.dashboards.flow import read_flow
from metrics.dashboards.jobs import job_lines, operation_lines
from metrics.dashboards.running import read_running
from metrics.dashboards.storage import read_storage


@project_page
def pipeline(request: PageRequest, project: Project) -> HttpResponse:
    """Show throughput, latency, waiting work, dead letters and stored days; htmx gets the figures alone."""
    template = "dashboards/_pipeline.html" if request.htmx else "dashboards/pipeline.html"
    everything = request.GET.get("days") == "all"
    context = {"project": project, "page": "pipeline", "query": "?days=all" if everything else ""}
    context |= {"flow": read_flow(project_id=project.pk), "running": read_running(project)}
    context |= {"storage": read_storage(project_id=project.pk, everything=everything)}
    return render(request, template, context | _for_operators(request))


def _for_operators(request: PageRequest) -> dict[str, Any]:
    """Return what concerns the whole installation: only superusers see it."""
    if not request.user.is_superuser:
        return {}
    return {"jobs": job_lines(), "operations": operation_lines()}
