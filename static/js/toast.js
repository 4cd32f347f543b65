// Notes that pass. The server adds one by Django's messages or by the header HX-Trigger: {"toast": {level, text}}.
import { on, whenShown } from "./dom.js";

const stack = document.getElementById("toasts");
const model = document.getElementById("toast-template");
const lifetime = 6000;

export function toast(text, level = "done") {
  const node = model.content.firstElementChild.cloneNode(true);
  node.className = `toast is-${level}`;
  node.setAttribute("role", level === "error" ? "alert" : "status");
  node.querySelector(".toast-text").textContent = text;
  stack.append(node);
  expire(node);
}

function expire(node) {
  if (node.dataset.timed || node.classList.contains("is-error")) return;
  node.dataset.timed = "yes";
  let timer = setTimeout(() => node.remove(), lifetime);
  node.addEventListener("pointerenter", () => clearTimeout(timer));
  node.addEventListener("pointerleave", () => (timer = setTimeout(() => node.remove(), lifetime / 2)));
}

on("click", "[data-toast-close]", (_event, button) => button.closest("[data-toast]").remove());

document.addEventListener("toast", (event) => toast(event.detail.text ?? event.detail.value, event.detail.level));

document.addEventListener("htmx:responseError", (event) => {
  toast(explain(event.detail.xhr), "error");
});

document.addEventListener("htmx:sendError", () => {
  toast("The server did not answer. Check that it still runs, then try again.", "error");
});

function explain(xhr) {
  try {
    const message = JSON.parse(xhr.responseText).error.message;
    if (message) return message;
  } catch {
    // Not the API's shape: say it by its status.
  }
  const known = {
    401: "You are signed out. Reload the page and sign in again.",
    403: "This is not yours to do: ask its owner or an admin.",
    404: "It is no longer there. Reload the page.",
    429: "Too many requests. Wait a moment, then try again.",
  };
  return known[xhr.status] ?? `The server could not do this (status ${xhr.status}). The event is in System, Events.`;
}

whenShown(() => stack.querySelectorAll("[data-toast]").forEach(expire));
