// <details data-menu>: closes on Escape, on a click elsewhere and when focus leaves; arrows walk its items.
import { each, on } from "./dom.js";

document.addEventListener("click", (event) => {
  each("details[data-menu][open]", (menu) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
});

on("focusout", "details[data-menu]", (event, menu) => {
  if (event.relatedTarget && !menu.contains(event.relatedTarget)) menu.open = false;
});

on("keydown", "details[data-menu]", (event, menu) => {
  if (event.key === "Escape" && menu.open) {
    menu.open = false;
    menu.querySelector("summary").focus();
    event.stopPropagation();
    return;
  }
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (!step) return;
  event.preventDefault();
  menu.open = true;
  const items = [...menu.querySelectorAll(".menu-item")];
  const at = items.indexOf(document.activeElement);
  items[(at + step + items.length) % items.length]?.focus();
});
