// Swagger UI has a dark look of its own, behind a class: keep it in step with the lab's theme.
const dark = matchMedia("(prefers-color-scheme: dark)");

function follow() {
  const theme = document.documentElement.dataset.theme;
  document.documentElement.classList.toggle("dark-mode", theme === "dark" || (theme !== "light" && dark.matches));
}

follow();
document.addEventListener("theme:change", follow);
