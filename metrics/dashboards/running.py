"""How the pipeline runs now, in a few facts: quota, suspects, processors, claims, spool."""

from __future__ import annotations

from django.template.defaultfilters import filesizeformat

from events.models import Project
from events.selectors import bus_left_behind, bus_parked, claim_size, processors, project_quota, spool_depth
from metrics.dashboards import figures

Fact = tuple[str, str]


def read_running(project: Project) -> tuple[Fact, ...]:
    """Return (name, value) pairs; what is mostly nothing is left out where it is."""
    parked, left = bus_parked(), bus_left_behind()
    facts = [
        ("Quota of this project", _quota(project)),
        ("Processors at work", figures.full(processors())),
        ("Events a claim, at most", figures.full(claim_size())),
        ("Parked", f"{figures.full(parked)} events tried alone" if parked else "none"),
        ("Spool of this host", _spool()),
    ]
    if left:
        facts.append(("Left in the inbox", f"{figures.full(left)} events"))
    return tuple(facts)


def _quota(project: Project) -> str:
    quota = project_quota(project)
    if quota is None:
        return "none"
    return f"{figures.full(quota.rate)} events a second, {figures.full(quota.burst)} at once"


def _spool() -> str:
    depth = spool_depth()
    if not depth.events and not depth.damaged_files:
        return "empty"
    size, age = filesizeformat(depth.bytes).replace("\xa0", " "), figures.duration(depth.oldest_seconds)
    waits = f"{figures.full(depth.events)} events, {size}, {age} old" if depth.events else ""
    damaged = f"{depth.damaged_files} damaged files" if depth.damaged_files else ""
    return "; ".join(filter(None, (waits, damaged)))
