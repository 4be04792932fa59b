// Small manners of forms: ask before removing, refuse large files, copy a snippet, show the days of a custom range, close the menu.
(() => {
  "use strict";
  document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !confirm(question)) event.preventDefault();
  });

  // In the capture phase, so that the days take part in the request that the same change sends.
  document.addEventListener("change", (event) => {
    if (event.target.name !== "range" || !event.target.form) return;
    for (const days of event.target.form.querySelectorAll("[data-shown-for]")) {
      days.disabled = event.target.value !== days.dataset.shownFor;
    }
  }, true);

  // A file that is too large is not sent: the server would end the connection in the middle of it.
  document.addEventListener("change", (event) => {
    const most = Number(event.target.dataset.mostBytes);
    if (!most) return;
    const isTooLarge = [...event.target.files].some((file) => file.size > most);
    event.target.setCustomValidity(isTooLarge ? `Choose a file of at most ${most} bytes: add the rest over the API.` : "");
    event.target.reportValidity();
  });

  document.addEventListener("click", async (event) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!menu.contains(event.target)) menu.open = false;
    }
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const code = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
  });

  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
})();
