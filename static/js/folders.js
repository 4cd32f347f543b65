// Browsers send the names of a chosen folder's files without the folders they lie in: those travel in a field beside.

for (const input of document.querySelectorAll("input[type=file][data-paths]")) {
  input.addEventListener("change", () => {
    const paths = Array.from(input.files, (file) => file.webkitRelativePath || file.name);
    input.form.elements[input.dataset.paths].value = JSON.stringify(paths);
  });
}
