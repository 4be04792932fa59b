"""Who may see and change which project's pages, and the decorator that every page of a project wears."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, overload
from urllib.parse import urlsplit

from django.contrib.auth.models import AnonymousUser, User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import resolve_url
from django.utils.cache import add_never_cache_headers, patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from events.models import Project
from events.roles import Role
from events.selectors import projects_of, role_in

P = ParamSpec("P")
#: Methods that look and change nothing.
LOOKING = ("GET", "HEAD", "OPTIONS")


class PageRequest(HttpRequest):
    """A request as the middleware hands it to pages; `project_page` adds the project and the person's role there."""

    htmx: HtmxDetails
    user: User
    project: Project
    role: Role


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


ProjectView = Callable[Concatenate[PageRequest, Project, P], HttpResponse]


@overload
def project_page(view: ProjectView[P]) -> Callable[..., HttpResponse]: ...


@overload
def project_page(
    *, role: Role = ..., change: Role | None = ...
) -> Callable[[ProjectView[P]], Callable[..., HttpResponse]]: ...


def project_page(view: Any = None, *, role: Role = Role.VIEWER, change: Role | None = None) -> Any:
    """Give `view` the project its URL names: to members with `role`, and to POSTs of members with the role `change`.

    Where `change` is not said, it is `role`, and at least analyst: viewers change nothing.
    """
    changing = change or (role if role.allows(Role.ANALYST) else Role.ANALYST)
    return _guarded(view, role, changing) if view else lambda view: _guarded(view, role, changing)


def _guarded(view: Any, role: Role, changing: Role) -> Callable[..., HttpResponse]:
    """Return `view` behind the login, the membership and the roles."""

    @member_page
    @wraps(view)
    def found(request: PageRequest, slug: str, *args: Any, **kwargs: Any) -> HttpResponse:
        request.project = visible_project(request.user, slug)
        request.role = role_in(request.project)
        require_role(request, role if request.method in LOOKING else changing)
        return view(request, request.project, *args, **kwargs)

    return found


def require_role(request: PageRequest, needed: Role) -> None:
    """Raise PermissionDenied, which says what is missing, where the person's role in the project is a lower one."""
    if not request.role.allows(needed):
        raise PermissionDenied(
            f"This needs the role {needed.value} in {request.project.name}; yours is {request.role.value}. "
            "An admin of the project can give it to you."
        )


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
