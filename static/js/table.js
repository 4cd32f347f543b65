// <table data-sort>: sorts the rows at hand by a click on <button class="sort"> in a head; cells may carry
// data-value where the text does not sort as it reads. Tables that page are sorted by the server instead.
import { each, on, whenShown } from "./dom.js";

// A table wider than its place can be scrolled by the keyboard too.
function reach(root) {
  each(".table-wrap", (wrap) => {
    const scrolls = wrap.scrollWidth > wrap.clientWidth || wrap.scrollHeight > wrap.clientHeight;
    if (!scrolls || wrap.hasAttribute("tabindex")) return;
    const heading = wrap.closest("section")?.querySelector("h2")?.textContent;
    wrap.tabIndex = 0;
    wrap.setAttribute("role", "group"); // a region would be one landmark more
    wrap.setAttribute("aria-label", wrap.querySelector("caption")?.textContent || heading || "Table");
  }, root);
}

whenShown(reach);
addEventListener("resize", () => reach(document));

on("click", "table[data-sort] th button.sort", (_event, button) => {
  const head = button.closest("th");
  const table = head.closest("table");
  const column = [...head.parentElement.children].indexOf(head);
  const up = head.getAttribute("aria-sort") ? head.getAttribute("aria-sort") !== "ascending" : !head.classList.contains("num");
  head.parentElement.querySelectorAll("th").forEach((other) => other.removeAttribute("aria-sort"));
  head.setAttribute("aria-sort", up ? "ascending" : "descending");
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => [value(row.cells[column]), row]);
  rows.sort(([a], [b]) => compare(a, b) * (up ? 1 : -1));
  body.append(...rows.map(([, row]) => row));
});

function value(cell) {
  const text = (cell?.dataset.value ?? cell?.textContent ?? "").trim();
  const number = Number(text.replace(/[,\u202f%$ ]/g, ""));
  return text !== "" && Number.isFinite(number) ? number : text;
}

function compare(a, b) {
  if (typeof a === "number" && typeof b === "number") return a - b;
  return String(a).localeCompare(String(b), undefined, { numeric: true });
}
