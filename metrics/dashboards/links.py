"""Links to a user's page: a user id is any text, and a path is not."""

from __future__ import annotations

from urllib.parse import urlencode

from django.urls import reverse


class UserIdConverter:
    """Takes the rest of the path, line breaks included (Django's own `path` stops at them)."""

    regex = r"[\s\S]+"

    def to_python(self, value: str) -> str:
        """Return the id as it is in the path."""
        return value

    def to_url(self, value: str) -> str:
        """Return the id for the path; the resolver quotes it."""
        return value


def user_url(slug: str, user_id: str) -> str:
    """Return the address of a user's page; `?id=` for ids that browsers would rewrite in a path."""
    if any(segment in ("", ".", "..") for segment in user_id.split("/")):
        return f"{reverse('users', args=[slug])}?{urlencode({'id': user_id})}"
    return reverse("user", args=[slug, user_id])
