"""Where the pages are. `APPEND_SLASH` is off: a URL has one spelling."""

from __future__ import annotations

from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path, register_converter

from metrics.dashboards.converters import DayConverter, OperationConverter
from metrics.dashboards.links import UserIdConverter
from metrics.dashboards.views import (
    definitions,
    home,
    insights,
    operations,
    overview,
    pipeline,
    plan,
    sample,
    segments,
    sessions,
    setup,
    users,
)

register_converter(UserIdConverter, "user_id")
register_converter(DayConverter, "day")
register_converter(OperationConverter, "operation")

urlpatterns = [
    path("login", LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("logout", LogoutView.as_view(), name="logout"),
    path("", home.home, name="home"),
    path("sample", sample.load, name="sample-load"),
    path("p/<slug:slug>/", overview.overview, name="overview"),
    path("p/<slug:slug>/funnels", insights.funnels, name="funnels"),
    path("p/<slug:slug>/retention", insights.retention, name="retention"),
    path("p/<slug:slug>/paths", insights.paths, name="paths"),
    path("p/<slug:slug>/lifecycle", insights.lifecycle, name="lifecycle"),
    path("p/<slug:slug>/sessions", sessions.session_list, name="session-list"),
    path("p/<slug:slug>/sessions/<uuid:session_id>", sessions.session_detail, name="session"),
    path("p/<slug:slug>/users", users.user_lookup, name="users"),
    path("p/<slug:slug>/users/<user_id:user_id>", users.user_detail, name="user"),
    path("p/<slug:slug>/pipeline", pipeline.pipeline, name="pipeline"),
    path("p/<slug:slug>/pipeline/<day:day>/<operation:action>", operations.operate, name="operate"),
    path("p/<slug:slug>/metrics", definitions.definitions, name="defined-metrics"),
    path("p/<slug:slug>/metrics/<slug:name>/history", definitions.history, name="metric-history"),
    path("p/<slug:slug>/metrics/<slug:name>/remove", definitions.remove, name="metric-remove"),
    path("p/<slug:slug>/segments", segments.segments, name="segment-list"),
    path("p/<slug:slug>/segments/<slug:name>", segments.segment, name="segment-page"),
    path("p/<slug:slug>/segments/<slug:name>/size", segments.size, name="segment-size-part"),
    path("p/<slug:slug>/segments/<slug:name>/users.csv", segments.people_file, name="segment-file"),
    path("p/<slug:slug>/segments/<slug:name>/remove", segments.remove, name="segment-remove"),
    path("p/<slug:slug>/plan", plan.plan, name="plan-page"),
    path("p/<slug:slug>/plan/type", plan.plan_of_type, name="plan-of-type"),
    path("p/<slug:slug>/plan/type/remove", plan.remove, name="plan-remove"),
    path("p/<slug:slug>/setup", setup.setup, name="setup"),
    path("p/<slug:slug>/remove-sample", sample.remove, name="sample-remove"),
]
