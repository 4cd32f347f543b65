// Pages that follow the event log. `{% live_page "name" key %}` writes an element with the cursor its data ends at;
// here each such element gets a socket that sends {cursor, html} whenever something changed.
//
// A plain WebSocket and not hx-ws: that extension reconnects to its first address, so the cursor could not travel,
// only after some close codes, and leaves out scripts of data. What changes is placed by htmx all the same, so that
// fragments come alive, focus stays and hx-preserve holds.
const FIRST_WAIT = 300;
const LONGEST_WAIT = 8000;
const SILENCE = 45000; // the server speaks at least every 20 s
const HIDDEN_PATIENCE = 60000;
const ATTEMPTS_TO_OFFLINE = 6;
const MAX_HELD = 500;
const FINAL = { 4400: "Live updates stopped. Reload the page.", 4401: "Signed out. Reload to sign in.", 4404: "" };
const CROWDED = 4429; // tried again, slowly: another tab may be closed meanwhile

const links = new Map(); // element -> Link

class Link {
  constructor(element) {
    this.element = element;
    this.attempt = 0;
    this.state = "connecting";
    this.open();
  }

  open() {
    this.shut();
    const address = new URL("/ws/live/", location.href);
    address.protocol = location.protocol === "https:" ? "wss:" : "ws:";
    const { livePage, liveKey, liveCursor } = this.element.dataset;
    address.search = new URLSearchParams({ page: livePage, key: liveKey, after: liveCursor });
    const socket = (this.socket = new WebSocket(address));
    this.heard = Date.now();
    socket.onmessage = (event) => this.take(JSON.parse(event.data));
    socket.onclose = (event) => this.lost(event.code);
  }

  // Also before opening anew: nothing of an earlier socket may still arrive.
  shut() {
    clearTimeout(this.timer);
    if (!this.socket) return;
    this.socket.onmessage = this.socket.onclose = null;
    this.socket.close();
    this.socket = null;
  }

  take(message) {
    if (message.error) return; // a close with its code follows
    this.heard = Date.now();
    this.attempt = 0;
    this.set("live");
    if (message.reset && document.getElementById("main")?.contains(this.element)) {
      this.shut();
      refetch().catch(() => this.lost(0));
      return;
    }
    if (message.html) apply(message.html);
    // On the element, so that it survives with the page in the browser's back-forward cache.
    this.element.dataset.liveCursor = message.cursor;
  }

  lost(code) {
    this.shut();
    if (code in FINAL) {
      this.final = FINAL[code];
      this.set("offline");
      return;
    }
    this.crowded = code === CROWDED;
    if (this.crowded) this.attempt = ATTEMPTS_TO_OFFLINE;
    const wait = Math.min(LONGEST_WAIT, FIRST_WAIT * 2 ** this.attempt) * (0.5 + Math.random() / 2);
    this.attempt += 1;
    this.set(!navigator.onLine || this.attempt > ATTEMPTS_TO_OFFLINE ? "offline" : "reconnecting");
    this.timer = setTimeout(() => this.open(), wait);
  }

  // Whatever went silent or is waiting tries at once.
  hurry() {
    if (this.final !== undefined || this.socket?.readyState === WebSocket.OPEN) return;
    this.attempt = 0;
    this.open();
  }

  set(state) {
    if (this.state === state) return;
    this.state = state;
    show();
  }
}

// Bind what has appeared, let go of what has left: after every swap, whoever did it.
function sync() {
  for (const [element, link] of links) {
    if (!element.isConnected) {
      link.shut();
      links.delete(element);
    }
  }
  for (const element of document.querySelectorAll("[data-live-page]")) {
    if (!links.has(element)) links.set(element, new Link(element));
  }
}

function suspend() {
  links.forEach((link) => link.shut());
}

function resume() {
  links.forEach((link) => link.hurry());
}

// The state of the page as a whole: on <html> for styles, in words for [data-live-status] when it is worth a word.
let spoken;
function show() {
  const all = [...links.values()];
  const state = ["offline", "reconnecting", "connecting"].find((s) => all.some((link) => link.state === s)) ?? "live";
  const root = document.documentElement;
  const before = root.dataset.liveState;
  if (state === "connecting" || state === before) return;
  root.dataset.liveState = state;
  clearTimeout(spoken);
  if (state === "live") {
    if (before) say("Live again", 3000);
  } else {
    // Not for a restart that is over before anybody could read it.
    spoken = setTimeout(() => say(all.find((link) => link.final)?.final ?? words(state, all)), 1500);
  }
}

function words(state, all) {
  if (all.some((link) => link.crowded)) return "Too many live pages are open. Close some.";
  return state === "offline" ? "Offline. Trying again." : "Reconnecting";
}

function say(text, forget) {
  const places = document.querySelectorAll("[data-live-status]");
  if (forget && ![...places].some((place) => place.textContent)) return;
  places.forEach((place) => (place.textContent = text));
  if (forget) spoken = setTimeout(() => places.forEach((place) => (place.textContent = "")), forget);
}

