"""Endpoints where a read key reads and a person changes: a key stands for its project, a login for its member."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import Http404
from rest_framework.authentication import BaseAuthentication, SessionAuthentication
from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import SAFE_METHODS, BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from events.gateway.auth import Key, ReadKeyAuthentication
from events.models import Project
from events.roles import Role
from events.selectors import projects_of, role_in
from metrics.api.basic import LimitedBasicAuthentication
from metrics.errors import BadQuestion
from metrics.language.params import check_texts


class HasProject(BasePermission):
    """Needs a key, or somebody who is logged in."""

    def has_permission(self, request: Request, view: Any) -> bool:
        """Tell whether the caller is known."""
        return isinstance(request.auth, Key) or bool(request.user and request.user.is_authenticated)


class MemberOrKeyView(APIView):
    """Base of these endpoints. Changing methods need a login: the browser's session, or HTTP Basic with a password.

    `change_role` is what the person's role in the project must allow then.
    """

    permission_classes = [HasProject]
    change_role = Role.ANALYST

    def get_authenticators(self) -> list[BaseAuthentication]:
        """Return who may call: for reading a login where there is one, else a key; for changes a login."""
        request = getattr(self, "request", None)
        if request and request.method not in SAFE_METHODS:
            return [LimitedBasicAuthentication(), SessionAuthentication()]
        if request and settings.SESSION_COOKIE_NAME in request.COOKIES:
            return [SessionAuthentication()]
        return [ReadKeyAuthentication()]

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
        if self.request.method not in SAFE_METHODS and not role_in(found[0]).allows(self.change_role):
            raise PermissionDenied(f"This needs the role {self.change_role.value} in the project.")
        return found[0].pk
