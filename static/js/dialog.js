// Native dialogs: data-dialog-open="id", data-dialog-close, a click on the backdrop; side panels that have an address
// go back to the list when closed; data-confirm-phrase asks for the phrase before it lets the button be pressed.
import { on, whenShown } from "./dom.js";

on("click", "[data-dialog-open]", (event, button) => {
  const dialog = document.getElementById(button.dataset.dialogOpen);
  if (!(dialog instanceof HTMLDialogElement)) return;
  event.preventDefault();
  button.closest("details[data-menu]")?.removeAttribute("open");
  dialog.showModal();
});

on("click", "[data-dialog-close]", (_event, button) => button.closest("dialog").close());

document.addEventListener("click", (event) => {
  if (event.target instanceof HTMLDialogElement && event.target.open) event.target.close();
});

document.addEventListener(
  "close",
  (event) => {
    const url = event.target.dataset?.closeUrl;
    if (url) history.replaceState(null, "", url);
  },
  true,
);

on("input", "[data-confirm-phrase] input[name=phrase]", (_event, input) => {
  const form = input.form;
  form.querySelector("[type=submit]").disabled = input.value.trim() !== form.dataset.confirmPhrase;
});

whenShown((root) => {
  const panels = [...root.querySelectorAll("dialog[data-open]")];
  if (root instanceof HTMLDialogElement && root.matches("[data-open]")) panels.push(root);
  panels.forEach((panel) => {
    if (!panel.open) panel.showModal();
  });
});
