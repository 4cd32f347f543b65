// <form data-filter>: sends itself when a choice changes, also one that stands elsewhere and names it by its `form`
// attribute, and leaves what is empty out of the address.
import { on } from "./dom.js";

on("change", "select, input[type=checkbox], input[type=radio]", (_event, input) => {
  if (input.form?.matches("form[data-filter]")) input.form.requestSubmit();
});

document.addEventListener("htmx:configRequest", (event) => {
  if (!event.target.closest?.("form[data-filter]")) return;
  for (const [name, value] of [...event.detail.formData.entries()]) {
    if (value === "") event.detail.formData.delete(name);
  }
});
