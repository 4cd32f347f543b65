// [data-chart]: draws the Bokeh figure beside it in the colours of the page, repaints when the theme changes, takes
// new data that live.js has put into [data-chart-data], and saves it as PNG.
import { each, on, whenShown } from "./dom.js";
import { resolve, save } from "./save.js";

const drawn = new Map();

whenShown((root) => {
  each("[data-chart]", draw, root);
  if (root instanceof Element && root.matches("[data-chart]")) draw(root);
});

document.addEventListener("theme:change", () => drawn.forEach(paint));

document.addEventListener("terrarium:data", (event) => take(event.target, event.detail.data));

async function draw(box) {
  if (box.dataset.drawn) return;
  box.dataset.drawn = "yes";
  const source = document.getElementById(`${box.id}-item`);
  const manager = await window.Bokeh.embed.embed_item(JSON.parse(source.textContent), box.id);
  const view = [...manager][0];
  drawn.set(box.id, view);
  paint(view);
}

function paint(view) {
  const style = getComputedStyle(document.documentElement);
  const colour = (token) => resolve(style.getPropertyValue(token));
  const [muted, line, font] = [colour("--muted"), colour("--line"), style.getPropertyValue("--sans")];
  const plot = view.model;
  const room = Math.max(2, Math.round(view.el.clientWidth / 130));
  plot.below.forEach((axis) => axis.ticker && "desired_num_ticks" in axis.ticker && axis.ticker.setv({ desired_num_ticks: Math.min(8, room) }));
  [...plot.above, ...plot.below, ...plot.left, ...plot.right].forEach((axis) => {
    if (!("axis_label_text_color" in axis)) return;
    axis.setv({
      axis_label_text_color: muted,
      major_label_text_color: muted,
      axis_line_color: line,
      axis_label_text_font: font,
      major_label_text_font: font,
    });
  });
  plot.center.forEach((grid) => "grid_line_color" in grid && grid.setv({ grid_line_color: line }));
  plot.renderers.forEach((renderer) => {
    const glyph = renderer.glyph;
    const tag = [...(renderer.tags ?? []), ...(glyph?.tags ?? [])].find((name) => String(name).startsWith("series-"));
    if (!glyph || tag === undefined) return;
    const value = { value: colour(`--s${(Number(tag.slice(7)) % 8) + 1}`) };
    if ("line_color" in glyph) glyph.line_color = value;
    if ("fill_color" in glyph) glyph.fill_color = value;
  });
}

function take(element, data) {
  drawn.get(element.dataset.chartData)?.model.renderers.forEach((renderer) => {
    const columns = data[renderer.data_source?.name];
    if (columns) renderer.data_source.data = columns;
  });
}

on("click", "[data-chart-png]", (_event, button) => {
  const id = button.dataset.chartPng;
  const layer = drawn.get(id)?.export("png", true);
  if (!layer) return;
  onPaper(layer.canvas, document.getElementById(id).closest("figure")).toBlob((blob) => save(blob, `${id}.png`));
});

// The picture on the page's ground, beneath its title, its reading and its legend, so that it can stand alone.
function onPaper(picture, frame) {
  const style = getComputedStyle(document.documentElement);
  const ratio = picture.width / frame.querySelector("[data-chart]").clientWidth;
  const names = [...frame.querySelectorAll(".legend li")];
  const head = (names.length ? 80 : 60) * ratio;
  const canvas = Object.assign(document.createElement("canvas"), { width: picture.width, height: picture.height + head });
  const paper = canvas.getContext("2d");
  const write = (text, x, y, font, token) => {
    paper.font = font;
    paper.fillStyle = resolve(style.getPropertyValue(token));
    paper.fillText(text, x * ratio, y * ratio);
    return paper.measureText(text).width / ratio;
  };
  const sans = style.getPropertyValue("--sans");
  paper.fillStyle = resolve(style.getPropertyValue("--surface"));
  paper.fillRect(0, 0, canvas.width, canvas.height);
  write(frame.querySelector("h2").textContent, 12, 26, `600 ${16 * ratio}px ${sans}`, "--ink");
  write(frame.querySelector("p").textContent, 12, 46, `${12 * ratio}px ${sans}`, "--muted");
  let x = 12;
  names.forEach((name, index) => {
    const token = `--s${(index % 8) + 1}`;
    x += write("■", x, 68, `${12 * ratio}px ${sans}`, token) + 4;
    x += write(name.textContent.trim(), x, 68, `${12 * ratio}px ${sans}`, "--muted") + 16;
  });
  paper.drawImage(picture, 0, head);
  return canvas;
}
