"""What people define: it is kept under a name, and questions, pages and alerts use it by that."""

from metrics.models.alerts import Alert, AlertRun
from metrics.models.dashboards import Dashboard, ShareLink, Tile
from metrics.models.definitions import MetricDefinition
from metrics.models.questions import SavedQuestion
from metrics.models.segments import Segment

__all__ = [
    "Alert",
    "AlertRun",
    "Dashboard",
    "MetricDefinition",
    "SavedQuestion",
    "Segment",
    "ShareLink",
    "Tile",
]
