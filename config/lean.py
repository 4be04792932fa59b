"""Middleware that pages need and the ingest path does not: on `LEAN_PATHS` each of them is one look at the path.

Together they would be a third of what a single-event request costs.
"""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django_htmx.middleware import HtmxMiddleware
from django_prometheus.middleware import PrometheusAfterMiddleware, PrometheusBeforeMiddleware
from whitenoise.middleware import WhiteNoiseMiddleware

from config.middleware import ContentSecurityPolicyMiddleware


def _for_pages(middleware: type[Any]) -> type[Any]:
    """Return `middleware`, passed by on lean paths."""

    class ForPages(middleware):
        def __call__(self, request: HttpRequest) -> HttpResponseBase:
            lean = request.path_info in settings.LEAN_PATHS
            answer: HttpResponseBase = self.get_response(request) if lean else super().__call__(request)
            return answer

        def process_view(self, request: HttpRequest, *args: Any) -> HttpResponseBase | None:
            if request.path_info in settings.LEAN_PATHS or not hasattr(middleware, "process_view"):
                return None
            answer: HttpResponseBase | None = super().process_view(request, *args)
            return answer

    return ForPages


PrometheusBefore = _for_pages(PrometheusBeforeMiddleware)
PrometheusAfter = _for_pages(PrometheusAfterMiddleware)
ContentSecurityPolicy = _for_pages(ContentSecurityPolicyMiddleware)
WhiteNoise = _for_pages(WhiteNoiseMiddleware)
Sessions = _for_pages(SessionMiddleware)
Common = _for_pages(CommonMiddleware)
Authentication = _for_pages(AuthenticationMiddleware)
Messages = _for_pages(MessageMiddleware)
Htmx = _for_pages(HtmxMiddleware)
