"""Django settings. What a user may set is documented in docs/settings.md; a test compares the two."""

from __future__ import annotations

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from config import embedded, env
from config.lib import pooling

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("DATA_DIR", str(BASE_DIR / "var"))).resolve()

DEBUG = env.flag("DEBUG")
try:
    SECRET_KEY = env.text("SECRET_KEY") or env.kept_secret(DATA_DIR / "secret_key")
except OSError as error:
    # Every program reads the settings: one line instead of a traceback from each.
    sys.exit(f"sluice: DATA_DIR {DATA_DIR} cannot be used: {error.strerror}")
HOST = env.text("HOST", "127.0.0.1")
PORT = env.number("PORT", 8000)
ALLOWED_HOSTS = env.names("ALLOWED_HOSTS", f"localhost,127.0.0.1,[::1],{HOST}")
CSRF_TRUSTED_ORIGINS = env.names("CSRF_TRUSTED_ORIGINS")
#: Behind TLS (a reverse proxy that sets X-Forwarded-Proto): secure cookies, redirects and HSTS.
HTTPS = env.flag("HTTPS")

# --- parts of `make run` ------------------------------------------------------------------------------------
WEB_WORKERS = env.number("WEB_WORKERS", 2)
WEB_THREADS = env.number("WEB_THREADS", 8)
WEB_BODY_THREADS = env.number("WEB_BODY_THREADS", 120)
BODY_TIMEOUT_SECONDS = env.number("BODY_TIMEOUT_SECONDS", 30)
PROCESSORS = env.number("PROCESSORS", 1)
PROCESSOR_THREADS = env.number("PROCESSOR_THREADS", 2)
PROCESSOR_THREADS_MAX = env.number("PROCESSOR_THREADS_MAX", 4)

# --- database -----------------------------------------------------------------------------------------------
#: The embedded server's programs, and the licence that it lets TimescaleDB work under, where they have it.
POSTGRES_BIN = env.text("POSTGRES_BIN")
TIMESCALEDB_LICENSE = env.choice("TIMESCALEDB_LICENSE", "timescale", ("timescale", "apache"))
DATABASE_URL = env.text("DATABASE_URL") or embedded.database_url(DATA_DIR)
#: The same database for whoever appends and for whoever asks, as roles that may do nothing else; see roles.sql.
GATEWAY_DATABASE_URL = env.text("GATEWAY_DATABASE_URL")
READ_DATABASE_URL = env.text("READ_DATABASE_URL")
DATABASES: dict[str, dict[str, Any]] = {}
for _alias, _name, _url in (
    ("default", "DATABASE_URL", DATABASE_URL),
    ("gateway", "GATEWAY_DATABASE_URL", GATEWAY_DATABASE_URL),
    ("read", "READ_DATABASE_URL", READ_DATABASE_URL),
):
    try:
        if _url:
            DATABASES[_alias] = embedded.django_database(_url)
    except ValueError as error:
        sys.exit(f"sluice: {str(error).replace('DATABASE_URL', _name)}")
for _alias, _entry in DATABASES.items():
    # A restarted server leaves dead connections in the pool: each is tried before it is handed out.
    _entry["CONN_HEALTH_CHECKS"] = True
    _entry["OPTIONS"] |= {"pool": pooling.options(WEB_THREADS + 2)}
    # What the URL says comes last, and so goes before.
    _given = _entry["OPTIONS"].get("options", "")
    _entry["OPTIONS"]["options"] = f"{pooling.end_when_alone(pooling.PAUSE_MS)} {_given}".rstrip()
    if _alias != "default":
        _entry["TEST"] = {"MIRROR": "default"}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
