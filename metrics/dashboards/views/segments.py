"""Segments: the list, the two forms that make one, and the page of one with those who are in it."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import FileResponse, Http404, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods

from config.lib import clock
from config.lib.errors import SluiceError
from events.models import Project
from metrics.dashboards import figures
from metrics.dashboards.access import PageRequest, project_page
from metrics.dashboards.forms.segments import EXAMPLES, ListForm, RulesForm, as_text
from metrics.dashboards.links import user_url
from metrics.dashboards.paging import cursor_errors_are_404, page_links
from metrics.errors import BadQuestion, NoAnswer
from metrics.models import Segment
from metrics.query.audience import Audience, export, people_in, size_of
from metrics.segments import services
from metrics.segments.rules import Rule
from metrics.segments.selectors import find, list_segments, rules_of

PAGE, PEOPLE_PAGE = 50, 50
_TOO_LARGE = (
    "A request takes at most {bytes} bytes: upload a part of the list, and add the rest over the API."
)


@csrf_exempt
@require_http_methods(["GET", "HEAD", "POST"])
@project_page
def segments(request: PageRequest, project: Project) -> HttpResponse:
    """List the segments and make one. A body that is too large cannot be read, not even for the check of forgery."""
    length = request.headers.get("Content-Length", "")
    if request.method == "POST" and length.isdigit() and int(length) > settings.MAX_REQUEST_BYTES:
        messages.error(request, _TOO_LARGE.format(bytes=figures.full(settings.MAX_REQUEST_BYTES)))
        return redirect("segment-list", slug=project.slug)
    return _segments(request, project)


@csrf_protect
@cursor_errors_are_404
def _segments(request: PageRequest, project: Project) -> HttpResponse:
    rules, listed, do = _rules_form(request), ListForm(auto_id="list_%s"), request.POST.get("do")
    context: dict[str, Any] = {}
    if do == "preview":
        context = _preview(project, rules)
        if request.htmx:
            return render(request, "dashboards/segments_preview.html", context | {"rules_form": rules})
    elif do == "list":
        listed = ListForm(request.POST, request.FILES, auto_id="list_%s")
        if listed.is_valid() and _is_made(request, project, listed, users=listed.users):
            return redirect("segment-list", slug=project.slug)
    elif do and rules.is_valid() and _is_made(request, project, rules, rules=rules.rule):
        return redirect("segment-list", slug=project.slug)
    context |= {"rules_form": rules, "list_form": listed}
    return _list_page(request, project, context)


def _list_page(request: PageRequest, project: Project, context: dict[str, Any]) -> HttpResponse:
    page = list_segments(project_id=project.pk, cursor=request.GET.get("cursor"), limit=PAGE)
    context |= {"project": project, "page": "segments", "segments": page.items, "examples": EXAMPLES}
    context |= page_links(request, page.next_cursor)
    refused = next((form for form in (context["rules_form"], context["list_form"]) if form.errors), None)
    return render(request, "dashboards/segments.html", context, status=refused.status if refused else 200)


def _rules_form(request: PageRequest) -> RulesForm:
    """Return what was sent, else the rules of the example that the address names."""
    if request.POST.get("do") in ("preview", "rules"):
        return RulesForm(request.POST, auto_id="rules_%s")
    example = EXAMPLES.get(request.GET.get("example", ""))
    return RulesForm(initial={"rules": as_text(example[1]) if example else ""}, auto_id="rules_%s")


def _is_made(
    request: PageRequest,
    project: Project,
    form: RulesForm | ListForm,
    *,
    rules: Rule | None = None,
    users: list[str] | None = None,
) -> bool:
    name, by = form.cleaned_data["name"], request.user.get_username()
    try:
        services.create_segment(project_id=project.pk, name=name, by=by, rules=rules, users=users or ())
    except SluiceError as error:
        form.refuse(error)
        return False
    messages.success(request, f"The segment {name} is saved.")
    return True


def _preview(project: Project, form: RulesForm) -> dict[str, Any]:
    """Return how many people meet rules that nobody saved; nothing where they cannot be read."""
    if not form.is_valid():
        return {}
    return _size(Audience.at(clock.now(), project_id=project.pk, rules=form.rule))


@require_http_methods(["GET", "HEAD"])
@project_page
@cursor_errors_are_404
def segment(request: PageRequest, project: Project, name: str) -> HttpResponse:
    """Show a segment, its size, and some of those who are in it."""
    saved = _saved(project, name)
    context = {"project": project, "page": "segments", "segment": saved}
    context |= {"rules": as_text(saved.rules) if saved.rules else ""}
    try:
        audience = _audience(saved)
        context |= _size(audience) | _people(request, project, audience)
    except (NoAnswer, BadQuestion) as error:
        context |= {"problem": error.message}
    return render(request, "dashboards/segments_one.html", context)


@require_http_methods(["GET", "HEAD"])
@project_page
def size(request: PageRequest, project: Project, name: str) -> HttpResponse:
    """Return a segment's size for its place in the list."""
    try:
        context = _size(_audience(_saved(project, name)))
    except BadQuestion as error:
        context = {"problem": error.message}
    return render(request, "dashboards/segments_size.html", context)


@require_http_methods(["GET", "HEAD"])
@project_page
def people_file(request: PageRequest, project: Project, name: str) -> Any:
    """Hand out everybody in a segment as CSV, in which no spreadsheet finds a formula."""
    saved = _saved(project, name)
    try:
        file = export(_audience(saved))
    except (NoAnswer, BadQuestion) as error:
        messages.error(request, error.message)
        return redirect("segment-page", slug=project.slug, name=name)
    kind = "text/csv; charset=utf-8"
    return FileResponse(file, as_attachment=True, filename=f"{name}.csv", content_type=kind)


@require_http_methods(["GET", "HEAD", "POST"])
@project_page
def remove(request: PageRequest, project: Project, name: str) -> HttpResponse:
    """Say what a removal takes along; a POST removes the segment."""
    saved = _saved(project, name)
    if request.method == "POST":
        _delete(request, project, name)
        return redirect("segment-list", slug=project.slug)
    context = {"project": project, "page": "segments", "segment": saved}
    return render(request, "dashboards/segments_remove.html", context)


def _delete(request: PageRequest, project: Project, name: str) -> None:
    try:
        services.delete_segment(project_id=project.pk, name=name, by=request.user.get_username())
    except services.NotFound:
        return
    messages.success(request, f"The segment {name} is gone.")


def _saved(project: Project, name: str) -> Segment:
    if (found := find(project_id=project.pk, name=name)) is None:
        raise Http404("There is no such segment.")
    return found


def _audience(saved: Segment) -> Audience:
    return Audience.at(clock.now(), project_id=saved.project_id, rules=rules_of(saved))


def _size(audience: Audience) -> dict[str, Any]:
    """Return how many people there are, or why that cannot be said now."""
    try:
        found = size_of(audience)
    except NoAnswer as error:
        return {"problem": error.message}
    return {"size": figures.full(found.people), "people": found.people, "as_of": found.as_of}


def _people(request: PageRequest, project: Project, audience: Audience) -> dict[str, Any]:
    page = people_in(audience, cursor=request.GET.get("cursor"), limit=PEOPLE_PAGE)
    users = [(user, user_url(project.slug, user)) for user in page.users]
    return {"users": users, **page_links(request, page.next_cursor)}
