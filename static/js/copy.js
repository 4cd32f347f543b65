// data-copy: copies its value or, without one, the <pre> beside it.
import { on } from "./dom.js";
import { toast } from "./toast.js";

on("click", "[data-copy]", async (_event, button) => {
  const text = button.dataset.copy || button.closest("[data-copy-root]").querySelector("pre").textContent;
  try {
    await write(text);
  } catch {
    toast("The browser does not let a page copy here. Select the text and copy it yourself.", "warning");
    return;
  }
  button.classList.add("copied");
  setTimeout(() => button.classList.remove("copied"), 1200);
  toast("Copied.");
});

async function write(text) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = Object.assign(document.createElement("textarea"), { value: text, readOnly: true });
  area.className = "sr-only";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("not allowed");
}
