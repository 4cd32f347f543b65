// <form data-filter>: sends itself when a choice changes, and leaves what is empty out of the address.
import { on } from "./dom.js";

on("change", "form[data-filter] select, form[data-filter] input[type=checkbox], form[data-filter] input[type=radio]", (_event, input) =>
  input.form.requestSubmit(),
);

document.addEventListener("htmx:configRequest", (event) => {
  if (!event.target.closest?.("form[data-filter]")) return;
  for (const [name, value] of [...event.detail.formData.entries()]) {
    if (value === "") event.detail.formData.delete(name);
  }
});
