"""The WSGI application that granian serves."""

import gc
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

# What was imported lives as long as the process. Looking through all of it again and again for garbage would
# stop every request of the process for tens of milliseconds.
gc.collect()
gc.freeze()