QUERY_TIMEOUT_MS = env.number("QUERY_TIMEOUT_MS", 5000)
#: Heavy questions at a time, over all processes: the database's other cores are for events.
#: What one project's defined metrics may cost ingest; metrics/definitions/cost.py says what each costs.
DEFINITION_POINTS = env.number("DEFINITION_POINTS", 30)
QUERY_SLOTS = env.number("QUERY_SLOTS", max(1, (os.cpu_count() or 1) // 2))
#: What a new database is made for; one that is in use stays what it is.
ENGINE = env.choice("ENGINE", "auto", ("auto", "postgres", "timescaledb-apache", "timescaledb"))

# --- the pipeline -------------------------------------------------------------------------------------------
EVENT_BUS_URL = env.text("EVENT_BUS_URL", "postgres://")
BUS_IS_BROKER = EVENT_BUS_URL.startswith(("amqp://", "amqps://"))
BUS_SHARDS = env.number("BUS_SHARDS", 8)
MAX_REQUEST_BYTES = env.number("MAX_REQUEST_BYTES", 1 << 20)
MAX_INFLATED_BYTES = env.number("MAX_INFLATED_BYTES", 5 << 20)
MAX_EVENTS_PER_REQUEST = env.number("MAX_EVENTS_PER_REQUEST", 2000)
MAX_EVENT_BYTES = env.number("MAX_EVENT_BYTES", 32 << 10)
MAX_PROPS_DEPTH = env.number("MAX_PROPS_DEPTH", 32)
MAX_PROPS_KEYS = env.number("MAX_PROPS_KEYS", 255)
MAX_KEY_BYTES = env.number("MAX_KEY_BYTES", 200)
MAX_AGE_DAYS = env.number("MAX_AGE_DAYS", 30)
MAX_AHEAD_SECONDS = env.number("MAX_AHEAD_SECONDS", 3600)
ACK_DEADLINE_MS = env.number("ACK_DEADLINE_MS", 900)
#: Where events wait on this host's disk while the bus is away.
SPOOL_DIR = Path(env.text("SPOOL_DIR", str(DATA_DIR / "spool"))).resolve()
SPOOL_MAX_BYTES = env.number("SPOOL_MAX_BYTES", 1 << 30)
SPOOL_MAX_AGE_SECONDS = env.number("SPOOL_MAX_AGE_SECONDS", 86_400)
BUS_MAX_EVENTS = env.number("BUS_MAX_EVENTS", 5_000_000)
BUS_MAX_BYTES = env.number("BUS_MAX_BYTES", 2 << 30)
BUS_MAX_AGE_SECONDS = env.number("BUS_MAX_AGE_SECONDS", 21_600)
PROJECT_EVENTS_PER_SECOND = env.number("PROJECT_EVENTS_PER_SECOND", 0)
CLAIM_EVENTS = env.number("CLAIM_EVENTS", 10_000)
CLAIM_EVENTS_MIN = env.number("CLAIM_EVENTS_MIN", 500)
CLAIM_TARGET_SECONDS = env.number("CLAIM_TARGET_SECONDS", 1)
MAX_ATTEMPTS = env.number("MAX_ATTEMPTS", 3)
CLAIM_LEASE_SECONDS = env.number("CLAIM_LEASE_SECONDS", 120)
DEDUP_WINDOW_DAYS = env.number("DEDUP_WINDOW_DAYS", 30)
RETENTION_DAYS = env.number("RETENTION_DAYS", 0)
PARTITIONS_AHEAD_DAYS = env.number("PARTITIONS_AHEAD_DAYS", 7)
CHUNK_DAYS = env.number("CHUNK_DAYS", 1)
COMPRESS_AFTER_DAYS = env.number("COMPRESS_AFTER_DAYS", 7)
DIRECT_COMPRESS = env.flag("DIRECT_COMPRESS", default=True)
ROLLUP_LAG_MINUTES = env.number("ROLLUP_LAG_MINUTES", 10)
ROLLUP_WINDOW_HOURS = env.number("ROLLUP_WINDOW_HOURS", 3)
ROLLUP_REFRESH_SECONDS = env.number("ROLLUP_REFRESH_SECONDS", 60)
SESSION_GAP_MINUTES = env.number("SESSION_GAP_MINUTES", 30)
KEY_CACHE_SECONDS = env.number("KEY_CACHE_SECONDS", 5)

# --- Django -------------------------------------------------------------------------------------------------
INSTALLED_APPS = [
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "django_prometheus",
    "config.apps.ConfigConfig",
    "events.apps.EventsConfig",
    "metrics.apps.MetricsConfig",
    "sessions.apps.SessionsConfig",
    "dlq.apps.DlqConfig",
]
MIDDLEWARE = [
    "config.middleware.RequestContextMiddleware",
    "config.lean.PrometheusBefore",
    "django.middleware.security.SecurityMiddleware",
    "config.lean.ContentSecurityPolicy",
    "config.lean.WhiteNoise",
    "config.lean.Sessions",
    "config.lean.Common",
    "django.middleware.csrf.CsrfViewMiddleware",
    "config.lean.Authentication",
    "config.lean.Messages",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "config.lean.Htmx",
    "config.lean.PrometheusAfter",
]
#: Where events come in, thousands a second: what only pages need is passed by here.
LEAN_PATHS = frozenset({"/api/events"})
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
APPEND_SLASH = False
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "metrics.dashboards.context.navigation",
            ]
        },
    }
]
#: Where wrong passwords are counted; and where answers are kept, in each process's memory or in a Redis that all of
#: them share. Never in one store: many answers would push the counts out.
CACHES: dict[str, dict[str, Any]] = {
    "default": {
        "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
        "LOCATION": "sluice",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    },
    "answers": {
        "BACKEND": "config.memory_cache.BoundedMemoryCache",
        "LOCATION": "sluice-answers",
        "OPTIONS": {"MAX_ENTRIES": 2_000, "MAX_BYTES": 32 << 20},
    },
}
if CACHE_URL := env.text("CACHE_URL"):
    CACHES["answers"] = {
        "BACKEND": "config.answer_cache.CalmRedisCache",
        "LOCATION": CACHE_URL,
        "KEY_FUNCTION": "config.answer_cache.key",
    }
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "login"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = env.text("STATIC_ROOT", str(DATA_DIR / "static"))
# Static files are served from where they lie: there is no collecting step to forget.
WHITENOISE_USE_FINDERS = True
WHITENOISE_MAX_AGE = 3600

