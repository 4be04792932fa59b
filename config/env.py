"""Reads the environment: every variable that Sluice honours is read here or in `settings.py`, nowhere else."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def text(name: str, default: str = "") -> str:
    """Return the variable `name`, or `default` when it is unset or empty."""
    return os.environ.get(name) or default


def number(name: str, default: int) -> int:
    """Return the variable `name` as a whole number; anything else ends the program with a line that says so."""
    raw = text(name)
    if not raw:
        return default
    try:
        return int(raw)
    except ValueError:
        raise SystemExit(f"{name} must be a whole number, not {raw!r}") from None


def flag(name: str, default: bool = False) -> bool:
    """Return the variable `name` as yes or no."""
    return text(name, "1" if default else "0").lower() in ("1", "true", "yes", "on")


def choice(name: str, default: str, allowed: tuple[str, ...]) -> str:
    """Return the variable `name` as one of `allowed`, whatever its case; anything else ends the program."""
    value = text(name, default)
    for one in allowed:
        if value.lower() == one.lower():
            return one
    raise SystemExit(f"{name} must be one of {', '.join(allowed)}, not {value!r}")


def names(name: str, default: str = "") -> list[str]:
    """Return the variable `name` as a list of comma-separated names."""
    return [part.strip() for part in text(name, default).split(",") if part.strip()]


def kept_secret(path: Path) -> str:
    """Return the secret kept in `path`, making it (mode 0600) the first time."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    secret = secrets.token_urlsafe(48)
    with os.fdopen(handle, "w") as file:
        file.write(secret)
    return secret
