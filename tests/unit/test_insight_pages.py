"""Funnels, retention, paths and lifecycle as their pages show them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict

from metrics.dashboards import funnels, lifecycle, paths, retention
from metrics.dashboards.diagram import diagram_of
from metrics.dashboards.insights import insight_params, insight_view
from metrics.dashboards.shares import percent
from metrics.dashboards.view import View
from metrics.insights.funnel import Funnel, Reached, Seconds
from metrics.insights.lifecycle import Period
from metrics.insights.paths import PathLink, PathNode
from metrics.insights.retention import Cohort

START = datetime(2026, 11, 2, tzinfo=UTC)
ZONE = ZoneInfo("UTC")


def view(query: str = "", keep: tuple[str, ...] = funnels.OWN) -> View:
    return insight_view(QueryDict(query), keep=keep)


def form(query: str) -> funnels.FunnelForm:
    return funnels.funnel_form(view(query), types=["a", "b", "c"], properties=["country"])


def steps_of(query: str) -> list[str]:
    found = parse_qs(query)
    return [found[f"step{number}"][0] for number in range(1, 11) if f"step{number}" in found]


@pytest.mark.parametrize(
    ("share", "shown"),
    [(None, "–"), (0, "0 %"), (0.0004, "under 0.1 %"), (0.045, "4.5 %"), (0.366, "37 %"), (1, "100 %")],
)
def test_shares_are_percent(share: float | None, shown: str) -> None:
    assert percent(share) == shown


def test_what_these_questions_do_not_know_is_left_out() -> None:
    found = view("step=1h&compare=previous&type=a&filter=props.x:eq:1&segment=s")
    assert found.types == ()
    assert insight_params(found) == {
        "range": ["7d"],
        "tz": ["UTC"],
        "segment": ["s"],
        "filter": ["props.x:eq:1"],
    }


# --- funnels ------------------------------------------------------------------------------------------------------


def test_a_funnel_without_steps_has_two_fields_and_an_example() -> None:
    empty = form("")
    assert not empty.is_whole
    assert [step.choice.value for step in empty.steps] == ["", ""]
    assert steps_of(empty.example) == ["a", "b", "c"]
    assert funnels.funnel_form(view(), types=["a"], properties=[]).example == ""


def test_gaps_between_steps_close_and_one_more_can_be_added() -> None:
    asked = form("step1=a&step4=zz")
    assert asked.is_whole and asked.asked == ("a", "zz")
    assert [step.choice.name for step in asked.steps] == ["step1", "step2", "step3"]
    assert ("zz", "zz") in asked.steps[1].choice.options
    assert len(form("&".join(f"step{n}=a" for n in range(1, 11))).steps) == 10


def test_steps_are_moved_and_removed_by_links_that_keep_the_rest() -> None:
    first, second, third, _ = form("step1=a&step2=b&step3=c&range=30d").steps
    assert (first.up, third.down) == ("", "")
    assert steps_of(first.down) == ["b", "a", "c"]
    assert steps_of(third.up) == ["a", "c", "b"]
    assert steps_of(second.without) == ["a", "c"]
    assert parse_qs(second.without)["range"] == ["30d"]


def test_an_unknown_window_is_the_default() -> None:
    assert form("window=1y").window.value == "14d"
    assert form("window=1h").window.value == "1h"


def funnel(*counts: int, value: str | None = None, rest: bool = False) -> Funnel:
    steps = [
        Reached(
            name=f"s{number}",
            persons=persons,
            share_of_first=persons / counts[0] if counts[0] else None,
            share_of_previous=persons / before if before else None,
            lost=before - persons,
            seconds=Seconds(90, 100, 95) if number > 1 else None,
        )
        for number, (persons, before) in enumerate(zip(counts, (counts[0], *counts), strict=False), 1)
    ]
    return Funnel(tuple(steps), value, rest)


def test_a_funnel_shows_shares_of_the_first_step_and_who_was_lost() -> None:
    board = funnels.board_of(funnel(2000, 500), (), view=view())
    last = board.steps[1]
    assert (last.persons, last.share, last.width) == ("500", "25 %", "25.00")
    assert (last.lost, last.lost_share, last.kept_share, last.median) == (
        "1,500",
        "75 %",
        "25 %",
        "1 min 30 s",
    )
    assert (board.whole, board.started, board.finished, board.is_empty) == ("25 %", "2,000", "500", False)
    assert funnels.board_of(funnel(0, 0), (), view=view()).is_empty


def test_groups_filter_by_a_click_and_the_rest_does_not() -> None:
    groups = [funnel(3, 1, value="DE"), funnel(2, 1), funnel(1, 1, value="other", rest=True)]
    found = funnels.board_of(funnel(6, 3), groups, view=view(), by="country").groups
    assert [one.name for one in found] == ["DE", "not set", "All others"]
    assert [parse_qs(one.link).get("filter") for one in found] == [
        ["props.country:eq:DE"],
        ["props.country:exists:false"],
        None,
    ]


# --- retention ----------------------------------------------------------------------------------------------------


def test_cells_that_are_not_over_are_marked_and_not_in_the_mean() -> None:
    cohorts = [Cohort(START, 10, (10, 5, 1), 2), Cohort(START + timedelta(days=1), 30, (30, 3), 1)]
    triangle = retention.triangle_of(cohorts, period="day", tz=ZONE)
    assert triangle.columns == ("Day 0", "Day 1", "Day 2")
    assert [cell.is_open for cell in triangle.rows[0].cells] == [False, False, True]
    assert [cell.share for cell in triangle.mean.cells] == ["100 %", "50 %", "–"]
    assert [cell.shade for cell in triangle.rows[0].cells] == [10, 5, 1]
    assert (triangle.rows[1].name, triangle.mean.size, triangle.has_open) == ("3 Nov", "40", True)


def test_cohorts_without_anybody_are_an_empty_triangle() -> None:
    assert retention.triangle_of([Cohort(START, 0, (0,), 1)], period="month", tz=ZONE).is_empty
    assert retention.triangle_of([], period="week", tz=ZONE).is_empty


# --- paths --------------------------------------------------------------------------------------------------------


def test_a_diagram_goes_from_left_to_right_in_time() -> None:
    steps = [[PathNode("a", 10, 2)], [PathNode("b", 6, 6), PathNode(None, 2, 2)], []]
    after = diagram_of(steps, [PathLink(1, "a", "b", 6), PathLink(1, "a", None, 2)], backwards=False)
    assert [column.name for column in after.columns] == ["Event", "1 step after"]
    assert [(node.x, node.name, node.height) for node in after.nodes] == [
        ("0", "a", "300"),
        ("300", "b", "180"),
        ("300", "not set", "60"),
    ]
    assert [(one.target, one.width, one.path.split("C")[0]) for one in after.ribbons] == [
        ("b", "180", "M9 120"),
        ("not set", "60", "M9 240"),
    ]
    before = diagram_of(steps, [PathLink(1, "b", "a", 6)], backwards=True)
    assert [node.x for node in before.nodes] == ["300", "0", "0"]
    assert before.ribbons[0].path.startswith("M9 120C")


def test_long_names_are_cut_and_links_without_a_node_left_out() -> None:
    drawn = diagram_of([[PathNode("x" * 50, 1, 0)]], [PathLink(1, "x", "gone", 1)], backwards=False)
    assert drawn.nodes[0].name == "x" * 19 + "…"
    assert drawn.nodes[0].whole_name == "x" * 50
    assert drawn.ribbons == ()
    assert diagram_of([[]], [], backwards=False).nodes == ()


def test_paths_need_an_event_and_offer_the_most_frequent() -> None:
    empty = paths.path_form(view("", paths.OWN), types=["a", "b"], properties=[])
    assert (empty.is_whole, empty.example) == (False, "event=a")
    asked = paths.path_form(view("event=z&steps=9&direction=before", paths.OWN), types=[], properties=[])
    assert asked.is_whole
    assert (asked.steps.value, asked.direction.value, asked.example) == ("3", "before", "")


# --- lifecycle ----------------------------------------------------------------------------------------------------


def test_a_lifecycle_is_a_stack_and_those_who_went_beside_it() -> None:
    periods = [Period(START, 3, 2, 1, 4, False), Period(START + timedelta(days=7), 1, 0, 0, 5, True)]
    life = lifecycle.life_of(periods, period="week", tz="UTC")
    data = json.loads(life.there.data)
    assert (data["kind"], data["step"]) == ("stacked", "1w")
    assert {one["key"]: one["values"] for one in data["series"]} == {
        "returning": [2, 0],
        "new": [3, 1],
        "resurrecting": [1, 0],
    }
    assert json.loads(life.gone.data)["series"][0]["values"] == [4, 5]
    assert life.last == (("Returning", "2"), ("New", "3"), ("Resurrecting", "1"), ("Dormant", "4"))
    assert life.in_progress and not life.is_empty


def test_periods_without_anybody_are_empty() -> None:
    assert lifecycle.life_of([Period(START, 0, 0, 0, 0, True)], period="day", tz="UTC").is_empty
