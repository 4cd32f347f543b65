// [data-matrix]: one tab stop, arrow keys between cells, a thumbnail on hover and focus. A cell is a link to its page.
import { on, whenShown } from "./dom.js";

const PAUSE = 140;
const hints = new Map(); // address and look of a cell -> its hint's HTML
let timer;

whenShown(() => {
  const matrix = document.querySelector("[data-matrix]");
  if (matrix && !matrix.querySelector('.cell[tabindex="0"]')) {
    // Back from the page of a cell, one stands on it.
    const left = location.hash && matrix.querySelector(`.cell[id="${CSS.escape(location.hash.slice(1))}"]`);
    const first = left || matrix.querySelector(".cell");
    if (first) {
      first.tabIndex = 0;
      matrix.removeAttribute("tabindex");
    }
    if (left) left.focus();
  }
});

const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

on("keydown", "[data-matrix] .cell", (event, cell) => {
  if (event.key === "Escape") hide();
  const target = event.key in moves ? beside(cell, ...moves[event.key]) : edge(cell, event.key);
  if (!target) return;
  event.preventDefault();
  settle(target);
  target.focus({ preventScroll: false });
});

function beside(cell, down, right) {
  const column = cell.closest("td").cellIndex + right;
  const rows = [...cell.closest("[data-matrix]").querySelectorAll("tbody tr")];
  const row = rows[rows.indexOf(cell.closest("tr")) + down];
  const found = row?.cells[column]?.querySelector(".cell");
  if (found || !right) return found;
  // Past the end of a block, on with the same row of the next one.
  const table = cell.closest("table");
  const further = right > 0 ? table.nextElementSibling : table.previousElementSibling;
  const same = further?.tBodies?.[0]?.rows[cell.closest("tr").sectionRowIndex];
  return (right > 0 ? same?.cells[1] : same?.cells[same.cells.length - 1])?.querySelector(".cell");
}

function edge(cell, key) {
  const cells = cell.closest("tr").querySelectorAll(".cell");
  return key === "Home" ? cells[0] : key === "End" ? cells[cells.length - 1] : null;
}

function settle(cell) {
  cell.closest("[data-matrix]").querySelectorAll('.cell[tabindex="0"]').forEach((other) => (other.tabIndex = -1));
  cell.tabIndex = 0;
}

// A cell that came live knows nothing of the order the page is in; the matrix does.
on("click", "[data-matrix] .cell", (_event, cell) => {
  const query = cell.closest("[data-matrix]").dataset.query;
  if (query && !cell.search) cell.search = query;
});

for (const [enter, leave] of [
  ["pointerover", "pointerout"],
  ["focusin", "focusout"],
]) {
  on(enter, "[data-matrix] .cell", (event, cell) => {
    if (event.pointerType === "touch") return;
    if (enter === "focusin" && !cell.matches(":focus-visible")) return;
    clearTimeout(timer);
    timer = setTimeout(() => show(cell), PAUSE);
  });
  on(leave, "[data-matrix] .cell", hide);
}

async function show(cell) {
  const box = document.getElementById("matrix-hint");
  if (!box) return;
  const address = new URL(cell.href);
  address.pathname += "hint/";
  const key = `${address.pathname}${address.search} ${cell.className.replace(" flash", "")}`;
  if (!hints.has(key)) {
    const answer = await fetch(address, { headers: { "HX-Request": "true" } });
    if (!answer.ok) return;
    hints.set(key, await answer.text());
  }
  if (!cell.matches(":hover, :focus-visible") || document.querySelector("dialog[open]")) return;
  box.innerHTML = hints.get(key);
  box.hidden = false;
  const place = cell.getBoundingClientRect();
  const width = box.offsetWidth;
  const left = Math.min(Math.max(8, place.left + place.width / 2 - width / 2), innerWidth - width - 8);
  const under = place.bottom + 8 + box.offsetHeight < innerHeight;
  const parent = box.offsetParent?.getBoundingClientRect() ?? { left: 0, top: 0 };
  const scroll = box.offsetParent === document.body ? [scrollX, scrollY] : [0, 0];
  box.style.left = `${left - parent.left + (box.offsetParent === document.body ? 0 : scroll[0])}px`;
  box.style.top = `${(under ? place.bottom + 8 : place.top - 8 - box.offsetHeight) - parent.top}px`;
}

function hide() {
  clearTimeout(timer);
  const box = document.getElementById("matrix-hint");
  if (box) box.hidden = true;
}
