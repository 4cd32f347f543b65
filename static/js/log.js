// [data-log]: lines that follow their end while it is in sight, hidden below a level or without the words sought.
import { each, on, whenShown } from "./dom.js";

on("change", "[data-log] [data-log-level]", (_event, select) => {
  select.closest("[data-log]").dataset.min = select.value;
});

on("input", "[data-log] [data-log-search]", (_event, input) => {
  const log = input.closest("[data-log]");
  each(".log-line", (line) => match(line, input.value), log);
});

on("click", "[data-log] [data-log-follow]", (_event, button) => {
  const log = button.closest("[data-log]");
  setFollow(log, button.getAttribute("aria-pressed") !== "true");
});

whenShown((root) => {
  each("[data-log]", start, root);
  if (root instanceof Element && root.matches("[data-log]")) start(root);
});

function start(log) {
  if (log.dataset.started) return;
  log.dataset.started = "yes";
  const lines = log.querySelector(".log-lines");
  setFollow(log, true);
  lines.addEventListener("wheel", () => setTimeout(() => atEnd(lines) || setFollow(log, false)), { passive: true });
  new MutationObserver((changes) => {
    const sought = log.querySelector("[data-log-search]")?.value ?? "";
    changes.forEach((change) => change.addedNodes.forEach((node) => node.nodeType === 1 && match(node, sought)));
    if (log.dataset.follow === "yes") lines.scrollTop = lines.scrollHeight;
  }).observe(lines, { childList: true, subtree: true });
}

function setFollow(log, follow) {
  log.dataset.follow = follow ? "yes" : "no";
  const lines = log.querySelector(".log-lines");
  log.querySelector("[data-log-follow]")?.setAttribute("aria-pressed", String(follow));
  if (follow) lines.scrollTop = lines.scrollHeight;
}

function atEnd(lines) {
  return lines.scrollTop + lines.clientHeight >= lines.scrollHeight - 8;
}

function match(line, sought) {
  if (line.classList?.contains("log-line")) {
    line.hidden = sought !== "" && !line.textContent.toLowerCase().includes(sought.toLowerCase());
  }
}
