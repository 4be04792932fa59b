"""Makes definitions, and gives them up."""

from __future__ import annotations

import logging
from typing import Any, cast

import psycopg
from django.db import IntegrityError, connection, transaction
from django.db.models import CharField, F, QuerySet, Value
from django.db.models.functions import Cast, Concat

from config.lib.errors import SluiceError
from config.lib.postgres import breaks
from events import audit
from events.models import Project
from metrics.definitions import cost
from metrics.definitions.faults import is_permanent
from metrics.definitions.parse import Wanted
from metrics.definitions.writing import try_out
from metrics.errors import BadQuestion, Going, NameTaken
from metrics.models import MetricDefinition
from metrics.versions import bump

logger = logging.getLogger("sluice.definitions")
_TOO_MANY = (
    "This would cost ingest {} points, and the project has {} of {} left: remove a defined metric first, or define one "
    "that costs less."
)
State = MetricDefinition.State


class TooManyDefinitions(SluiceError):
    """The project's defined metrics would cost ingest more than a quarter of its throughput: remove one first."""

    code = "too_many_definitions"
    http_status = 409


def create(*, project_id: int, wanted: Wanted, by: str) -> MetricDefinition:
    """Make a definition, kept from now on. Raises NameTaken, TooManyDefinitions, BadQuestion or Going."""
    try:
        with transaction.atomic():
            # Two at once must not both be the last. A removal waits, or is waited for.
            project = Project.objects.select_for_update(no_key=True).only("removing").get(pk=project_id)
            if project.removing:
                raise Going
            _afford(project_id, wanted)
            made = MetricDefinition.objects.create(
                project_id=project_id,
                name=wanted.name,
                match=wanted.match.wire(),
                measure=wanted.measure,
                prop=wanted.prop,
                quantile=wanted.quantile,
                dimensions=list(wanted.dimensions),
                created_by=by,
            )
            _try_out(made)
            _outdate_answers(project_id)
    except IntegrityError as error:
        if not breaks(error, "metric_definition_once"):
            raise
        raise NameTaken("There is a defined metric of that name already.") from None
    logger.info("%s defined the metric %s of project %s", by, made.name, project_id)
    return made


def give_up(*, project_id: int, name: str, by: str) -> bool:
    """Stop keeping a definition and free its name; a task removes its rollups. False where there is none."""
    kept = _of(project_id).filter(name=name).exclude(state=State.REMOVING)
    # The name of one that is being removed is no name that anybody can give.
    freed = Concat(F("name"), Value("~"), Cast(F("pk"), CharField()))
    with transaction.atomic():
        found = bool(kept.update(state=State.REMOVING, name=freed))
        if found:
            _outdate_answers(project_id)
            audit.record(by=by, action="metric.remove", project_id=project_id, target=name)
    return found


def listed(*, project_id: int) -> list[MetricDefinition]:
    """Return a project's definitions by name, less those that were given up."""
    return list(_of(project_id).exclude(state=State.REMOVING).order_by("name"))


def stop(*, id: int, by: str) -> bool:
    """Let history be as far as it is computed; new events are still counted. False where it is not being computed."""
    return _moved(id, State.BUILDING, State.STOPPED, f"{by} stopped computing the history of")


def go_on(*, id: int, by: str) -> bool:
    """Compute the rest of history. False where that was not stopped."""
    return _moved(id, State.STOPPED, State.BUILDING, f"{by} goes on computing the history of", failures=0)


def _moved(id: int, before: str, after: str, said: str, **more: int) -> bool:
    moved = bool(MetricDefinition.objects.filter(pk=id, state=before).update(state=after, **more))
    if moved:
        logger.info("%s the defined metric %s", said, id)
    return moved


def _afford(project_id: int, wanted: Wanted) -> None:
    """See that the project's definitions cost no more than they may together. Raises TooManyDefinitions."""
    kept = _of(project_id).exclude(state=State.REMOVING).values_list("measure", "match", "dimensions")
    left = cost.budget() - sum(cost.cost(measure, match, len(names)) for measure, match, names in kept)
    wants = cost.cost(wanted.measure, wanted.match.wire(), len(wanted.dimensions))
    if left < wants:
        raise TooManyDefinitions(_TOO_MANY.format(wants, max(left, 0), cost.budget()))


def _try_out(made: MetricDefinition) -> None:
    """See that Postgres takes what each claim is going to ask: one that it refuses would stop ingest."""
    with connection.cursor() as wrapper:
        try:
            try_out(cast("psycopg.Cursor[Any]", wrapper.cursor), made.pk)
        except psycopg.Error as error:
            if not is_permanent(error):
                raise
            raise BadQuestion(f"Postgres cannot compute this: {error}", field="match") from None


def _outdate_answers(project_id: int) -> None:
    """Forget what was answered about another metric of the same name."""
    with connection.cursor() as wrapper:
        bump(cast("psycopg.Cursor[Any]", wrapper.cursor), project_id)


def _of(project_id: int) -> QuerySet[MetricDefinition]:
    return MetricDefinition.objects.filter(project_id=project_id)
