"""Every address of the product, in one place."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path
from drf_spectacular.views import SpectacularSwaggerSplitView

from config import health
from config.exporter import metrics
from config.schema import SchemaView
from dlq.api import DiscardView, LettersView, ReplayView
from metrics.api.audience import PreviewView, SizeView, UsersView
from metrics.api.catalogue import CatalogueTypeView, CatalogueView
from metrics.api.definitions import DefinitionsView, DefinitionView
from metrics.api.funnels import FunnelsView
from metrics.api.lifecycle import LifecycleView
from metrics.api.paths import PathsView
from metrics.api.plans import PlanTypeView, PlanView
from metrics.api.retention import RetentionView
from metrics.api.segments import SegmentsView, SegmentView
from metrics.api.users import PeopleView, PersonView
from metrics.api.views import EventsView, EventView, MetricsView, SessionsView
from metrics.api.violations import ViolationsView

# Here and not at start-up: processors and workers have no use for the admin.
admin.autodiscover()

handler500 = "config.page_errors.server_error"
urlpatterns = [
    path("api/events", EventsView.as_view(), name="events"),
    path("api/events/<str:event_id>", EventView.as_view(), name="event"),
    path("api/metrics", MetricsView.as_view(), name="metrics"),
    path("api/sessions", SessionsView.as_view(), name="sessions"),
    path("api/definitions", DefinitionsView.as_view(), name="definitions"),
    path("api/definitions/<str:name>", DefinitionView.as_view(), name="definition"),
    path("api/funnels", FunnelsView.as_view(), name="funnels"),
    path("api/retention", RetentionView.as_view(), name="retention"),
    path("api/paths", PathsView.as_view(), name="paths"),
    path("api/lifecycle", LifecycleView.as_view(), name="lifecycle"),
    path("api/segments", SegmentsView.as_view(), name="segments"),
    path("api/segments/preview", PreviewView.as_view(), name="segments-preview"),
    path("api/segments/<str:name>", SegmentView.as_view(), name="segment"),
    path("api/segments/<str:name>/size", SizeView.as_view(), name="segment-size"),
    path("api/segments/<str:name>/users", UsersView.as_view(), name="segment-users"),
    path("api/users", PeopleView.as_view(), name="people"),
    path("api/users/<path:user_id>", PersonView.as_view(), name="person"),
    path("api/catalogue", CatalogueView.as_view(), name="catalogue"),
    path("api/catalogue/<path:type>", CatalogueTypeView.as_view(), name="catalogue-type"),
    path("api/plan", PlanView.as_view(), name="plan"),
    path("api/plan/<path:type>/violations", ViolationsView.as_view(), name="plan-violations"),
    path("api/plan/<path:type>", PlanTypeView.as_view(), name="plan-type"),
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
