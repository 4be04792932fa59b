"""Loads the sample shop into a project of its own, and takes it out again."""

from __future__ import annotations

from datetime import datetime

from django.contrib.auth.models import User

from config.engine import bus, rollups, store
from config.lib.clock import now
from events.contracts import Lane
from events.gateway.encode import encode_batches
from events.models import Membership, Project
from events.purge import purge_project
from events.roles import Role
from events.selectors import projects_of, role_in
from metrics.dashboards.sample import shop_events

SAMPLE_SLUG = "sample-shop"


class SlugTaken(Exception):
    """A project of your own has the name of the sample project."""


def may_load_sample(user: User) -> bool:
    """Tell whether `user` is an admin somewhere, or a member of no project and so about to look around."""
    projects = list(projects_of(user))
    return not projects or any(role_in(project) is Role.ADMIN for project in projects)


def load_sample(*, user: User) -> Project:
    """Send the sample shop through the bus and return its project, of which `user` is an admin from now on.

    The events are those up to this moment; sending them again stores nothing twice. Raises `BusFull` when the
    bus is at its bound (a later try goes on where this one stopped) and `SlugTaken`.
    """
    project, _ = Project.objects.get_or_create(
        slug=SAMPLE_SLUG, defaults={"name": "Sample shop", "is_sample": True}
    )
    if not project.is_sample:
        raise SlugTaken(SlugTaken.__doc__)
    Membership.objects.get_or_create(project=project, user=user, defaults={"role": Role.ADMIN})
    _send(project.pk)
    return project


def remove_sample(*, project: Project) -> None:
    """Delete a sample project with everything in it. Raises ValueError for a project with real numbers."""
    if not project.is_sample:
        raise ValueError("Only sample projects are removed this way.")
    purge_project(project.pk, store=store(), rollups=rollups())


def _send(project_id: int) -> None:
    moment = now()
    events = shop_events(moment.date())
    past = (event for event in events if datetime.fromisoformat(event["ts"]) <= moment)
    for batch in encode_batches(project_id, Lane.HISTORICAL, past, moment):
        bus().append(batch)
