// The rail: thin or wide on a desk, a drawer on a phone.
import { each, on, remember } from "./dom.js";

const root = document.documentElement;

on("click", "[data-rail-toggle]", () => {
  root.dataset.rail = root.dataset.rail === "thin" ? "wide" : "thin";
  remember("rail", root.dataset.rail);
});

on("click", "[data-drawer-open]", () => drawer(root.dataset.drawer !== "open"));
on("click", "[data-drawer-close]", () => drawer(false));
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && root.dataset.drawer === "open") drawer(false);
});

function drawer(open) {
  root.dataset.drawer = open ? "open" : "closed";
  each("[data-drawer-open]", (button) => {
    button.setAttribute("aria-expanded", String(open));
    if (!open) button.focus();
  });
  if (open) document.querySelector("#rail a[aria-current], #rail a")?.focus();
}
