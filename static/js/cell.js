// [data-cell]: the arrow keys step through the cells of a row, J and K through the rows of its task. The next page is
// taken in place, so that nothing flashes and the eye stays where it was; without a script each step is a link.
import { on } from "./dom.js";

const KEYS = {
  ArrowLeft: "before",
  ArrowRight: "after",
  k: "above",
  j: "below",
  t: "truth",
  Escape: "matrix",
};
const ahead = new Map(); // address -> promise of the page's text, for the cells beside this one
let latest = 0;

document.addEventListener("keydown", (event) => {
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || event.defaultPrevented) return;
  if (event.target.closest("input, textarea, select, dialog[open], [contenteditable]") || document.querySelector("dialog[open]")) return;
  const step = event.key === "u" ? toggled() : document.querySelector(`[data-step="${KEYS[event.key]}"]`);
  if (!step) return;
  event.preventDefault();
  go(step);
});

function toggled() {
  return document.querySelector('[data-step="all"]:not([aria-current]), [data-step="unsolved"]:not([aria-current])');
}

on("click", "[data-step]:not([data-step=matrix]), .cell-strip .cell", (event, step) => {
  if (event.button || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  go(step);
});

async function go(step) {
  if (step.dataset.step === "matrix") {
    location.assign(step.href);
    return;
  }
  const turn = ++latest;
  const address = step.href;
  let text;
  try {
    text = await (ahead.get(address) ?? fetched(address));
  } catch {
    location.assign(address); // whatever is wrong, the browser says it better
    return;
  }
  if (turn === latest) show(address, text, step.dataset.step);
}

async function fetched(address) {
  const answer = await fetch(address, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) throw new Error(`The page answered ${answer.status}`);
  return answer.text();
}

function show(address, text, step) {
  const page = new DOMParser().parseFromString(text, "text/html");
  const [main, fresh] = [document.getElementById("main"), page.getElementById("main")];
  document.querySelector(".crumbs").replaceWith(page.querySelector(".crumbs"));
  main.replaceWith(fresh);
  document.title = page.title;
  history.replaceState(null, "", address);
  window.htmx.process(fresh);
  window.htmx.trigger(fresh, "htmx:load");
  fresh.querySelector(`[data-step="${step}"]`)?.focus({ preventScroll: true });
  lookAhead();
}

function lookAhead() {
  document.querySelector('.cell-strip [aria-current="true"]')?.scrollIntoView({ block: "nearest", inline: "center" });
  ahead.clear();
  for (const step of document.querySelectorAll('[data-step="before"], [data-step="after"]')) {
    const text = fetched(step.href);
    text.catch(() => ahead.delete(step.href));
    ahead.set(step.href, text);
  }
}

lookAhead();
