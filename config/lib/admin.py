"""What the admin's pages have in common where services do the writing."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseRedirect

from config.lib.errors import SluiceError


class SaysRefusals:
    """A `ModelAdmin` whose services may refuse what its form could not know of: said on the page, nothing saved."""

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """Show the form, and take it; the refusal ends the transaction that the admin began."""
        try:
            return super().changeform_view(request, *args, **kwargs)  # type: ignore[misc]
        except SluiceError as error:
            messages.error(request, error.message)
            return HttpResponseRedirect(request.get_full_path())