// The log was forgotten beyond our cursor: take the page's main part anew, with a new cursor in it. By hand, because
// htmx is told to drop scripts and would drop the data of charts with them; these here are inert and stay.
async function refetch() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) throw new Error(`The page answered ${answer.status}`);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const [main, fresh] = [document.getElementById("main"), page.getElementById("main")];
  const focused = main.contains(document.activeElement) ? document.activeElement.id : "";
  main.replaceWith(fresh);
  htmx.process(fresh);
  htmx.trigger(fresh, "htmx:load");
  if (focused) document.getElementById(focused)?.focus({ preventScroll: true });
}

// The pieces of a message; rows of a table come in a template, for they stand in nothing else.
function pieces(content) {
  return [...content.children].flatMap((piece) => (piece.matches("template") ? pieces(piece.content) : [piece]));
}

function apply(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  for (const piece of pieces(template.content)) {
    try {
      place(piece);
    } catch (error) {
      console.error("A live fragment could not be placed", piece.id, error);
    }
  }
}

// hx-swap-oob as htmx reads it: `true`, a style, or `style:selector`. What the page does not show is passed over.
function place(piece, released = false) {
  const [, style, selector] = /^([^:]*):?(.*)$/s.exec(piece.getAttribute("hx-swap-oob") ?? "true");
  const target = selector ? document.querySelector(selector) : document.getElementById(piece.id);
  if (!target) return;
  const holder = target.closest("[data-live-hold]");
  if (holder && !released && holds(holder)) {
    hold(holder, piece);
    return;
  }
  if (piece.matches("script[type='application/json']")) {
    target.textContent = piece.textContent;
    const detail = { id: target.id, data: JSON.parse(piece.textContent) };
    target.dispatchEvent(new CustomEvent("terrarium:data", { bubbles: true, detail }));
    return;
  }
  piece.removeAttribute("hx-swap-oob");
  if (style === "true" || style === "outerHTML") {
    if (piece.outerHTML !== target.outerHTML) htmx.swap(target, piece.outerHTML, { swapStyle: "outerHTML" });
    return;
  }
  if (style !== "innerHTML") {
    // Inserted once: what the page was already served with, or a second message brings again, is not doubled.
    for (const child of [...piece.children]) if (child.id && document.getElementById(child.id)) child.remove();
    if (!piece.childElementCount && !piece.textContent.trim() && style !== "delete") return;
  }
  htmx.swap(target, piece.innerHTML, { swapStyle: style });
}

// [data-live-hold]: nothing inside moves while the pointer is on it, or with "menu" while a menu in it is open. New rows
// that wait are counted in data-live-waiting, which is 0 when parts only changed.
const held = new Map(); // holder -> pieces
let watching;

function holds(holder) {
  if (holder.dataset.liveHold === "menu") return Boolean(holder.querySelector("details[data-menu][open]"));
  if (holder.querySelector("input[data-pick]:checked")) return true; // somebody is choosing rows
  return matchMedia("(hover: hover)").matches && holder.matches(":hover");
}

function hold(holder, piece) {
  const waiting = held.get(holder) ?? [];
  const same = piece.id && waiting.findIndex((other) => other.id === piece.id && replaces(other) && replaces(piece));
  if (piece.id && same >= 0) waiting[same] = piece;
  else waiting.push(piece);
  held.set(holder, waiting);
  holder.dataset.liveWaiting = waiting.reduce((sum, one) => sum + (replaces(one) ? 0 : one.childElementCount), 0);
  watching ??= setInterval(release, 200);
  if (waiting.length > MAX_HELD) release(holder);
}

function replaces(piece) {
  return ["true", "outerHTML", "innerHTML", null].includes(piece.getAttribute("hx-swap-oob"));
}

function release(forced) {
  for (const [holder, pieces] of held) {
    if (holder.isConnected && holder !== forced && holds(holder)) continue;
    held.delete(holder);
    delete holder.dataset.liveWaiting;
    pieces.forEach((piece) => place(piece, true));
  }
  if (!held.size) {
    clearInterval(watching);
    watching = undefined;
  }
}

let hiddenTimer;
document.addEventListener("visibilitychange", () => {
  clearTimeout(hiddenTimer);
  if (document.hidden) hiddenTimer = setTimeout(suspend, HIDDEN_PATIENCE);
  else resume();
});
addEventListener("pagehide", suspend);
addEventListener("pageshow", (event) => event.persisted && resume());
addEventListener("online", resume);
setInterval(() => {
  for (const link of links.values()) {
    if (link.socket && Date.now() - link.heard > SILENCE) link.lost(0);
  }
}, 5000);
for (const event of ["htmx:load", "htmx:afterSettle", "htmx:historyRestore"]) document.addEventListener(event, sync);
sync();
