// Manners of the controls over a page's question: short addresses, and time zones to choose from.
(() => {
  "use strict";
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;

  // What is as it would be anyway need not be in the address.
  document.addEventListener("htmx:configRequest", (event) => {
    if (event.target.id !== "controls") return;
    const { parameters } = event.detail;
    for (const field of event.target.elements) {
      if (field.dataset.default === undefined) continue;
      if (parameters[field.name] === field.dataset.default) delete parameters[field.name];
    }
  });

  // Fields of a page's own question ask as the controls do, whose form they belong to though they stand elsewhere. A
  // choice made while an answer is on its way would be lost with the fields that this replaces: the next one comes.
  let choices = 0;
  document.addEventListener("change", (event) => {
    if (!event.target.closest("#question")) return;
    choices += 1;
    htmx.trigger("#controls", "change");
  });
  document.addEventListener("htmx:beforeSend", (event) => {
    event.detail.xhr.choices = choices;
  });
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.xhr.choices !== choices) event.detail.shouldSwap = false;
  });

  // The browser's own zone first, then all that it knows; UTC is not among those.
  document.addEventListener("focusin", (event) => {
    const list = event.target.matches("[data-zone]") && event.target.list;
    if (!list || list.options.length) return;
    const zones = new Set([own, "UTC", ...(Intl.supportedValuesOf?.("timeZone") ?? [])]);
    for (const zone of zones) {
      const option = document.createElement("option");
      option.value = zone;
      if (zone === own) option.label = "this browser's";
      list.append(option);
    }
  });

  // A list shows only what fits the text: the text makes room while one chooses, and comes back where nobody did.
  document.addEventListener("focusin", (event) => {
    const field = event.target;
    if (!field.matches("[data-zone]") || !field.value) return;
    field.placeholder = field.value;
    field.value = "";
  });
  document.addEventListener("focusout", (event) => {
    const field = event.target;
    if (field.matches("[data-zone]") && !field.value) field.value = field.placeholder;
  });
})();
