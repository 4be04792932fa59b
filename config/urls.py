"""Every address of the product, in one place."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularSwaggerSplitView

from config import health
from config.exporter import metrics
from config.schema import SchemaView
from dlq.api import DiscardView, LettersView, ReplayView
from metrics.api.views import EventsView, EventView, MetricsView, SessionsView

# Here and not at start-up: processors and workers have no use for the admin.
admin.autodiscover()

handler500 = "config.page_errors.server_error"
urlpatterns = [
    path("api/events", EventsView.as_view(), name="events"),
    path("api/events/<str:event_id>", EventView.as_view(), name="event"),
    path("api/metrics", MetricsView.as_view(), name="metrics"),
    path("api/sessions", SessionsView.as_view(), name="sessions"),
    path("api/dlq", LettersView.as_view(), name="dead-letters"),
    path("api/dlq/replay", ReplayView.as_view(), name="dead-letters-replay"),
    path("api/dlq/discard", DiscardView.as_view(), name="dead-letters-discard"),
    path("api/schema", SchemaView.as_view(), name="schema"),
    path("api/docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("health/live", health.live, name="live"),
    path("health/ready", health.ready, name="ready"),
    path("metrics", metrics, name="prometheus"),
    path("admin/", admin.site.urls),
    path("", include("metrics.dashboards.urls")),
]
