"""static/js/live.js by itself, in a real browser, against a server that is played: what it places, and how it comes back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import django_htmx
import pytest
from playwright.sync_api import Browser, Page, Route, WebSocketRoute, expect

from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
HTMX = Path(django_htmx.__file__).parent / "static/django_htmx/htmx-2.min.js"
ORIGIN = "http://lab.test"
CONFIG = '{"includeIndicatorStyles":false,"allowEval":false,"allowScriptTags":false}'


def document(main: str, cursor: str = "0-1") -> str:
    """A page as base.html makes them, with one live page in its main part and one outside."""
    return f"""<!doctype html><html><head><meta name="htmx-config" content='{CONFIG}'>
      <script src="/htmx.js" defer></script><script type="module" src="/live.js"></script></head><body>
      <span data-live-status role="status"></span><span id="pill">0</span>
      <span hidden data-live-page="shell" data-live-key="" data-live-cursor="{cursor}"></span>
      <main id="main"><span hidden data-live-page="list" data-live-key="k" data-live-cursor="{cursor}"></span>
      {main}</main></body></html>"""


class Played:
    """The server's side: the page, and the sockets as they are opened."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.main = '<p id="a">one</p><table><tbody id="rows"><tr id="r1"><td>1</td></tr></tbody></table>'
        self.cursor = "0-1"
        self.sockets: list[tuple[dict[str, list[str]], WebSocketRoute]] = []
        page.route("**/*", self._serve)
        page.route_web_socket("**/ws/live/**", self._open)

    def _serve(self, route: Route) -> None:
        path = urlsplit(route.request.url).path
        if path == "/htmx.js":
            route.fulfill(path=HTMX, content_type="text/javascript")
        elif path == "/live.js":
            route.fulfill(path=ROOT / "static/js/live.js", content_type="text/javascript")
        elif path == "/":
            route.fulfill(body=document(self.main, self.cursor), content_type="text/html")
        else:
            route.fulfill(status=404)

    def _open(self, socket: WebSocketRoute) -> None:
        query = parse_qs(urlsplit(socket.url).query, keep_blank_values=True)
        self.sockets.append((query, socket))
        socket.send(json.dumps({"cursor": query["after"][0]}))

    def socket(self, page: str) -> WebSocketRoute:
        """The latest socket of a live page."""
        return next(socket for query, socket in reversed(self.sockets) if query["page"] == [page])

    def asked(self, page: str) -> list[str]:
        """The cursors that page's sockets were opened with."""
        return [query["after"][0] for query, _ in self.sockets if query["page"] == [page]]

    def send(self, html: str, cursor: str, page: str = "list", **more: object) -> None:
        """A message, as the server sends it."""
        self.socket(page).send(json.dumps({"cursor": cursor, "html": html, **more}))


@pytest.fixture
def played(browser: Browser) -> Iterator[Played]:
    page = browser.new_page()
    server = Played(page)
    page.goto(f"{ORIGIN}/")
    expect(page.locator("html")).to_have_attribute("data-live-state", "live")
    yield server
    page.close()


