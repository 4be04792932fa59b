"""Funnels, retention, paths and lifecycle: a question in the URL, and its answer."""

from __future__ import annotations

from django.http import HttpResponse
from django.views.decorators.http import require_safe

from events.models import Project
from metrics.dashboards import funnels as of_funnels
from metrics.dashboards import lifecycle as of_lifecycle
from metrics.dashboards import paths as of_paths
from metrics.dashboards import retention as of_retention
from metrics.dashboards.access import PageRequest, project_page
from metrics.dashboards.insights import insight_page, insight_view
from metrics.dashboards.observed import property_names, type_names


@require_safe
@project_page
def funnels(request: PageRequest, project: Project) -> HttpResponse:
    """Show how many people go how far, step after step."""
    view = insight_view(request.GET, keep=of_funnels.OWN)
    properties = property_names(project.pk, of_funnels.first_step(view))
    form = of_funnels.funnel_form(view, types=type_names(project.pk), properties=properties)

    def ask() -> dict[str, object]:
        build = of_funnels.build_funnel
        return {"funnel": build(project_id=project.pk, view=view, form=form)} if form.is_whole else {}

    return insight_page(request, project, "funnels", view=view, form=form, ask=ask)


@require_safe
@project_page
def retention(request: PageRequest, project: Project) -> HttpResponse:
    """Show how many of those who came in a period come back in later ones."""
    view = insight_view(request.GET, keep=of_retention.OWN, default_range="90d")
    form = of_retention.retention_form(view, types=type_names(project.pk))
    build = of_retention.build_triangle
    ask = lambda: {"triangle": build(project_id=project.pk, view=view, form=form)}  # noqa: E731
    return insight_page(request, project, "retention", view=view, form=form, ask=ask)


@require_safe
@project_page
def paths(request: PageRequest, project: Project) -> HttpResponse:
    """Show what people do after an event, or before it."""
    view = insight_view(request.GET, keep=of_paths.OWN)
    properties = property_names(project.pk, of_paths.anchor(view))
    form = of_paths.path_form(view, types=type_names(project.pk), properties=properties)

    def ask() -> dict[str, object]:
        build = of_paths.build_paths
        return {"paths": build(project_id=project.pk, view=view, form=form)} if form.is_whole else {}

    return insight_page(request, project, "paths", view=view, form=form, ask=ask)


@require_safe
@project_page
def lifecycle(request: PageRequest, project: Project) -> HttpResponse:
    """Show who is new, who stayed, who came back, and who went."""
    view = insight_view(request.GET, keep=of_lifecycle.OWN, has_types=True, default_range="30d")
    form = of_lifecycle.lifecycle_form(view)
    build = of_lifecycle.build_life
    ask = lambda: {"life": build(project_id=project.pk, view=view, form=form)}  # noqa: E731
    return insight_page(request, project, "lifecycle", view=view, form=form, ask=ask)
