// Live pages: no polling in a hidden tab, and an honest word when the figures are no longer fresh.
(() => {
  "use strict";
  const say = (text, stale) => {
    const live = document.getElementById("live");
    if (!live || live.textContent === text) return;
    live.textContent = text;
    live.classList.toggle("stale", stale);
  };

  document.addEventListener("htmx:beforeRequest", (event) => {
    if (document.hidden && event.target.matches("[data-live]")) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) return;
    for (const part of document.querySelectorAll("[data-live]")) htmx.trigger(part, "refresh");
  });

  document.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) say("Live", false);
  });
  for (const failure of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.addEventListener(failure, () => say("Not live: the server does not answer", true));
  }
})();
