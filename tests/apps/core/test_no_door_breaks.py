"""Whatever stands in an address, a head, a form or a body, nobody is answered with a fault of ours."""

from __future__ import annotations

import asyncio
import html
import json
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib import admin
from django.db import connections
from django.test import Client

from apps.core.accounts import api_key_create
from apps.core.models import SystemEvent
from tests.apps.core.knocking import Header, knock
from tests.apps.core.live_lab import aside, make_member, session_of

from .conftest import People, Program
from .furnished import furnish
from .walk import PAGES, READS, addresses, filled, operations, send, shown_by

TEXTS = [
    "",
    "\x00",
    "' OR 1=1 --",
    '"; DROP TABLE core_user; --',
    "{{ 7*7 }}{% debug %}",
    "<script>alert(1)</script>",
    "../../../../etc/passwd",
    "%00%ff",
    "\u202e\ufeff\U0010ffff",
    "=cmd|'/c calc'!A1",
    "9" * 5000,
    "-1",
    "1e400",
    "nan",
    "99999999999999999999",
    "a" * 5000,
    "%" * 300,
    "[]",
    "null",
    "\r\nX-Evil: 1",
]
BODIES = [
    '"x"',
    "5",
    "null",
    "true",
    "[]",
    "{}",
    "[[]]",
    '{"a": 1e400}',
    '{"a": NaN}',
    '{"a": ' + "9" * 5000 + "}",
    '{"a": "\\u0000"}',
    '{"a": "\\ud800"}',
    "[" * 100_000,
    '{"a":' * 5000,
    "\xff\xfe",
    "",
]
PLACES = [b"/login/", b"/account/", b"/api/v1/auth/me", b"/static/css/base.css", b"/admin/"]


def sound(answer: Any, what: str) -> None:
    assert answer.status_code < 500, f"{what}: {answer.status_code} {shown_by(answer)[:300]!r}"


@pytest.fixture
def unhurried(settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"api_requests_per_minute": 10**9})


WRITES = [(method, path) for method, path in operations() if method not in READS]


@pytest.mark.parametrize(("method", "path"), WRITES, ids=[f"{method} {path}" for method, path in WRITES])
def test_no_body_breaks_an_endpoint(people: People, unhurried: None, method: str, path: str) -> None:
    ids = furnish(people)
    _key, text = api_key_create(owner=people.admin, name="a", scopes=["read", "write", "admin"])
    client = Program(text).client
    for body in [*BODIES, *_plausible(method, path)]:
        sound(send(client, method, filled(path, ids), body), f"{method} {path} {body[:80]}")
    assert not SystemEvent.objects.filter(event_type="unexpected_error").exists()


def _plausible(method: str, path: str) -> list[str]:
    """Objects with the endpoint's own fields, each holding what it should not."""
    from config.api import api

    document = api.get_openapi_schema(path_prefix="/api/v1/")
    operation = document["paths"][path][method]
    content = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if content is None:
        return []
    schema = document["components"]["schemas"][content["schema"]["$ref"].rsplit("/", 1)[1]]
    whole = {name: _sample(part, document) for name, part in schema["properties"].items()}
    odd: list[Any] = ["\x00", "x" * 30_000, -1, 10**99, [], {}, [{"a": {}}], "' --"]
    bodies = [{**whole, name: value} for name in whole for value in odd]
    return [json.dumps(body) for body in [whole, {**whole, "surplus": 1}, *bodies]] + [
        json.dumps(whole)[:-1] + f', "{name}": 1e400}}' for name in whole
    ]


def _sample(part: dict[str, Any], document: dict[str, Any]) -> Any:
    for key in ("anyOf", "oneOf", "allOf"):
        if key in part:
            return _sample(part[key][0], document)
    if "$ref" in part:
        return _sample(document["components"]["schemas"][part["$ref"].rsplit("/", 1)[1]], document)
    if "enum" in part:
        return part["enum"][0]
    if "default" in part:
        return part["default"]
    kind = part.get("type")
    if kind == "object":
        return {name: _sample(inner, document) for name, inner in part.get("properties", {}).items()}
    if kind == "array":
        return [_sample(part["items"], document)] * max(1, part.get("minItems", 1)) if "items" in part else []
    return {"integer": 1, "number": 1.0, "boolean": False, "null": None}.get(str(kind), "lab:a")


