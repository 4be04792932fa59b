"""GET /api/catalogue: which types and properties arrive, how often, and a schema to start from."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import jsonschema
import pytest

from metrics.catalogue import services
from tests.support.pipeline import NOON, append_rows, copy_line, event, process_all, rows, store_all
from tests.support.tenants import Tenant


def catalogue(tenant: Tenant, path: str = "", **query: Any) -> dict[str, Any]:
    answer = tenant.get(f"/api/catalogue{path}", **query)
    assert answer.status_code == 200, answer.content
    return dict(answer.json())


def kinds(tenant: Tenant, type: str = "order") -> dict[str, dict[str, int]]:
    return {one["name"]: one["kinds"] for one in catalogue(tenant, f"/{type}")["properties"]}


def test_types_with_their_volume_and_their_first_and_last_minute(acme: Tenant, globex: Tenant) -> None:
    moments = [NOON + timedelta(days=day, minutes=7, seconds=30) for day in (0, 1, 40)]
    store_all(acme.id, [event("u1", moment, type="order") for moment in moments] + [event("u1", NOON)])
    store_all(globex.id, [event("u1", NOON, type="theirs")])
    assert catalogue(acme) == {
        "types": [
            {"type": "order", "firstSeen": "2025-06-02T12:07:00Z", "lastSeen": "2025-07-12T12:07:00Z", "events": 3},
            {"type": "page_view", "firstSeen": "2025-06-02T12:00:00Z", "lastSeen": "2025-06-02T12:00:00Z", "events": 1},
        ],
        "total": 2,
        "otherEvents": 0,
        "bounds": {"types": 500, "propertiesOfAType": 1000, "rows": 50_000},
    }  # fmt: skip
    assert [one["type"] for one in catalogue(globex)["types"]] == ["theirs"]


def test_the_most_frequent_types_come_first(acme: Tenant) -> None:
    store_all(acme.id, [event(type=name) for name in "abbccc"])
    found = catalogue(acme, limit=2)
    assert ([one["type"] for one in found["types"]], found["total"]) == (["c", "b"], 3)


def test_properties_with_the_kinds_of_their_values(acme: Tenant, globex: Tenant) -> None:
    store_all(globex.id, [event(type="order", theirs=1)])
    store_all(acme.id, [event("u1", NOON, type="order", n=1, s="x", b=True, o={"deep": 1}, a=[1], z=None)])
    store_all(acme.id, [event("u1", NOON + timedelta(hours=1), type="order", n=1.5, s=2)])
    found = catalogue(acme, "/order")
    assert kinds(acme) == {
        "a": {"array": 1}, "b": {"boolean": 1}, "n": {"integer": 1, "number": 1}, "o": {"object": 1},
        "s": {"integer": 1, "string": 1}, "z": {"null": 1},
    }  # fmt: skip
    assert found["observedEvents"] == found["events"] == 2
    number = next(one for one in found["properties"] if one["name"] == "n")
    assert number | {"kinds": {}} == {
        "name": "n", "firstSeen": "2025-06-02T12:00:00Z", "lastSeen": "2025-06-02T13:00:00Z", "events": 2,
        "estimated": False, "kinds": {},
    }  # fmt: skip


def test_the_schema_fits_what_came(acme: Tenant) -> None:
    props: list[dict[str, Any]] = [
        {"ref": 1, "price": 2.5, "to": "x"},
        {"ref": 2, "price": 3, "to": None},
        {"ref": 3, "price": 1},
    ]
    store_all(acme.id, [event(type="order", **one) for one in props])
    schema = catalogue(acme, "/order")["schema"]
    assert schema == {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "ref": {"type": "integer"},
            "price": {"type": "number"},
            "to": {"type": ["null", "string"]},
        },
        "required": ["price", "ref"],
    }
    for one in props:
        jsonschema.Draft202012Validator(schema).validate(one)


def test_a_duplicate_is_not_counted(acme: Tenant) -> None:
    sent = [event(type="order", n=1)]
    store_all(acme.id, sent)
    store_all(acme.id, sent)
    assert kinds(acme) == {"n": {"integer": 1}}


def test_of_a_large_claim_a_sample_is_counted(acme: Tenant) -> None:
    store_all(acme.id, [event("u1", NOON, type="order", id_=number) for number in range(3000)], size=3000)
    (found,) = catalogue(acme, "/order")["properties"]
    assert found["estimated"] and found["events"] % services.SAMPLE == 0
    assert 1500 < found["events"] < 4500
    assert catalogue(acme, "/order")["events"] == 3000
    assert found["events"] == catalogue(acme, "/order")["observedEvents"]
    assert "required" not in catalogue(acme, "/order")["schema"]


def test_properties_beyond_the_bound_are_counted_as_others(
    acme: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MOST_PROPERTIES", 3)
    store_all(acme.id, [event(type="order", a=1, b=1)])
    store_all(acme.id, [event(type="order", a=1, c=1, d=1, e=1), event(type="other", z=1)])
    assert sorted(kinds(acme)) == ["a", "b", "c"]
    assert catalogue(acme, "/order")["otherProperties"] == 2
    assert kinds(acme, "other") == {"z": {"integer": 1}}


def test_types_beyond_the_bound_show_no_properties(acme: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MOST_TYPES", 2)
    store_all(acme.id, [event(type="a", x=1)])
    store_all(acme.id, [event(type=name, x=1) for name in "bcd"])
    assert [len(kinds(acme, name)) for name in "abcd"] == [1, 1, 0, 0]
    assert catalogue(acme, "/d")["events"] == 1
    assert catalogue(acme)["otherEvents"] == 2


def stored(project_id: int) -> int:
    return int(rows("SELECT count(*) FROM observed_property WHERE project_id = %s", project_id)[0][0])


def test_a_flood_of_names_fills_no_more_than_a_projects_share(
    acme: Tenant, globex: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MOST_ROWS", 50)
    monkeypatch.setattr(services, "MOST_TYPES", 4)
    monkeypatch.setattr(services, "_SMALL_CLAIM", 500)
    store_all(acme.id, [event(type="order", n=1)])
    for turn in range(3):
        names = [f"{turn}-{number}" for number in range(120)]
        store_all(
            acme.id, [event(type=name, **{name + "x": 1}) for name in names] + [event(type="order", n=1)]
        )
        store_all(acme.id, [event(type="order", **dict.fromkeys(names, 1))])
        store_all(globex.id, [event(type="order", **{f"theirs{turn}": 1})])
    assert stored(acme.id) <= 50 + 4 * 2 + 1
    order = catalogue(acme, "/order")
    assert order["observedEvents"] == order["events"] == 7
    assert next(one for one in order["properties"] if one["name"] == "n")["events"] == 4
    assert (
        sum(one["events"] for one in order["properties"] if one["name"] != "n") + order["otherProperties"]
        == 360
    )
    assert catalogue(acme)["otherEvents"] == 360 - 3
    assert len(kinds(globex)) == 3


def test_a_name_that_no_index_can_hold_is_counted_as_another(acme: Tenant) -> None:
    # Random, so that no compression makes it short; gateways with a greater MAX_KEY_BYTES let it through.
    name = random.Random(7).randbytes(3000).hex()
    append_rows(acme.id, copy_line(acme.id, props=json.dumps({name: 1, "n": 1})))
    assert {outcome.value for _, outcome in process_all()} == {"stored"}
    assert kinds(acme, "page_view") == {"n": {"integer": 1}}
    assert catalogue(acme, "/page_view")["otherProperties"] == 1


@pytest.mark.parametrize(
    "name", ["", " ", "a.b", "ü🙂", "'; DROP TABLE event --", "event", "other", "k" * 200]
)
def test_any_name_is_a_property(acme: Tenant, name: str) -> None:
    store_all(acme.id, [event(type="order", **{name: "x"})])
    assert kinds(acme) == {name: {"string": 1}}


@pytest.mark.parametrize("props", ["[]", "7", '"x"', "null", '{"n": 1e300}', '{"n": -0.0}'])
def test_whatever_was_stored_is_noted(acme: Tenant, props: str) -> None:
    append_rows(acme.id, copy_line(acme.id, props=props))
    process_all()
    assert catalogue(acme, "/page_view")["observedEvents"] == 1


@pytest.mark.parametrize("type_", ["a/b", "a b", "ünï 🙂", "%"])
def test_any_type_can_be_asked_for(acme: Tenant, type_: str) -> None:
    store_all(acme.id, [event(type=type_, n=1)])
    assert catalogue(acme, "/" + quote(type_, safe=""))["type"] == type_


@pytest.mark.parametrize("kind", ["two\nlines", "..", "a/b"])
def test_a_type_that_no_address_can_hold_is_asked_for_by_its_parameter(
    acme: Tenant, globex: Tenant, kind: str
) -> None:
    store_all(globex.id, [event(type=kind, theirs=1)])
    assert catalogue(acme, type=kind)["types"] == []
    store_all(acme.id, [event(type=kind, n=1), event(type="more")])
    found = catalogue(acme, type=kind)
    (one,) = found["types"]
    assert (one["type"], one["events"], [prop["name"] for prop in one["properties"]]) == (kind, 1, ["n"])
    assert one["schema"]["properties"] == {"n": {"type": "integer"}}
    assert (found["total"], found["bounds"]["types"]) == (2, 500)


def test_one_type_is_described_alike_both_ways(acme: Tenant) -> None:
    store_all(acme.id, [event(type="order", n=1)])
    (one,) = catalogue(acme, type="order")["types"]
    alone = catalogue(acme, "/order")
    assert alone.pop("bounds") and alone == one


@pytest.mark.parametrize("path", ["/nothing", "/a%00b"])
def test_a_type_that_never_came_is_not_found(acme: Tenant, globex: Tenant, path: str) -> None:
    store_all(globex.id, [event(type="nothing")])
    assert acme.get(f"/api/catalogue{path}").status_code == 404


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "1001"}, {"range": "7d"}, {"limit": ["1", "2"]}])
def test_what_cannot_be_understood_is_refused(acme: Tenant, query: dict[str, Any]) -> None:
    assert acme.get("/api/catalogue", **query).status_code == 400


@pytest.mark.parametrize("query", [{"limit": "5"}, {"range": "7d"}, {"x": "\x00"}])
def test_one_type_takes_no_such_parameter(acme: Tenant, query: dict[str, Any]) -> None:
    store_all(acme.id, [event(type="order")])
    assert acme.get("/api/catalogue/order", **query).status_code == 400
