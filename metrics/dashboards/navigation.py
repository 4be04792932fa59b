"""The pages of a project that the navigation leads to: a new page adds its line to a group here."""

from __future__ import annotations

from dataclasses import dataclass

from django.urls import reverse

from events.models import Project
from events.roles import Role


@dataclass(frozen=True)
class Page:
    """A page: `key` is what its context has as `page`, `url_name` takes the project's slug, `role` may open it."""

    key: str
    label: str
    url_name: str
    role: Role = Role.VIEWER


#: (the group's name, its pages), as they stand on the page.
GROUPS: tuple[tuple[str, tuple[Page, ...]], ...] = (
    ("", (Page("overview", "Overview", "overview"),)),
    (
        "Explore",
        (
            Page("funnels", "Funnels", "funnels"),
            Page("retention", "Retention", "retention"),
            Page("paths", "Paths", "paths"),
            Page("lifecycle", "Lifecycle", "lifecycle"),
        ),
    ),
    ("People", (Page("sessions", "Sessions", "session-list"), Page("segments", "Segments", "segment-list"))),
    (
        "Data",
        (
            Page("metrics", "Metrics", "defined-metrics"),
            Page("plan", "Tracking plan", "plan-page"),
            Page("setup", "Send events", "setup"),
        ),
    ),
    ("Operations", (Page("pipeline", "Pipeline", "pipeline"),)),
    ("Settings", ()),
)


@dataclass(frozen=True)
class Link:
    """A page of one project, as the navigation shows it."""

    key: str
    label: str
    url: str


def links_for(project: Project, role: Role) -> list[tuple[str, list[Link]]]:
    """Return the groups with the pages that somebody of `role` may open; groups without any are left out."""
    groups = [
        (name, [_link(page, project) for page in pages if role.allows(page.role)]) for name, pages in GROUPS
    ]
    return [(name, links) for name, links in groups if links]


def _link(page: Page, project: Project) -> Link:
    return Link(page.key, page.label, reverse(page.url_name, args=[project.slug]))