# --- security -----------------------------------------------------------------------------------------------
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = HTTPS
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if HTTPS else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^health/"]
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = MAX_REQUEST_BYTES

# --- REST ---------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["events.gateway.auth.ReadKeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["events.gateway.auth.HasProjectKey"],
    "DEFAULT_RENDERER_CLASSES": ["config.rendering.FastJsonRenderer"],
    "DEFAULT_CONTENT_NEGOTIATION_CLASS": "config.rendering.AlwaysJson",
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "config.api_errors.handle",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Sluice",
    "DESCRIPTION": "Event analytics on Postgres: send events, ask for metrics, sessions and dead letters.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_AUTHENTICATION": [],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- Celery -------------------------------------------------------------------------------------------------
CELERY_BROKER_URL = env.text("CELERY_BROKER_URL", "filesystem://")
if CELERY_BROKER_URL == "filesystem://":
    _queue = DATA_DIR / "celery"
    CELERY_BROKER_TRANSPORT_OPTIONS = {
        "data_folder_in": str(_queue / "messages"),
        "data_folder_out": str(_queue / "messages"),
        "control_folder": str(_queue / "control"),
        "processed_folder": str(_queue / "processed"),
        "polling_interval": 0.5,
    }
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BEAT_SCHEDULER = "config.steady_schedule:SteadySchedule"
CELERY_BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "rebuild-sessions": {
        "task": "sessions.tasks.rebuild_touched",
        "schedule": timedelta(seconds=2),
        # A beat that nobody heard is stale: the next one finds the same work. Clocks of two hosts may differ.
        "options": {"expires": 30},
    },
    "catch-up-rollups": {
        "task": "metrics.tasks.catch_up_rollups",
        "schedule": timedelta(seconds=2),
        "options": {"expires": 30},
    },
    "tend-definitions": {
        "task": "metrics.tasks.tend_definitions",
        "schedule": timedelta(seconds=5),
        "options": {"expires": 30},
    },
    "keep-definitions-small": {
        "task": "metrics.tasks.keep_definitions_small",
        "schedule": timedelta(hours=1),
    },
    "sweep-definitions": {"task": "metrics.tasks.sweep_definitions", "schedule": timedelta(days=1)},
    "keep-partitions-ahead": {"task": "events.tasks.keep_partitions_ahead", "schedule": timedelta(hours=1)},
    "apply-retention": {"task": "events.tasks.apply_retention", "schedule": timedelta(hours=1)},
    "prune-ledger": {"task": "events.tasks.prune_ledger", "schedule": timedelta(hours=1)},
    "fold-outcomes": {"task": "events.tasks.fold_outcomes", "schedule": timedelta(hours=1)},
    "forget-violations": {"task": "events.tasks.forget_violations", "schedule": timedelta(days=1)},
}

# --- observability ------------------------------------------------------------------------------------------
PROMETHEUS_EXPORT_MIGRATIONS = False
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"))
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "request_id": {"()": "config.logs.RequestIdFilter"},
        "calm": {"()": "config.logs.CalmFilter"},
    },
    "formatters": {"json": {"()": "config.logs.formatter"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["calm", "request_id"]}
    },
    "root": {"handlers": ["console"], "level": LOG_LEVEL},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "celery": {"level": "WARNING"},
        "kombu": {"level": "ERROR"},
    },
}
