// Runs in the head, before the first paint: the theme that was chosen, else the system's.
(() => {
  "use strict";
  const root = document.documentElement;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const stored = () => {
    try { return localStorage.getItem("theme"); } catch { return null; }
  };
  const store = (theme) => {
    try {
      if (theme === null) localStorage.removeItem("theme");
      else localStorage.setItem("theme", theme);
    } catch { /* Private windows may refuse: the choice lasts for this page. */ }
  };
  const apply = (theme) => {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
    document.dispatchEvent(new Event("sluice:theme"));
  };
  const shown = () => root.dataset.theme || (dark.matches ? "dark" : "light");

  apply(stored());
  dark.addEventListener("change", () => document.dispatchEvent(new Event("sluice:theme")));
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[data-theme-toggle]")) return;
    const next = shown() === "dark" ? "light" : "dark";
    // Whoever comes back to the system's theme follows the system again.
    const chosen = next === (dark.matches ? "dark" : "light") ? null : next;
    store(chosen);
    apply(chosen);
  });
})();