GETS = [path for method, path in operations() if method == "get" and not path.endswith("/stream")]


@pytest.mark.parametrize("path", GETS)
def test_no_query_breaks_an_endpoint(people: People, unhurried: None, path: str) -> None:
    from config.api import api

    ids = furnish(people)
    _key, text = api_key_create(owner=people.admin, name="a", scopes=["read", "write", "admin"])
    client = Program(text).client
    operation = api.get_openapi_schema(path_prefix="/api/v1/")["paths"][path]["get"]
    names = [part["name"] for part in operation.get("parameters", []) if part["in"] == "query"]
    for name in names:
        for value in NASTY:
            answer = client.get(filled(path, ids), {name: value})
            sound(answer, f"{path} {name}={value[:40]!r}")
    assert client.get(filled(path, ids), {"surplus": "1"}).status_code == 422, "a parameter it does not have"
    for odd in TEXTS:
        for parameter in re.findall(r"{(\w+)}", path):
            address = filled(path, {**ids, parameter: _quoted(odd) or "x"})
            sound(client.get(address), address[:100])


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "replace")[:500])


NASTY = ["' OR 1=1 --", "9" * 30, "-1", "1e400", "", "😀", "%", "a" * 3000, "\r\nX-Evil: 1"]
PARAMETERS = [
    "q", "page", "page_size", "sort", "status", "state", "kind", "queue", "search", "split", "dataset", "difficulty",
    "family", "solved", "run", "copy", "tab", "next", "since", "until", "severity", "source", "key", "training",
    "evaluation", "truth", "digits", "view", "strategy", "owner", "token",
]  # fmt: skip


@pytest.mark.parametrize("route", [route for route in PAGES if not route.startswith("/api/")])
def test_no_query_breaks_a_page(people: People, route: str) -> None:
    ids = furnish(people)
    browser = Client(raise_request_exception=False)
    browser.force_login(people.admin)
    for page in addresses(route, ids)[:1]:
        shown = browser.get(page)
        sound(shown, page)
        named = {*PARAMETERS, *re.findall(r'name="(\w+)"', shown_by(shown))}
        for value in TEXTS:
            sound(browser.get(page, dict.fromkeys(named, value.encode("utf-8", "replace"))), f"{page} {value[:40]!r}")
        for name in named:
            sound(browser.get(page, {name: "9" * 30}), f"{page}?{name}=999…")


@pytest.mark.parametrize("route", [route for route in PAGES if not route.startswith("/logout")])
def test_no_form_breaks_a_page(people: People, route: str) -> None:
    ids = furnish(people)
    browser = Client(raise_request_exception=False)
    browser.force_login(people.admin)
    for page in addresses(route, ids):
        shown = shown_by(browser.get(page))
        named = {*re.findall(r'name="([\w.-]+)"', shown), "name", "next", "role", "ids", "action", "without", "sets"}
        usual = {
            "name": "A name",
            "username": "somebody",
            "seeds": "0",
            "how": "criteria",
            "strategies": "program_synthesis",
        }
        for value in TEXTS:
            for form in ({**usual, **dict.fromkeys(named, value)}, {**dict.fromkeys(named, value), **usual}):
                encoded = "&".join(f"{name}={_quoted(given)}" for name, given in form.items())
                answer = browser.generic("POST", page, encoded, content_type="application/x-www-form-urlencoded")
                sound(answer, f"{page} {value[:40]!r}")
        for name in named:
            sound(browser.post(page, {**usual, name: "é" * 30_000}), f"{page} {name} is long")
    assert not SystemEvent.objects.filter(event_type="unexpected_error").exists()


JUNK_FOR_LISTS = ["99999999", "9" * 30, "(", "1e400,x"]
LISTS = sorted(f"/admin/{model._meta.app_label}/{model._meta.model_name}/" for model in admin.site._registry)


