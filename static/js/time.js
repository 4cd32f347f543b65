// <time data-ago>: keeps "3 min ago" true while the page stays open.
import { each } from "./dom.js";

const thin = "\u202f";

function words(seconds) {
  if (seconds < 10) return "now";
  if (seconds < 60) return `${Math.floor(seconds)}${thin}s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}${thin}min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)}${thin}h ago`;
  if (seconds < 86400 * 30) return `${Math.floor(seconds / 86400)}${thin}d ago`;
  return null;
}

setInterval(() => {
  if (document.hidden) return;
  each("time[data-ago]", (element) => {
    const seconds = (Date.now() - Date.parse(element.dateTime)) / 1000;
    const text = seconds >= 0 ? words(seconds) : null;
    if (text && text !== element.textContent) element.textContent = text;
  });
}, 10_000);
