// "/" or Ctrl-K: search by id or name; arrows choose, Enter goes.
import { on, typing } from "./dom.js";

const palette = document.getElementById("palette");

if (palette) {
  const input = palette.querySelector("input");
  const results = palette.querySelector("#palette-results");
  const hits = () => [...results.querySelectorAll("[role=option]")];

  const choose = (chosen) => {
    hits().forEach((hit) => hit.setAttribute("aria-selected", String(hit === chosen)));
    if (chosen) {
      input.setAttribute("aria-activedescendant", chosen.id);
      chosen.scrollIntoView({ block: "nearest" });
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  };

  const open = () => {
    if (palette.open) return;
    palette.showModal();
    input.select();
    input.dispatchEvent(new Event("palette"));
  };

  on("click", "[data-palette-open]", open);

  document.addEventListener("keydown", (event) => {
    const shortcut = (event.key === "k" && (event.ctrlKey || event.metaKey)) || (event.key === "/" && !typing(event));
    if (!shortcut || (document.querySelector("dialog[open]") && !palette.open)) return;
    event.preventDefault();
    open();
  });

  input.addEventListener("keydown", (event) => {
    const all = hits();
    const at = all.findIndex((hit) => hit.getAttribute("aria-selected") === "true");
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      choose(all[(at + step + all.length) % all.length]);
    } else if (event.key === "Escape") {
      event.preventDefault(); // a search field would only empty itself
      palette.close();
      input.blur(); // the browser does so with the next frame, and a slash until then would count as typed here
    } else if (event.key === "Enter") {
      event.preventDefault();
      (all[at] ?? all[0])?.click();
    }
  });

  results.addEventListener("htmx:afterSwap", () => choose(hits()[0]));
}