def until(page: Page, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it did not happen"
        page.wait_for_timeout(50)


def test_a_fragment_replaces_by_id_and_unknown_ids_are_passed_over(played: Played) -> None:
    played.send('<p id="a" hx-swap-oob="true">two</p><p id="elsewhere" hx-swap-oob="true">x</p>', "0-2")
    expect(played.page.locator("#a")).to_have_text("two")
    expect(played.page.locator("#elsewhere")).to_have_count(0)


def test_rows_are_added_once_even_when_they_are_sent_again(played: Played) -> None:
    row = '<tbody hx-swap-oob="beforeend:#rows"><tr id="r1"><td>1</td></tr><tr id="r2"><td>2</td></tr></tbody>'
    played.send(row, "0-2")
    played.send(row, "0-3")
    expect(played.page.locator("#rows tr")).to_have_count(2)
    played.send('<tbody hx-swap-oob="afterbegin:#rows"><tr id="r0"><td>0</td></tr></tbody>', "0-4")
    expect(played.page.locator("#rows tr").first).to_have_id("r0")


def test_a_row_that_comes_in_a_template_replaces_the_one_of_its_id(played: Played) -> None:
    rows = '<tr id="r1" hx-swap-oob="true"><td>one</td></tr><tr id="r9" hx-swap-oob="true"><td>not here</td></tr>'
    played.send(f'<p id="a" hx-swap-oob="true">two</p><template>{rows}</template>', "0-2")
    expect(played.page.locator("#rows tr")).to_have_text(["one"])
    expect(played.page.locator("#a")).to_have_text("two")


def test_data_reaches_its_chart_without_a_script_being_run(played: Played) -> None:
    page = played.page
    page.evaluate(
        """() => {
            const holder = document.createElement("script");
            holder.type = "application/json"; holder.id = "curve"; holder.textContent = "[1]";
            document.getElementById("main").append(holder);
            window.got = [];
            document.addEventListener("terrarium:data", (event) => window.got.push(event.detail));
        }"""
    )
    played.send('<script type="application/json" id="curve" hx-swap-oob="true">[1, 2]</script>', "0-2")
    until(page, lambda: page.evaluate("window.got.length") == 1)
    assert page.evaluate("window.got[0]") == {"id": "curve", "data": [1, 2]}
    assert page.evaluate("document.getElementById('curve').textContent") == "[1, 2]"


@pytest.mark.parametrize("code", [1000, 1001, 1006, 1011, 1012, 4408])
def test_it_comes_back_with_its_last_cursor_whatever_the_close(played: Played, code: int) -> None:
    played.send('<p id="a" hx-swap-oob="true">two</p>', "0-7")
    expect(played.page.locator("#a")).to_have_text("two")
    played.socket("list").close(code=code if code != 1006 else None)
    until(played.page, lambda: played.asked("list") == ["0-1", "0-7"])
    expect(played.page.locator("html")).to_have_attribute("data-live-state", "live")
    assert played.asked("shell") == ["0-1"]


@pytest.mark.parametrize(("code", "words"), [(4401, "Signed out"), (4400, "Reload")])
def test_it_does_not_come_back_where_that_is_useless_and_says_why(played: Played, code: int, words: str) -> None:
    played.socket("list").close(code=code)
    expect(played.page.locator("html")).to_have_attribute("data-live-state", "offline")
    expect(played.page.locator("[data-live-status]")).to_contain_text(words)
    played.page.wait_for_timeout(1000)
    assert played.asked("list") == ["0-1"]


def test_a_reset_takes_the_main_part_anew_with_its_new_cursor(played: Played) -> None:
    played.main, played.cursor = '<p id="a">anew</p><script type="application/json" id="curve">[3]</script>', "0-50"
    played.send("<p id='a' hx-swap-oob='true'>ignored</p>", "0-49", reset=True)
    expect(played.page.locator("#a")).to_have_text("anew")
    assert played.page.evaluate("document.getElementById('curve').textContent") == "[3]"
    until(played.page, lambda: played.asked("list") == ["0-1", "0-50"])
    played.send('<p id="a" hx-swap-oob="true">on</p>', "0-51")
    expect(played.page.locator("#a")).to_have_text("on")


def test_a_reset_outside_the_main_part_is_drawn_from_the_message(played: Played) -> None:
    played.send('<span id="pill" hx-swap-oob="true">9</span>', "0-60", page="shell", reset=True)
    expect(played.page.locator("#pill")).to_have_text("9")
    assert played.asked("list") == ["0-1"]


def test_nothing_moves_under_the_pointer_and_what_waits_is_counted(played: Played) -> None:
    page = played.page
    page.evaluate("document.querySelector('table').setAttribute('data-live-hold', '')")
    page.hover("#r1")
    played.send('<tbody hx-swap-oob="afterbegin:#rows"><tr id="r2"><td>2</td></tr></tbody>', "0-2")
    played.send('<tbody hx-swap-oob="afterbegin:#rows"><tr id="r3"><td>3</td></tr></tbody>', "0-3")
    expect(page.locator("table")).to_have_attribute("data-live-waiting", "2")
    expect(page.locator("#rows tr")).to_have_count(1)
    page.hover("#a")
    expect(page.locator("#rows tr")).to_have_count(3)
    expect(page.locator("table")).not_to_have_attribute("data-live-waiting", "2")


def test_an_open_menu_stays_until_it_is_closed(played: Played) -> None:
    menu = '<div id="b" data-live-hold="menu"><details data-menu{}><summary>More</summary><button>{}</button></details></div>'
    page = played.page
    page.evaluate(
        "markup => document.querySelector('#a').insertAdjacentHTML('afterend', markup)", menu.format(" open", "Stop")
    )
    played.send(menu.format("", "Start").replace("<div", '<div hx-swap-oob="true"'), "0-2")
    expect(page.locator("#b")).to_have_attribute("data-live-waiting", "0")
    expect(page.get_by_role("button", name="Stop")).to_be_visible()
    page.evaluate("document.querySelector('#b details').open = false")
    expect(page.locator("#b button")).to_have_text("Start")


def test_a_live_part_that_leaves_the_page_closes_its_socket_and_a_new_one_opens(played: Played) -> None:
    page = played.page
    page.evaluate(
        """() => htmx.swap("#main", '<span hidden data-live-page="other" data-live-key="z" data-live-cursor="0-9"></span>',
                           {swapStyle: "innerHTML"})"""
    )
    until(page, lambda: played.asked("other") == ["0-9"])
    played.socket("list").send(json.dumps({"cursor": "0-10", "html": '<span id="pill" hx-swap-oob="true">x</span>'}))
    page.wait_for_timeout(300)
    expect(page.locator("#pill")).to_have_text("0")


def test_focus_stays_where_it_was_when_a_part_is_replaced(played: Played) -> None:
    page = played.page
    played.send('<p id="a" hx-swap-oob="true"><input id="i" value="abc"></p>', "0-2")
    page.focus("#i")
    played.send('<p id="a" hx-swap-oob="true"><input id="i" value="abcd"></p>', "0-3")
    expect(page.locator("#i")).to_have_value("abcd")
    expect(page.locator("#i")).to_be_focused()
