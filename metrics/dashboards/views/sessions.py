"""The sessions of a project, and the timeline of one."""

from __future__ import annotations

from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpResponse
from django.shortcuts import render

from events.models import Project
from events.selectors import list_events
from metrics.dashboards.access import PageRequest, project_page
from metrics.dashboards.paging import cursor_errors_are_404, page_links
from metrics.dashboards.presets import RANGES
from metrics.dashboards.timeline import event_lines, session_line
from metrics.dashboards.view import read_view
from metrics.people.selectors import person_ids
from sessions.selectors import get_session, list_sessions

PAGE = 50
EVENTS_PAGE = 500


@project_page
@cursor_errors_are_404
def session_list(request: PageRequest, project: Project) -> HttpResponse:
    """List sessions, newest first, of everybody or of one user, of all time or of a range."""
    user_id = request.GET.get("user", "").replace("\0", "")
    view = read_view(request.GET)
    all_time = request.GET.get("range", "all") == "all"
    start, end = (None, None) if all_time else view.bounds
    page = list_sessions(
        project_id=project.pk,
        user_ids=person_ids(project_id=project.pk, user_id=user_id) if user_id else None,
        start=start,
        end=end,
        cursor=request.GET.get("cursor"),
        limit=PAGE,
    )
    return render(
        request,
        "dashboards/sessions.html",
        {
            "project": project,
            "page": "sessions",
            "lines": [session_line(project.slug, session) for session in page.items],
            "user_id": user_id,
            "view": view,
            "chosen": "all" if all_time else view.range,
            "ranges": {"all": "All time", **RANGES},
            **page_links(request, page.next_cursor),
        },
    )


@project_page
@cursor_errors_are_404
def session_detail(request: PageRequest, project: Project, session_id: UUID) -> HttpResponse:
    """Show one session's events in the order they happened."""
    session = get_session(project_id=project.pk, session_id=session_id)
    if session is None:
        raise Http404("There is no such session: a late event may have joined it to another.")
    page = list_events(
        project_id=project.pk,
        user_ids=[session.user_id],
        start=session.start,
        end=_just_after(session.end),
        cursor=request.GET.get("cursor"),
        limit=EVENTS_PAGE,
    )
    context = {
        "project": project,
        "page": "sessions",
        "session": session_line(project.slug, session),
        "all_sessions": "?" + urlencode({"user": session.user_id}),
        "lines": event_lines(reversed(page.items)),
        **page_links(request, page.next_cursor),
    }
    return render(request, "dashboards/session.html", context)


def _just_after(moment: datetime) -> datetime:
    """Return the end of a half-open range that includes `moment`."""
    return moment + timedelta(microseconds=1)
