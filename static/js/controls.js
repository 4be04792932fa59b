// Manners of the controls over a page's question: short addresses, and time zones to choose from.
(() => {
  "use strict";
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;

  // What is as it would be anyway need not be in the address.
  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.target.matches("#controls, #question")) return;
    const { parameters } = event.detail;
    for (const field of document.getElementById("controls").elements) {
      if (field.dataset.default === undefined) continue;
      if (parameters[field.name] === field.dataset.default) delete parameters[field.name];
    }
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
