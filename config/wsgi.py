"""The WSGI application that granian serves."""

import gc
import logging
import os
import sys

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from config.bodies import Bodies, hand_over_whole
from config.desk import Desk, install
from config.lib import lifeline

#: Large bodies that may be on their way to one process.
_BODIES_BYTES = 32 << 20
_SWITCH_SECONDS = 0.001

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
if os.environ.get("SLUICE_SUPERVISED"):
    # A worker whose server was killed would go on holding the port.
    lifeline.tie()
application = hand_over_whole(get_wsgi_application())
threads = settings.WEB_THREADS + settings.WEB_BODY_THREADS
bodies = Bodies(
    seconds=settings.BODY_TIMEOUT_SECONDS,
    limit=settings.MAX_REQUEST_BYTES,
    threads=threads,
    budget=max(_BODIES_BYTES, 2 * settings.MAX_REQUEST_BYTES),
)
if not install(bodies, Desk(settings.WEB_THREADS)):
    logging.getLogger("sluice.desk").warning(
        "this server's threads wait for slow bodies: granian has changed"
    )

# Tasks sent from pages must go to our broker.
from config import celery  # noqa: E402, F401
from config.engine import ingest_bus  # noqa: E402
from config.lib.postgres import answer_in_time  # noqa: E402
from events.gateway.auth import keys  # noqa: E402
from events.plan.known import plans  # noqa: E402

# Whoever drains the spool must be there from the start: a process that is gone may have left something.
answer_in_time()
ingest_bus().start()
if settings.SPOOL_MAX_BYTES:
    # A process that starts during an outage knows from here whose events it may spool, and what they look like.
    keys.keep_at(settings.SPOOL_DIR / "known-keys.json")
    plans.keep_at(settings.SPOOL_DIR / "known-plans")

# Who makes an answer of many rows keeps the interpreter from the events that come meanwhile, for so long at a time.
sys.setswitchinterval(_SWITCH_SECONDS)
# What was imported lives as long as the process. Looking through all of it again and again for garbage would
# stop every request of the process for tens of milliseconds.
gc.collect()
gc.freeze()
