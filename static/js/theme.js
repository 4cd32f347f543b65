// data-theme-set="light|dark|system": remembered in a cookie, so that the server writes it and nothing flashes.
import { each, on, remember } from "./dom.js";

on("click", "[data-theme-set]", (_event, button) => {
  const theme = button.dataset.themeSet;
  document.documentElement.dataset.theme = theme;
  remember("theme", theme);
  each("[data-theme-set]", (other) => other.setAttribute("aria-checked", String(other === button)));
  const menu = button.closest("details");
  const shown = menu?.querySelector("summary .icon");
  if (shown) shown.replaceWith(button.querySelector(".icon").cloneNode(true));
  if (menu) menu.open = false;
  announce();
});

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", announce);

function announce() {
  document.dispatchEvent(new CustomEvent("theme:change"));
}
