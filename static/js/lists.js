// [data-listing]: choosing rows for what is done to many. A box for all of the page, Shift for all between two, and
// how many are chosen. Works without: the boxes and the buttons are a plain form.
import { on } from "./dom.js";

let last; // the box that was used before

on("click", "input[data-pick]", (event, box) => {
  const all = boxes(box);
  if (event.shiftKey && last && all.includes(last)) {
    const [from, to] = [all.indexOf(last), all.indexOf(box)].sort((a, b) => a - b);
    all.slice(from, to + 1).forEach((other) => (other.checked = box.checked));
  }
  last = box;
  tell(box);
});

on("change", "input[data-pick-all]", (_event, head) => {
  boxes(head).forEach((box) => (box.checked = head.checked));
  tell(head);
});

on("change", "input[data-pick-everything]", (_event, box) => {
  if (box.checked) boxes(box).forEach((one) => (one.checked = true));
  tell(box);
});

on("click", "[data-pick-none]", (_event, button) => {
  button.form.reset();
  boxes(button).forEach((box) => (box.checked = false));
  tell(button);
});

function boxes(inside) {
  return [...inside.closest("[data-listing]").querySelectorAll("input[data-pick]")];
}

function tell(inside) {
  const listing = inside.closest("[data-listing]");
  const [all, chosen] = [boxes(inside), boxes(inside).filter((box) => box.checked)];
  const head = listing.querySelector("input[data-pick-all]");
  const everything = listing.querySelector("input[data-pick-everything]");
  if (everything && chosen.length < all.length) everything.checked = false;
  if (head) {
    head.checked = chosen.length === all.length;
    head.indeterminate = chosen.length > 0 && chosen.length < all.length;
  }
  const words = everything?.checked ? "All chosen" : `${chosen.length.toLocaleString("en")} chosen`;
  listing.querySelectorAll("[data-pick-count]").forEach((place) => (place.textContent = words));
}