@pytest.mark.parametrize("page", LISTS)
def test_no_query_breaks_a_list_of_the_admin(people: People, page: str) -> None:
    furnish(people)
    browser = Client(raise_request_exception=False)
    browser.force_login(people.admin)
    links = {html.unescape(link) for link in re.findall(r'href="(\?[^"]*)"', browser.get(page).content.decode())}
    for link in links:
        assert browser.get(page + link).status_code == 200, f"a filter of its own: {link}"
    asked: set[str] = {part.partition("=")[0] for link in links for part in link[1:].split("&")}
    model: Any = next(model for model in admin.site._registry if page.endswith(f"/{model._meta.model_name}/"))
    columns = {field.name for field in model._meta.fields}
    more = {f"{column}__{lookup}" for column in columns for lookup in ("year", "regex")}
    usual = {"p", "o", "q", "all", "e", "_popup", "_to_field", "_facets", "_changelist_filters", "zzz", "pk__in"}
    for name in asked | usual:
        for value in JUNK_FOR_LISTS:
            sound(browser.get(page, {name: value}), f"{page}?{name}={value[:30]}")
    for name in more:
        sound(browser.get(page, {name: "99999999"}), f"{page}?{name}=99999999")


@pytest.mark.parametrize(
    "guess",
    [
        "/admin/core/user/?password__startswith=md5",
        "/admin/core/apikey/?secret_hash__startswith=a",
        "/admin/core/apikey/?owner__password__startswith=md5",
        "/admin/core/user/?username__regex=(a%2B)%2B$",
        "/admin/core/job/?owner__password__contains=a",
    ],
)
def test_the_filters_of_the_admin_are_no_way_to_guess_what_it_does_not_show(people: People, guess: str) -> None:
    browser = Client(raise_request_exception=False)
    browser.force_login(people.admin)
    assert browser.get(guess).status_code == 400


JSON_JUNK = [
    '{"a": NaN}', '{"a": Infinity}', '{"a": 1e999}', '{"a": "\\u0000"}', '{"a": "\\ud800"}', "[" * 5000,
    '{"a":' * 3000 + "1" + "}" * 3000, '{"n": ' + "9" * 5000 + "}", '["' + "9" * 5000 + '"]', "\x00", "5", '"x"', "null",
    '{"a": 1, "a": 2}', "[" * 60 + "]" * 60,
]  # fmt: skip


@pytest.mark.parametrize("junk", JSON_JUNK, ids=range(len(JSON_JUNK)))
def test_no_json_typed_into_the_admin_poisons_a_row(people: People, junk: str) -> None:
    ids = furnish(people)
    browser = Client(raise_request_exception=False)
    browser.force_login(people.curator)
    family, task = f"/admin/tasks/taskfamily/{ids['family_id']}/change/", "/admin/tasks/arctask/lab:a/change/"
    sound(browser.post(family, {"family_name": "Mirrors", "common_patterns": junk}), "family")
    shown = browser.get(task).context["adminform"].form
    form = {name: "" if value is None else value for name, value in shown.initial.items() if name in shown.fields}
    sound(browser.post(task, {**form, "metadata": junk}), "task")
    for page in (family, task, "/admin/tasks/taskfamily/", "/tasks/", f"/api/v1/tasks/families/{ids['family_id']}"):
        assert browser.get(page).status_code == 200, "everything can still be opened"
    assert not SystemEvent.objects.filter(event_type="unexpected_error").exists()


def test_what_was_typed_is_shown_again_with_what_is_wrong(people: People) -> None:
    ids = furnish(people)
    browser = Client(raise_request_exception=False)
    browser.force_login(people.curator)
    typed = '["fine", "\\ud800"]'
    answer = browser.post(
        f"/admin/tasks/taskfamily/{ids['family_id']}/change/", {"family_name": "Mirrors", "common_patterns": typed}
    )
    page = html.unescape(answer.content.decode())
    assert "1: Text may not hold half of a surrogate pair" in page
    assert typed in page


