// Taking along what a page shows: the table under a chart as CSV, a drawing of the server's as PNG.
import { on } from "./dom.js";

export function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
}

// light-dark() must be computed by the browser before a canvas can use it.
const probe = document.createElement("span");
probe.hidden = true;
document.body.append(probe);

export function resolve(value) {
  probe.style.color = value;
  return getComputedStyle(probe).color;
}

on("click", "[data-chart-csv]", (_event, button) => {
  const id = button.dataset.chartCsv;
  const table = document.getElementById(`${id}-table`);
  const lines = [...table.rows].map((row) => [...row.cells].map((cell) => quote(cell.dataset.value ?? cell.textContent.trim())).join(","));
  save(new Blob([`${lines.join("\r\n")}\r\n`], { type: "text/csv;charset=utf-8" }), `${id}.csv`);
});

function quote(text) {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

// An image knows no style sheet: each part takes the look it has now along. Drawn beneath its title, its reading and
// its legend, so that it can stand alone.
on("click", "[data-plot-png]", async (_event, button) => {
  const frame = button.closest("figure");
  const drawing = frame.querySelector("svg.plot");
  const [width, height, head, ratio] = [drawing.clientWidth, drawing.clientHeight, 80, 2];
  const copy = drawing.cloneNode(true);
  const parts = copy.querySelectorAll("*");
  drawing.querySelectorAll("*").forEach((part, index) => {
    const look = getComputedStyle(part);
    for (const name of ["fill", "stroke", "stroke-width", "opacity", "font-family", "font-size"]) {
      parts[index].style.setProperty(name, look.getPropertyValue(name));
    }
  });
  copy.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  copy.setAttribute("width", width);
  const image = new Image(width, height);
  image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(new XMLSerializer().serializeToString(copy))}`;
  await image.decode();
  const canvas = Object.assign(document.createElement("canvas"), { width: (width + 24) * ratio, height: (height + head) * ratio });
  const paper = canvas.getContext("2d");
  paper.scale(ratio, ratio);
  const style = getComputedStyle(document.documentElement);
  const write = (text, x, y, font, token) => {
    paper.font = `${font} ${style.getPropertyValue("--sans")}`;
    paper.fillStyle = resolve(style.getPropertyValue(token));
    paper.fillText(text, x, y);
    return paper.measureText(text).width;
  };
  paper.fillStyle = resolve(style.getPropertyValue("--surface"));
  paper.fillRect(0, 0, canvas.width, canvas.height);
  write(frame.querySelector("h2").textContent, 12, 26, "600 16px", "--ink");
  write(frame.querySelector("p").textContent, 12, 46, "12px", "--muted");
  let x = 12;
  frame.querySelectorAll(".legend li").forEach((name, index) => {
    x += write("■", x, 68, "12px", `--s${(index % 8) + 1}`) + 4;
    x += write(name.textContent.trim(), x, 68, "12px", "--muted") + 16;
  });
  paper.drawImage(image, 12, head, width, height);
  canvas.toBlob((blob) => save(blob, `${button.dataset.plotPng}.png`));
});
