"""One kit for every list: the address holds its state, and what it cannot use is said, never a failure."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.db.models import Q
from django.http import QueryDict
from django.template import Context, Template
from django.test import RequestFactory
from django.test.utils import CaptureQueriesContext

from apps.core.errors import Invalid
from apps.core.lists import Bulk, Choice, Column, Empty, Given, Listing, ListPage, Search, Sort, Switch, options
from apps.core.models import Role, Severity, SystemEvent, User

from .conftest import People

EVENTS = ListPage(
    name="things",
    title="Things",
    noun="thing",
    rows=lambda _user: SystemEvent.objects.all(),
    search=Search("Words", lambda rows, text: rows.filter(message__icontains=text)),
    filters=(
        Choice("severity", "Severity", options(Severity), "severity"),
        Choice("source", "Source", lambda: [("web", "Web")], "event_source", open=True),
        Choice("length", "Length", (("short", "Short"),), lambda rows, _value: rows.filter(message__lt="m")),
        Switch("mine", "Mine", lambda rows, user: rows.filter(message__startswith=user.username)),
        Given("type", lambda value: f"Of type {value}", "event_type"),
    ),
    sorts={
        "-new": Sort(("-event_id",)),
        "new": Sort(("event_id",)),
        "grave": Sort(("event_id",), first=Q(severity="critical")),
        "resolved": Sort(("event_id",), only=Q(resolved_at__isnull=False)),
    },
    first_sort="-new",
    columns=(Column("What", sort="new"), Column("When", sort="resolved", first="desc", num=True, wide=True)),
    row="lab/_event_row.html",
    page_size=4,
    sizes=(2, 4, 8),
    keep=("run",),
    bulk=(Bulk("lab:events", "Resolve", role=Role.ADMIN),),
    nothing=Empty("Nothing yet", "Wait a little."),
)


def read(user: User, query: str = "") -> Listing:
    """The list as an address asks for it."""
    return EVENTS.listing(query, user, path="/things/")


def shown(listing: Listing) -> list[str]:
    """The messages of its page."""
    return [row.message for row in listing.items]


@pytest.fixture
def events(people: People) -> list[SystemEvent]:
    """Ten events, `a` to `j`, the third and the last grave."""
    return [
        SystemEvent.objects.create(
            event_type="odd" if number % 2 else "even",
            event_source="web",
            severity="critical" if letter in "cj" else "info",
            message=letter,
        )
        for number, letter in enumerate("abcdefghij")
    ]


@pytest.mark.usefixtures("events")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", "jihg"),
        ("page=2", "fedc"),
        ("page=3", "ba"),
        ("sort=new", "abcd"),
        ("size=2&page=2", "hg"),
        ("severity=critical", "jc"),
        ("source=web&severity=critical&sort=new", "cj"),
        ("source=elsewhere", ""),
        ("length=short&sort=new&size=8", "abcdefgh"),
        ("type=even&sort=new", "aceg"),
        ("q=E", "e"),
        ("q=%00e%00", "e"),
        ("sort=grave", "cjab"),
        ("sort=grave&page=2", "defg"),
        ("sort=grave&page=3", "hi"),
        ("sort=resolved", ""),
    ],
)
def test_the_address_says_what_is_shown(people: People, query: str, expected: str) -> None:
    listing = read(people.viewer, query)
    assert "".join(shown(listing)) == expected
    assert listing.problems == []


def test_a_switch_knows_whose_list_it_is(people: People) -> None:
    SystemEvent.objects.create(event_type="x", event_source="web", severity="info", message="olga did it")
    assert shown(read(people.owner, "mine=1")) == ["olga did it"]
    assert shown(read(people.other, "mine=1")) == []


@pytest.mark.usefixtures("events")
@pytest.mark.parametrize(
    ("query", "said", "expected"),
    [
        ("severity=loud", "no severity “loud”", "jihg"),
        ("mine=yes", "Mine is 1", "jihg"),
        ("sort=beauty", "no order “beauty”", "jihg"),
        ("size=7", "2, 4, 8 rows", "jihg"),
        ("page=0", "“0” is no page", "jihg"),
        ("page=x", "“x” is no page", "jihg"),
        ("page=-1", "“-1” is no page", "jihg"),
        ("page=²", "“²” is no page", "jihg"),
        ("page=99999999999999999999", "is no page", "jihg"),
        ("page=99", "There is no page 99; this is the last.", "ba"),
    ],
)
def test_what_cannot_be_used_is_said_and_left_out(people: People, query: str, said: str, expected: str) -> None:
    listing = read(people.viewer, query)
    assert "".join(shown(listing)) == expected
    assert len(listing.problems) == 1
    assert said in listing.problems[0]


@pytest.mark.usefixtures("events")
def test_links_keep_what_was_chosen_and_start_on_the_first_page(people: People) -> None:
    listing = read(people.viewer, "severity=info&q=&page=2&run=7&unknown=1")
    assert listing.at(sort="new") == "/things/?run=7&severity=info&sort=new"
    assert listing.at(sort="-new") == "/things/?run=7&severity=info"
    assert listing.at(page=2) == listing.here == "/things/?run=7&severity=info&page=2"
    assert listing.at(page=1) == "/things/?run=7&severity=info"
    assert listing.start == "/things/?run=7"
    assert listing.query == "run=7&severity=info&page=2"
    assert shown(read(people.viewer, listing.query)) == shown(listing)


@pytest.mark.usefixtures("events")
def test_a_head_sorts_the_other_way_by_its_second_click(people: People) -> None:
    what, when = read(people.viewer, "sort=new").heads
    assert (what["state"], what["url"]) == ("ascending", "/things/")
    assert (when["state"], when["url"], when["column"].css) == ("", "/things/?sort=-resolved", "num only-wide")
    assert read(people.viewer).heads[0]["state"] == "descending"


@pytest.mark.usefixtures("events")
def test_the_bar_offers_what_there_is_and_carries_what_it_does_not_ask(people: People) -> None:
    listing = read(people.viewer, "source=cron&type=odd&sort=new&size=2&page=2&run=7&mine=1")
    assert [(one["name"], one["value"]) for one in listing.choices] == [
        ("severity", ""),
        ("source", "cron"),
        ("length", ""),
    ]
    assert ("cron", "cron") in list(listing.choices)[1]["options"]
    assert listing.switches == [{"name": "mine", "label": "Mine", "on": "1"}]
    assert dict(listing.hidden) == {"type": "odd", "sort": "new", "run": "7"}
    assert [(chip["label"], "type=" in chip["url"]) for chip in listing.chips] == [("Of type odd", False)]


@pytest.mark.usefixtures("events")
def test_how_many_there_are_is_said_in_words(people: People) -> None:
    assert read(people.viewer).said == "10 things"
    assert read(people.viewer, "severity=critical").said == "2 things match"
    assert read(people.viewer, "q=a").said == "1 thing matches"
    assert read(people.viewer, "page=3").span == "9–10 of 10 things"
    assert read(people.viewer, "size=8&severity=info").sizes == EVENTS.sizes
    assert read(people.viewer, "q=a").sizes == ()


@pytest.mark.usefixtures("events")
@pytest.mark.parametrize("query", ["", "sort=grave", "severity=info&q=e&sort=new", "page=3"])
def test_more_rows_take_no_more_statements(people: People, query: str) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as asked:
            listing = read(people.viewer, query + "&size=8")
            _ = listing.items, listing.links, listing.heads, list(listing.choices), listing.said
        return len(asked)

    few = statements()
    SystemEvent.objects.bulk_create(
        SystemEvent(event_type="x", event_source="web", severity=severity, message=f"e{n}")
        for severity in ("info", "critical")
        for n in range(50)
    )
    assert statements() <= few <= 4


def test_those_who_may_act_see_the_action(people: People) -> None:
    assert [bool(read(user).bulk) for user in (people.viewer, people.owner, people.admin)] == [False, False, True]


def posted(user: User, data: dict[str, Any]) -> Any:
    """A form sent by somebody."""
    request = RequestFactory().post("/things/", data)
    request.user = user
    return request


def test_an_action_is_told_which_rows(people: People, events: list[SystemEvent]) -> None:
    def chosen(**data: Any) -> list[str]:
        return EVENTS.chosen(posted(people.admin, data), path="/things/")

    assert chosen(pick=["3", "1", "3"]) == ["3", "1"]
    graves = [str(event.pk) for event in events if event.severity == "critical"]
    assert sorted(chosen(all="1", query="severity=critical&page=2", pick=["1"])) == sorted(graves)
    assert len(chosen(all="1")) == 10
    with pytest.raises(Invalid, match="at least one thing"):
        chosen()
    with pytest.raises(Invalid, match="at least one thing"):
        chosen(all="1", query="q=nothing+like+that")


@pytest.mark.usefixtures("events")
def test_more_than_one_action_can_carry_is_refused(people: People, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.core.lists.page.MAX_CHOSEN", 9)
    for data in ({"all": "1"}, {"pick": [str(number) for number in range(10)]}):
        with pytest.raises(Invalid, match="More than 9 things at once"):
            EVENTS.chosen(posted(people.admin, data), path="/things/")


def test_a_list_declared_wrongly_fails_when_it_is_loaded() -> None:
    nothing = Empty("Nothing", "")
    with pytest.raises(ValueError, match="no order 'name'"):
        ListPage(name="x", title="X", noun="x", sorts={}, first_sort="name", nothing=nothing)
    with pytest.raises(ValueError, match="parameter twice"):
        ListPage(
            name="x",
            title="X",
            noun="x",
            sorts={"name": Sort(("pk",))},
            first_sort="name",
            filters=(Given("sort", str, "pk"),),
            nothing=nothing,
        )


def test_rows_and_options_can_be_the_views(people: People, events: list[SystemEvent]) -> None:
    listing = Listing(
        EVENTS,
        QueryDict("source=cellar"),
        people.viewer,
        path="/x/",
        rows=SystemEvent.objects.filter(pk=events[0].pk),
        options={"source": [("cellar", "Cellar")]},
    )
    assert (listing.total, shown(listing)) == (0, [])
    assert list(listing.choices)[1]["options"] == [("cellar", "Cellar")]


def test_the_list_of_the_guide_for_contributors_works_as_it_is_written(people: People, rf: RequestFactory) -> None:
    guide = (settings.BASE_DIR / "CONTRIBUTING.md").read_text("utf-8").partition("## Add a list page")[2]
    blocks = re.findall(r"```(?:python|django)\n(.*?)```", guide, re.S)
    names: dict[str, Any] = {}
    exec(blocks[0], names)
    for severity in ("info", "critical", "warning"):
        SystemEvent.objects.create(event_type="x", event_source="web", severity=severity, message=f"<{severity}>")
    listing = names["ALERTS"].listing("open=1", people.owner)
    assert [row.severity for row in listing.items] == ["critical", "warning", "info"]
    row = Template(blocks[2]).render(Context({"listing": listing, "row": listing.items[0]}))
    assert "&lt;critical&gt;" in row
    assert row.count("<td") == len(listing.heads) + 1
