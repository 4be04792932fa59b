"""The OpenAPI document, made once: it takes a tenth of a second, and anybody may ask for it."""

from __future__ import annotations

import threading
from functools import cache
from typing import Any

from django.http import HttpResponse
from drf_spectacular.renderers import OpenApiJsonRenderer2, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

#: drf-spectacular changes what its classes share while it works: two threads at once break each other's.
_ONE_AT_A_TIME = threading.Lock()


class SchemaView(SpectacularAPIView):
    """Gives the document, which is the same for everybody."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer with the document, as YAML where JSON is not asked for."""
        as_json = request.GET.get("format") == "json" or "json" in request.headers.get("Accept", "")
        renderer = OpenApiJsonRenderer2 if as_json else OpenApiYamlRenderer
        with _ONE_AT_A_TIME:
            document = _document(renderer)
        return HttpResponse(document, content_type=renderer.media_type)


@cache
def _document(renderer: type[OpenApiYamlRenderer | OpenApiJsonRenderer2]) -> bytes:
    generator = SpectacularAPIView.generator_class()
    rendered = renderer().render(generator.get_schema(request=None, public=True), renderer_context={})
    return rendered if isinstance(rendered, bytes) else rendered.encode()
