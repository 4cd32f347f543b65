// Uploads: where a folder's files lay travels in a field beside them, what is too much is said before it is sent, and
// long text that was pasted goes as the file it is.

const LONG_TEXT = 1_000_000;

for (const input of document.querySelectorAll("input[type=file][data-paths]")) {
  input.addEventListener("change", () => {
    const paths = Array.from(input.files, (file) => file.webkitRelativePath || file.name);
    input.form.elements[input.dataset.paths].value = JSON.stringify(paths);
  });
}

for (const form of document.querySelectorAll("form[data-upload]")) {
  const inputs = Array.from(form.querySelectorAll("input[type=file]"));
  for (const input of inputs) input.addEventListener("change", () => inputs.forEach((one) => one.setCustomValidity("")));
  form.addEventListener("submit", (event) => {
    packPasted(form);
    const problem = tooMuch(form, inputs);
    if (!problem) return;
    const fullest = inputs.reduce((most, input) => (input.files.length > most.files.length ? input : most));
    fullest.setCustomValidity(problem);
    fullest.reportValidity();
    event.preventDefault();
  });
}

function tooMuch(form, inputs) {
  const files = inputs.flatMap((input) => Array.from(input.files));
  const bytes = files.reduce((sum, file) => sum + file.size, 0);
  const { mostFiles, mostBytes } = form.dataset;
  const remedy = "Send them packed as a zip, or in parts.";
  if (files.length > mostFiles) return `More than ${Number(mostFiles).toLocaleString("en")} files at once. ${remedy}`;
  if (bytes > mostBytes) return `More than ${mostBytes / 1e6} MB at once. ${remedy}`;
  return "";
}

function packPasted(form) {
  const { pasted, pasted_id: name, uploads } = form.elements;
  if (!pasted || pasted.value.length < LONG_TEXT) return;
  const files = new DataTransfer();
  for (const file of uploads.files) files.items.add(file);
  files.items.add(new File([pasted.value], `${name.value.trim() || "pasted"}.json`, { type: "application/json" }));
  uploads.files = files.files;
  pasted.value = "";
}
