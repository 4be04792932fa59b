"""Writes projects and their keys."""

from __future__ import annotations

import hashlib
import secrets

from django.utils import timezone

from events.models import ApiKey, Project

#: What keys of each kind begin with.
PREFIX = {ApiKey.Kind.WRITE: "slw_", ApiKey.Kind.READ: "slr_"}
_HINT_LENGTH = 10


def create_project(*, slug: str, name: str = "", is_sample: bool = False) -> Project:
    """Make the project `slug`, or return the one there is."""
    project, _ = Project.objects.get_or_create(
        slug=slug, defaults={"name": name or slug, "is_sample": is_sample}
    )
    return project


def new_token(kind: ApiKey.Kind) -> str:
    """Return a fresh key: its kind as a prefix, then 256 random bits."""
    return PREFIX[kind] + secrets.token_urlsafe(32)


def create_key(*, project: Project, kind: ApiKey.Kind | str, label: str = "", token: str = "") -> str:
    """Make a key and return it in clear, for the only time: a read key is kept as its SHA-256 alone.

    With `token` that very key is made, unless it exists already (revoked or not).
    """
    kind = ApiKey.Kind(kind)
    token = token or new_token(kind)
    ApiKey.objects.get_or_create(
        digest=hashlib.sha256(token.encode()).digest(),
        defaults={
            "project": project,
            "kind": kind,
            "label": label,
            "hint": token[:_HINT_LENGTH],
            "token": token if kind == ApiKey.Kind.WRITE else "",
        },
    )
    return token


def revoke_key(*, key: ApiKey) -> bool:
    """Revoke the key; False when it was revoked before. It stops working within KEY_CACHE_SECONDS."""
    return bool(ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=timezone.now()))
