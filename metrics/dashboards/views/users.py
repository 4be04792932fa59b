"""One person: what is known of him under all of his ids, and his sessions and events, newest first."""

from __future__ import annotations

from urllib.parse import urlencode

from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render

from events.models import Project
from events.selectors import list_events
from metrics.dashboards.access import PageRequest, project_page
from metrics.dashboards.links import user_url
from metrics.dashboards.paging import cursor_errors_are_404, page_links
from metrics.dashboards.timeline import event_lines, fact_lines, session_line, trait_lines
from metrics.people.selectors import profile_of
from sessions.selectors import list_sessions

SESSIONS = 10
IDS = 10
EVENTS_PAGE = 100


@project_page
def user_detail(request: PageRequest, project: Project, user_id: str) -> HttpResponse:
    """Show the user that the path names."""
    return _user_page(request, project, user_id)


@project_page
def user_lookup(request: PageRequest, project: Project) -> HttpResponse:
    """Go to the user that `?id=` names; ids that no path can carry are shown here."""
    user_id = request.GET.get("id", "")
    url = user_url(project.slug, user_id)
    if not user_id or "?" in url:
        return _user_page(request, project, user_id)
    return redirect(url)


@cursor_errors_are_404
def _user_page(request: PageRequest, project: Project, user_id: str) -> HttpResponse:
    if not user_id or "\0" in user_id:
        raise Http404("No user has this id.")
    person = profile_of(project_id=project.pk, user_id=user_id)
    if person is None:
        raise Http404("Nothing is known of this user.")
    events = list_events(
        project_id=project.pk, user_ids=person.ids, cursor=request.GET.get("cursor"), limit=EVENTS_PAGE
    )
    sessions = list_sessions(project_id=project.pk, user_ids=person.ids, limit=SESSIONS)
    context = {
        "project": project,
        "page": "sessions",
        "user_id": person.user_id,
        "facts": fact_lines(person),
        "traits": trait_lines(person.traits),
        "other_ids": person.ids[1 : IDS + 1],
        "more_ids": max(0, len(person.ids) - 1 - IDS),
        "sessions": [session_line(project.slug, session) for session in sessions.items],
        "all_sessions": "?" + urlencode({"user": person.user_id}) if sessions.next_cursor else "",
        "lines": event_lines(events.items),
        **page_links(request, events.next_cursor),
    }
    return render(request, "dashboards/user.html", context)
