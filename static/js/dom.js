// Small words used by every module. Events are delegated, so that swapped-in fragments work without set-up.

export function on(type, selector, handler, options) {
  document.addEventListener(
    type,
    (event) => {
      const target = event.target instanceof Element ? event.target.closest(selector) : null;
      if (target) handler(event, target);
    },
    options,
  );
}

export function remember(name, value) {
  const secure = location.protocol === "https:" ? ";secure" : "";
  document.cookie = `${name}=${value};path=/;max-age=31536000;samesite=lax${secure}`;
}

export function each(selector, action, root = document) {
  root.querySelectorAll(selector).forEach(action);
}

// Now, and again for whatever htmx brings in.
export function whenShown(action) {
  action(document);
  document.addEventListener("htmx:load", (event) => action(event.target));
}

export function typing(event) {
  const target = event.target;
  return target instanceof HTMLElement && (target.isContentEditable || target.matches("input, select, textarea"));
}
