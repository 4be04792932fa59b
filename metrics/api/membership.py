"""Endpoints where a read key reads and a person changes: a key stands for its project, a login for its member."""

from __future__ import annotations

from typing import Any, ClassVar

from django.http import Http404
from drf_spectacular.drainage import set_override
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from events.gateway.auth import Key, ReadKeyAuthentication, sends_key
from events.gateway.schema import query
from events.models import Project
from events.roles import Role
from events.selectors import projects_of, role_in
from metrics.api.basic import LimitedBasicAuthentication
from metrics.api.parsers import StrictJson
from metrics.errors import BadQuestion
from metrics.language.params import check_known, check_texts

PROJECT = query("project", "The project's slug, for logged-in members of several projects.")
#: What reading, and what sending a body, may be answered beside the right answer.
READ_ERRORS = (400, 401, 403, 404, 429, 503)
BODY_ERRORS = (*READ_ERRORS, 408, 413, 415)


class SentReadKey(ReadKeyAuthentication):
    """The read key, where one is sent: it goes before any login."""

    def authenticate(self, request: Request) -> tuple[None, Key] | None:  # type: ignore[override]
        """Return (no user, the key), or None where none is sent. Raises as its base does."""
        return super().authenticate(request) if sends_key(request._request) else None


# In the OpenAPI document both are the same way to send a key, under one name.
set_override(SentReadKey, "suppress_collision_warning", True)


class HasProject(BasePermission):
    """Needs a key, or somebody who is logged in."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the caller is known. Raises NotAuthenticated where nobody says who he is."""
        if isinstance(request.auth, Key) or (request.user and request.user.is_authenticated):
            return True
        raise NotAuthenticated("A login is required, or for reading a key: Authorization: Bearer KEY.")


class MemberOrKeyView(APIView):
    """Base of these endpoints: a read key reads, a login reads and changes.

    A login is HTTP Basic with a password, or the browser's session. What is sent goes before what the browser has.
    `change_role` is what the person's role in the project must allow for a change.
    """

    permission_classes = [HasProject]
    parser_classes = [StrictJson]
    change_role: ClassVar[Role] = Role.ANALYST
    #: Whether all its methods only ask, so that a read key may use them.
    only_asks: ClassVar[bool] = False

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Return who may call."""
        request = getattr(self, "request", None)
        login: list[BaseAuthentication] = [LimitedBasicAuthentication(), SessionAuthentication()]
        reads = self.only_asks or request is None or request.method in SAFE_METHODS
        return [SentReadKey(), *login] if reads else login

    def project_id(self) -> int:
        """Return the project: the key's, or the member's that `?project=SLUG` names (or the only one).

        Raises Http404 where there is none of his, BadQuestion where he must say which, and PermissionDenied
        where the request is a change and his role there is too low.
        """
        if isinstance(self.request.auth, Key):
            return self.request.auth.project_id
        projects = projects_of(self.request.user)
        if slug := self.request.GET.get("project"):
            check_texts({"project": [slug]})
            projects = projects.filter(slug=slug)
        found: list[Project] = list(projects[:2])
        if not found:
            raise Http404("There is no such project.")
        if len(found) > 1:
            raise BadQuestion("You are a member of several projects: say ?project=SLUG.", field="project")
        changes = not self.only_asks and self.request.method not in SAFE_METHODS
        if changes and not role_in(found[0]).allows(self.change_role):
            raise PermissionDenied(f"This needs the role {self.change_role.value} in the project.")
        return found[0].pk

    def texts(self) -> dict[str, list[str]]:
        """Return the parameters of the address. Raises BadQuestion where they hold more than text."""
        params = {name: [str(value) for value in values] for name, values in self.request.GET.lists()}
        check_texts(params)
        return params

    def params(self, *names: str) -> dict[str, list[str]]:
        """Return the parameters of the address, of which only these and `project` are known. Raises BadQuestion."""
        params = self.texts()
        check_known(params, (*names, "project"))
        return params
