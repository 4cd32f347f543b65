// form[data-pieces]: sends its file in pieces, so that it may be of any size; a piece that is lost is sent again from
// where the lab says the last one ended. Without this script the form is sent as it is.

const PIECE = 8 * 1024 * 1024;
const TRIES = 6;

for (const form of document.querySelectorAll("form[data-pieces]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form).catch((error) => tell(form, error.message));
  });
}

async function send(form) {
  const file = form.elements.file.files[0];
  const button = form.querySelector("[type=submit]");
  button.disabled = true;
  tell(form, "");
  const call = caller(form);
  const upload = await call("POST", "/uploads", { file_name: file.name, size: file.size });
  const began = performance.now();
  let sent = 0;
  let tries = 0;
  while (sent < file.size) {
    try {
      const path = `/uploads/${upload.upload_id}?offset=${sent}`;
      const taken = await call("PUT", path, file.slice(sent, sent + PIECE));
      sent = taken.received;
      tries = 0;
    } catch (error) {
      if (error.received !== undefined) sent = error.received;
      else if (error.final || ++tries >= TRIES) throw error;
      else await new Promise((done) => setTimeout(done, 500 * 2 ** tries));
    }
    show(form, sent, file.size, (performance.now() - began) / 1000);
  }
  const { name, description, format } = form.elements;
  const body = { upload_id: upload.upload_id, name: name.value, description: description.value, look_first: true };
  if (format.value) body.format = format.value;
  const made = await call("POST", "/datasets/from-upload", body);
  location.assign(`${form.dataset.then}${made.dataset_id}/`);
}

function caller(form) {
  const token = form.elements.csrfmiddlewaretoken.value;
  return async (method, path, body) => {
    const isPiece = body instanceof Blob;
    const answer = await fetch(form.dataset.pieces + path, {
      method,
      headers: { "X-CSRFToken": token, "Content-Type": isPiece ? "application/octet-stream" : "application/json" },
      body: isPiece ? body : JSON.stringify(body),
    });
    const told = await answer.json().catch(() => ({}));
    if (answer.ok) return told;
    const error = new Error(told.error?.message ?? `The lab answered ${answer.status}.`);
    error.received = told.error?.details?.received;
    error.final = answer.status < 500 && answer.status !== 429;
    throw error;
  };
}

function show(form, sent, size, seconds) {
  const part = form.querySelector("[data-progress]");
  part.hidden = false;
  part.querySelector("progress").value = sent / size;
  const left = sent ? ((size - sent) / sent) * seconds : 0;
  const rate = seconds ? sent / seconds / 1e6 : 0;
  part.querySelector("[data-words]").textContent =
    `${(sent / 1e6).toFixed(1)} of ${(size / 1e6).toFixed(1)} MB · ${rate.toFixed(1)} MB/s · ${Math.ceil(left)} s left`;
}

function tell(form, words) {
  const place = form.querySelector("[data-problem]");
  place.textContent = words;
  place.hidden = !words;
  form.querySelector("[type=submit]").disabled = false;
}