HEADS: list[Header] = [
    *((b"content-type", kind) for kind in (
        b"multipart/form-data", b"multipart/form-data; boundary=", b"multipart/form-data; boundary=" + b"x" * 300,
        b"multipart/form-data; boundary=\xff", b"multipart/form-data; boundary=x; charset=utf-16",
        b"application/json; charset=utf-16", b"application/json; charset=zlib", b"application/json; charset=nope",
        b"application/x-www-form-urlencoded; charset=utf-7", b"text/html; charset=base64",
        b"text/plain; charset*=utf-99''x", b"application/json; charset*=utf-16''x", b"; ;;;=", b'text/plain; charset="',
        b"a" * 20_000, b"application/json; " + b"a=b;" * 3000, b"\xff\xfe", b"",
    )),
    *((b"cookie", cookie) for cookie in (
        b'sessionid="\\000abc"', b'sessionid="\\000"; csrftoken="\\000"', b"sessionid=\xff\xfe", b'messages="\\000"',
        b"sessionid=" + b"a" * 8000, b"; ".join(b"a%d=b" % n for n in range(2000)), b"=;=;=", b"csrftoken=\xed\xa0\x80",
    )),
    *((b"authorization", told) for told in (b"Bearer \xff", b"Bearer " + b"a" * 60_000, b"Basic \xff", b"Bearer", b"tk_")),
    *((b"hx-current-url", url) for url in (b"http://[", b"\xff", b"javascript:1", b"//evil", b"http://a/%0d%0ax:y")),
    *((b"origin", told) for told in (b"http://[", b"null", b"\xff")),
    *((b"referer", told) for told in (b"http://[", b"\xff")),
    *((b"host", told) for told in (b"", b"[::1", b"\xff", b"a:b:c", b"127.0.0.1:99999")),
    (b"x-csrftoken", b"\xff" * 64), (b"accept-language", b"*;q=1e400"), (b"accept-language", b"\xff"),
    (b"if-modified-since", b"Mon, 99 Jan 99999 99:99:99 GMT"), (b"if-none-match", b'"' * 500),
    (b"range", b"bytes=9-1"), (b"range", b"bytes=0-" + b"9" * 30), (b"range", b"bytes=-"),
    (b"accept-encoding", b"gzip;q=nan"), (b"content-encoding", b"gzip"), (b"last-event-id", b"1-1e400"),
    (b"hx-target", b"\xff" * 100), (b"hx-trigger", b"\x80"), (b"x-http-method-override", b"DELETE"),
]  # fmt: skip


async def test_no_head_breaks_a_door(live: Any, settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"api_requests_per_minute": 10**9})
    cookie = (b"cookie", (await aside(lambda: session_of(make_member("olga"))))["cookie"].encode())
    for path in PLACES:
        for name, value in HEADS:
            body = b"--x\r\nContent-Disposition: form-data\r\n\r\nb\r\n--x--"
            sized = (b"content-length", str(len(body)).encode())
            own = [cookie] if name != b"cookie" else []
            for method, more, pieces in (
                ("GET", [(b"hx-request", b"true")], [b""]),
                ("GET", own, [b""]),
                ("POST", [sized, *own], [body]),
            ):
                answer = await knock(method, path, [(name, value), *more], pieces=pieces)
                assert answer.status < 500, f"{method} {path!r} {name!r}: {value[:40]!r}: {answer.status}"


ADDRESSES = [
    (b"/\xff", b""), (b"/", b"\xff=\xff"), (b"/tasks/\xed\xa0\x80/", b""), (b"/login/link/\x00/", b""),
    (b"/static/../../config/settings.py", b""), (b"/static/..%2f..%2fmanage.py", b""), (b"/static//etc/passwd", b""),
    (b"/static/css", b""), (b"/static/\x00.css", b""), (b"//evil.example/", b""), (b"/admin//evil.example", b""),
    (b"/" + b"a/" * 3000, b""), (b"/", b"&".join(b"a=b" for _ in range(1500))), (b"/", b"q=" + b"a" * 60_000),
    (b"/system/events/evt_" + b"9" * 40 + b"/", b""), ("/system/events/evt_\u0661/".encode(), b""),
    (b"/tasks/x/truth/" + b"9" * 30 + b"/", b""), (b"/experiments/x/cells/" + b"9" * 30 + b"/", b""),
    (b"/admin/core/systemevent/" + b"9" * 40 + b"/change/", b""), (b"/admin/r/1/x/", b""), (b"/admin/autocomplete/", b""),
]  # fmt: skip


async def test_no_address_breaks_a_door_or_leads_out(live: Any) -> None:
    cookie = (b"cookie", (await aside(lambda: session_of(make_member("ada", "admin"))))["cookie"].encode())
    for path, query in ADDRESSES:
        for more in ([], [cookie]):
            answer = await knock("GET", path, more, query=query)
            assert answer.status < 500, f"{path[:60]!r}?{query[:60]!r}: {answer.status}"
            assert b"SECRET_KEY" not in answer.content
            assert b"root:x:0" not in answer.content
            assert not answer.headers.get("location", "/").startswith(("//", "/\\", "http"))


