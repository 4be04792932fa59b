"""The WSGI application that granian serves."""

import os

from django.core.wsgi import get_wsgi_application

from config.lib import lifeline

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
if os.environ.get("SLUICE_SUPERVISED"):
    # A worker whose server was killed would go on holding the port.
    lifeline.tie()
application = get_wsgi_application()

# Tasks sent from pages must go to our broker.
from config import celery  # noqa: E402, F401
