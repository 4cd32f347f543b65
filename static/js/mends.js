// [data-mends]: what the server says of the form as it is now (data-problems of #estimate: a message a field) stands at
// the fields: a complaint goes when it is mended. A name not given yet is complained of only after it was once.
document.addEventListener("htmx:afterSwap", (event) => {
  const said = document.getElementById("estimate")?.dataset.problems;
  const form = document.querySelector("[data-mends]");
  if (!said || !form || !form.contains(event.target)) return;
  const problems = JSON.parse(said);
  const names = new Set([...form.elements].map((control) => control.name).filter(Boolean));
  for (const name of names) settle(form, name, problems[name]);
});

function settle(form, name, problem) {
  const control = form.elements.namedItem(name);
  const first = control instanceof RadioNodeList ? control[0] : control;
  const group = form.querySelector(`[data-error-for="${CSS.escape(name)}"]`);
  const field = first.closest(".field");
  const shown = group ?? (field && [...field.children].find((part) => part.matches(".field-error")));
  if (!problem) {
    if (!shown) return;
    shown.remove();
    field?.classList.remove("has-error");
    first.removeAttribute("aria-invalid");
    if (!form.querySelector(".field-error")) form.querySelector(":scope > .note.is-error")?.remove();
    return;
  }
  if (shown) {
    (shown.querySelector("span") ?? shown).textContent = problem;
    return;
  }
  if (name === "name" || !field) return;
  const told = document.createElement("p");
  told.className = "field-error";
  const words = told.appendChild(document.createElement("span"));
  words.textContent = problem;
  field.append(told);
  field.classList.add("has-error");
  first.setAttribute("aria-invalid", "true");
}