async def test_a_cookie_that_cannot_be_ours_is_dropped_and_nobody_is_told_of_a_fault(live: Any) -> None:
    answer = await knock("GET", b"/account/", [(b"cookie", b'sessionid="\\000abc"; theme="\\000"')])
    assert (answer.status, answer.headers["location"]) == (302, "/login/?next=/account/")
    cookie = (await aside(lambda: session_of(make_member("olga"))))["cookie"].encode()
    both = await knock("GET", b"/account/", [(b"cookie", cookie + b'; other="\\000"')])
    assert both.status == 200, "what another program on this machine has set keeps nobody out"
    assert await aside(SystemEvent.objects.count) == 0


@pytest.mark.parametrize(("path", "status"), [(b"/nowhere/", 404), (b"/probe/", 400)])
async def test_telling_an_error_keeps_no_connection(live: Any, path: bytes, status: int) -> None:
    """Each thread that told one would keep one of a pool's few for good."""
    teller = ThreadPoolExecutor(1)
    asyncio.get_running_loop().set_default_executor(teller)
    cookie = (b"cookie", (await aside(lambda: session_of(make_member("olga"))))["cookie"].encode())
    more = [(b"host", b"evil.example")] if status == 400 else []
    assert (await knock("GET", path, [cookie, *more])).status == status
    held = await asyncio.wrap_future(teller.submit(lambda: connections["default"].connection))
    assert held is None


PARTS: dict[str, bytes] = {
    "a head of 20 kB": b'--x\r\nContent-Disposition: form-data; name="a"; y="'
    + b"y" * 20_000
    + b'"\r\n\r\nb\r\n--x--\r\n',
    "no end": b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\nb',
    "rubbish": b"\x00\xff" * 500,
    "nothing": b"",
    "no name": b"--x\r\nContent-Disposition: form-data\r\n\r\nb\r\n--x--\r\n",
    "no base64": b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n'
    b"Content-Transfer-Encoding: base64\r\n\r\n\xff###\r\n--x--\r\n",
    "a path": b'--x\r\nContent-Disposition: form-data; name="files"; filename="../../etc/x\x00.json"\r\n\r\n{}\r\n--x--\r\n',
    "an odd file name": b"--x\r\nContent-Disposition: form-data; name=\"files\"; filename*=utf-99''a\r\n\r\n{}\r\n--x--\r\n",
    "NUL in a file name": b"--x\r\nContent-Disposition: form-data; name=\"files\"; filename*=utf-8''a%00\r\n\r\n{}\r\n--x--\r\n",
    "NUL in a name": b'--x\r\nContent-Disposition: form-data; name="a\x00"\r\n\r\nb\r\n--x--\r\n',
    "NUL in a value": b'--x\r\nContent-Disposition: form-data; name="dataset"\r\n\r\nb\x00\r\n--x--\r\n',
    "an odd charset": b'--x\r\nContent-Disposition: form-data; name="dataset"\r\nContent-Type: text/plain; charset=zlib\r\n'
    b"\r\nb\r\n--x--\r\n",
    "an odd length": b'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\nContent-Length: x\r\n\r\n{}\r\n'
    b"--x--\r\n",
    "1,200 fields": b"".join(b'--x\r\nContent-Disposition: form-data; name="a%d"\r\n\r\nb\r\n' % n for n in range(1200))
    + b"--x--\r\n",
}
TAKERS = ["/login/", "/tasks/import/", "/api/v1/tasks/import/files", "/api/v1/auth/keys", "/api/v1/auth/token",
          "/admin/tasks/taskfamily/add/"]  # fmt: skip


@pytest.mark.parametrize("what", PARTS)
def test_no_multipart_body_breaks_a_door(people: People, what: str) -> None:
    browser = Client(raise_request_exception=False)
    browser.force_login(people.admin)
    _key, text = api_key_create(owner=people.admin, name="a", scopes=["read", "write", "admin"])
    for client in (browser, Program(text).client, Client(raise_request_exception=False)):
        for path in TAKERS:
            for kind in ("multipart/form-data; boundary=x", "multipart/form-data"):
                answer = client.generic("POST", path, PARTS[what], content_type=kind)
                sound(answer, f"{path}: {what}")
                assert answer.status_code != 201
    assert not SystemEvent.objects.filter(event_type="unexpected_error").exists()
