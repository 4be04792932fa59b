"""Who may see which project's pages, and the decorator that every page of a project wears."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlsplit

from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.views import redirect_to_login
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils.cache import add_never_cache_headers, patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from events.models import Project
from events.selectors import projects_of

P = ParamSpec("P")


class PageRequest(HttpRequest):
    """A request as the middleware hands it to pages."""

    htmx: HtmxDetails
    user: User


def visible_projects(user: User | AnonymousUser) -> QuerySet[Project]:
    """Return the projects that `user` may see, real ones first."""
    return projects_of(user).order_by("is_sample", "slug")


def visible_project(user: User, slug: str) -> Project:
    """Return the project `slug`; unknown and forbidden ones are one 404, so that names stay private."""
    project = visible_projects(user).filter(slug=slug).first()
    if project is None:
        raise Http404("There is no such project, or you are no member of it.")
    return project


def member_page(view: Callable[Concatenate[PageRequest, P], HttpResponse]) -> Callable[..., HttpResponse]:
    """Let only people who are logged in reach `view`, and keep its answer out of every cache."""

    @wraps(view)
    def guarded(request: PageRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        response = view(request, *args, **kwargs) if request.user.is_authenticated else _to_login(request)
        add_never_cache_headers(response)
        patch_vary_headers(response, ["HX-Request"])
        return response

    return guarded


def project_page(
    view: Callable[Concatenate[PageRequest, Project, P], HttpResponse],
) -> Callable[..., HttpResponse]:
    """Give `view` the project its URL names, for members only."""

    @member_page
    @wraps(view)
    def found(request: PageRequest, slug: str, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        return view(request, visible_project(request.user, slug), *args, **kwargs)

    return found


def _to_login(request: PageRequest) -> HttpResponse:
    """Ask for a login; a partial must not swallow the login form, so htmx is told to go there itself."""
    if not request.htmx:
        return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")
    login = redirect_to_login(_path_of(request.htmx.current_url or "/"), resolve_url("login"))
    return HttpResponseClientRedirect(login["Location"])


def _path_of(url: str) -> str:
    """Return path and query of the page that a browser says it is on; `/` where that is no URL."""
    try:
        return urlsplit(url)._replace(scheme="", netloc="").geturl() or "/"
    except ValueError:
        return "/"
