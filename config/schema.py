"""The OpenAPI document, made once: it takes a tenth of a second, and anybody may ask for it."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

from django.http import HttpResponse
from drf_spectacular.renderers import OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

#: drf-spectacular changes what its classes share while it works: two threads at once break each other's.
_ONE_AT_A_TIME = threading.Lock()


class SchemaView(SpectacularAPIView):
    """Gives the document, which is the same for everybody."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer with the document as YAML."""
        with _ONE_AT_A_TIME:
            document = _document()
        return HttpResponse(document, content_type=OpenApiYamlRenderer.media_type)


@cache
def _document() -> bytes:
    generator = SpectacularAPIView.generator_class()
    rendered: bytes = OpenApiYamlRenderer().render(generator.get_schema(request=None, public=True))
    return rendered
