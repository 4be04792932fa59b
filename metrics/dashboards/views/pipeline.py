"""What the pipeline is doing right now."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from events.models import Project
from metrics.dashboards.access import PageRequest, project_page
from metrics.dashboards.flow import read_flow


@project_page
def pipeline(request: PageRequest, project: Project) -> HttpResponse:
    """Show throughput, latency, waiting work and dead letters; htmx gets the figures alone."""
    template = "dashboards/_pipeline.html" if request.htmx else "dashboards/pipeline.html"
    context = {"project": project, "page": "pipeline", "flow": read_flow(project_id=project.pk)}
    return render(request, template, context)
