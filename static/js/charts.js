// Draws every chart of a page: a [data-chart] element holds the numbers, the box that it names the canvas, which
// outlives each refresh. Labels reach the page as text only.
(() => {
  "use strict";
  const DAY = 86400;
  const charts = new Map(); // by the id of the box

  const exact = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 2 });
  const compact = new Intl.NumberFormat("en-GB", { notation: "compact", maximumFractionDigits: 1 });
  const shown = (value) => (value === null || value === undefined ? "–" : exact.format(value));
  const make = (tag, className, text) => {
    const element = document.createElement(tag);
    if (className) element.className = className;
    if (text !== undefined) element.textContent = text;
    return element;
  };

  // --- times, as the zone of the question shows them ---
  const clocks = new Map();
  function clockOf(tz) {
    if (!clocks.has(tz)) {
      const format = (options) => {
        const made = new Intl.DateTimeFormat("en-GB", { timeZone: tz, hourCycle: "h23", ...options });
        return (seconds) => made.format(new Date(seconds * 1000));
      };
      clocks.set(tz, {
        time: format({ hour: "2-digit", minute: "2-digit" }),
        day: format({ day: "numeric", month: "short" }),
        month: format({ month: "short", year: "numeric" }),
        date: format({ weekday: "short", day: "numeric", month: "short", year: "numeric" }),
      });
    }
    return clocks.get(tz);
  }

  function moment(seconds, data) {
    const clock = clockOf(data.tz);
    if (data.step.endsWith("mo")) return clock.month(seconds);
    const whole = data.step.endsWith("d") || data.step.endsWith("w");
    return whole ? clock.date(seconds) : `${clock.date(seconds)}, ${clock.time(seconds)}`;
  }

  const axisTimes = (data) => (chart, splits, axisIndex, space, increment) => {
    const clock = clockOf(data.tz);
    return splits.map((seconds) => {
      if (increment >= 28 * DAY) return clock.month(seconds);
      const time = clock.time(seconds);
      return increment >= DAY || time === "00:00" ? clock.day(seconds) : time;
    });
  };

  // --- colours, as the style sheet has them for the theme ---
  const style = (element, property) => getComputedStyle(element)[property];
  function colourOf(host, ink) {
    const probe = host.appendChild(make("i", `ink ink-${ink}`));
    const colour = style(probe, "color");
    probe.remove();
    return colour;
  }

  // --- what is drawn ---
  // Stacked series lie on those before them, so the last is the highest and is drawn first.
  const isStacked = (data, one) => data.kind === "stacked" && !one.previous;
  function drawnOf(data) {
    const sums = data.times.map(() => 0);
    const drawn = data.series.map((one, index) => {
      if (!isStacked(data, one)) return { one, index, values: one.values };
      return { one, index, values: one.values.map((value, at) => (sums[at] += one.hidden ? 0 : value ?? 0)) };
    });
    return data.kind === "stacked" ? drawn.reverse().sort((a, b) => !!a.one.previous - !!b.one.previous) : drawn;
  }

  // A column's bars stand side by side; sizes and offsets are fractions of the plot's width.
  function sideBySide(number, count) {
    const column = (chart) => {
      const [first, second] = chart.data[0];
      const width = second === undefined ? 0.2 : (chart.valToPos(second, "x") - chart.valToPos(first, "x")) / chart.over.clientWidth;
      return Math.min(width, 0.2) * 0.8;
    };
    const of = (size) => (chart) => chart.data[0].map((seconds) => size(chart, seconds));
    const left = (chart, seconds) =>
      chart.valToPos(seconds, "x") / chart.over.clientWidth - column(chart) / 2 + (number * column(chart)) / count;
    return { x0: { unit: 2, values: of(left) }, size: { unit: 2, values: of((chart) => (column(chart) / count) * 0.94) } };
  }

  function seriesOf(host, data, { one }) {
    const colour = colourOf(host, one.ink);
    const soft = (percent) => `color-mix(in srgb, ${colour} ${percent}%, transparent)`;
    const base = { label: one.label, stroke: colour, width: 2, show: !one.hidden, points: { show: data.times.length === 1, size: 7, fill: colour } };
    const isOnBars = data.kind === "bars" || data.kind === "stacked";
    if (one.previous) return { ...base, stroke: isOnBars ? style(host, "outlineColor") : soft(70), width: 1.5, dash: [5, 5] };
    if (data.kind === "line") return base;
    if (data.kind === "area") return { ...base, fill: soft(data.series.filter((each) => !each.previous).length === 1 ? 14 : 8) };
    const solid = { ...base, stroke: undefined, width: 0, fill: colour, points: { show: false } };
    const bars = data.series.filter((each) => !each.previous);
    if (data.kind === "stacked" || bars.length === 1) return { ...solid, paths: uPlot.paths.bars({ size: [0.8, 64], radius: bars.length === 1 ? 0.15 : 0 }) };
    return { ...solid, paths: uPlot.paths.bars({ disp: sideBySide(bars.indexOf(one), bars.length) }) };
  }

  function axis(host, more) {
    return {
      stroke: style(host, "outlineColor"),
      font: "12px system-ui, sans-serif",
      grid: { stroke: style(host, "borderTopColor"), width: 1 },
      ticks: { show: false },
      ...more,
    };
  }

  // Columns need half of their width beside the first and the last of them.
  function rangeOf(data) {
    const pad = data.kind === "bars" || data.kind === "stacked" ? (data.times[1] - data.times[0] || 60) / 2 : 0;
    return (_, low, high) => (low === high ? [low - DAY / 2, high + DAY / 2] : [low - pad, high + pad]);
  }

  function optionsOf(chart) {
    const { host, data, drawn } = chart;
    const zone = data.tz === "UTC" ? "Etc/UTC" : data.tz;
    return {
      width: host.clientWidth,
      height: host.clientHeight,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), zone),
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7, show: data.kind !== "stacked" && data.kind !== "bars" } },
      scales: {
        x: { range: rangeOf(data) },
        y: { range: (_, low, high) => [Math.min(0, low ?? 0) * 1.08, Math.max(high ?? 0, 4) * 1.08] },
      },
      axes: [
        axis(host, { values: axisTimes(data), grid: { show: false }, space: 72, size: 30 }),
        axis(host, { values: (_, splits) => splits.map((value) => compact.format(value)), size: 48,
                     incrs: [1, 2, 5].flatMap((n) => [...Array(13).keys()].map((e) => n * 10 ** e)).sort((a, b) => a - b) }),
      ],
      series: [{}, ...drawn.map((each) => seriesOf(host, data, each))],
      plugins: [tooltip(chart)],
    };
  }

  function tooltip(chart) {
    const box = make("div", "chart-tip");
    box.hidden = true;
    const fill = (index) => {
      const { data, host } = chart;
      const lines = data.series.filter((one) => !one.hidden).map((one) => {
        const line = make("div");
        const ink = make("i", `ink ink-${one.ink}${one.previous ? " ink-dashed" : ""}`);
        line.append(ink, `${one.label} `, make("span", "", shown(one.values[index])));
        return line;
      });
      box.replaceChildren(make("b", "", moment(data.times[index], data)), ...lines);
    };
    const place = (u) => {
      const { left, idx } = u.cursor;
      box.hidden = idx === null || idx === undefined || left < 0;
      if (box.hidden) return;
      fill(idx);
      const room = u.over.clientWidth - box.offsetWidth;
      const at = Math.max(0, Math.min(left + 14 > room ? left - box.offsetWidth - 14 : left + 14, room));
      box.style.transform = `translate(${at}px, 8px)`;
    };
    return { hooks: { init: (u) => u.over.append(box), setCursor: place } };
  }

  // --- the same for those who do not see it ---
  function describe(chart) {
    const { data } = chart;
    const parts = data.series.map((one) => {
      const known = one.values.filter((value) => value !== null);
      if (!known.length) return `${one.label}: no values`;
      const high = Math.max(...known);
      const when = moment(data.times[one.values.indexOf(high)], data);
      return `${one.label}: highest ${shown(high)} (${when}), lowest ${shown(Math.min(...known))}, last ${shown(known[known.length - 1])}`;
    });
    chart.host.setAttribute("aria-label", `${chart.title}. ${parts.join("; ")}.`);
  }

  function fillTable(chart) {
    const details = chart.box.querySelector("details.values");
    if (!details?.open) return;
    const { data } = chart;
    const table = make("table", "rows");
    const head = table.createTHead().insertRow();
    const heads = [`Time (${data.tz})`, ...data.series.map((one) => one.label)].map((text, column) => {
      const cell = make("th", column ? "number" : "", text);
      cell.scope = "col";
      return cell;
    });
    head.append(...heads);
    const body = table.createTBody();
    data.times.forEach((seconds, at) => {
      const row = body.insertRow();
      row.append(make("td", "when", moment(seconds, data)), ...data.series.map((one) => make("td", "number", shown(one.values[at]))));
    });
    details.querySelector(".scroll").replaceChildren(table);
  }

  // --- from the page to charts and back ---
  function draw(source, force) {
    const box = document.getElementById(source.dataset.for);
    const host = box?.querySelector(".chart");
    if (!host) return;
    const old = charts.get(box.id);
    const same = old && old.host === host;
    markLegend(box.id, old?.hidden);
    if (!force && same && old.text === source.dataset.chart) return;
    const data = JSON.parse(source.dataset.chart);
    const hidden = same ? old.hidden : new Set();
    for (const one of data.series) one.hidden = hidden.has(one.key);
    const chart = { box, host, data, hidden, title: source.dataset.title, text: source.dataset.chart, drawn: drawnOf(data) };
    chart.shape = JSON.stringify([data.kind, data.tz, data.step, data.times.length === 1, data.series.map((one) => [one.key, one.ink, one.hidden])]);
    const columns = [data.times, ...chart.drawn.map((each) => each.values)];
    if (!force && same && old.shape === chart.shape) {
      // The tooltip reads what it shows from the chart that it was made for.
      Object.assign(old, chart);
      old.plot.setData(columns);
    } else {
      if (old) old.plot.destroy();
      chart.plot = new uPlot(optionsOf(chart), columns, host);
      charts.set(box.id, chart);
      if (!same) sizes.observe(host);
    }
    describe(charts.get(box.id));
    fillTable(charts.get(box.id));
    for (const button of document.querySelectorAll(`[data-png="${CSS.escape(box.id)}"]`)) button.hidden = false;
  }

  function drawAll(force) {
    for (const [id, chart] of charts) {
      if (chart.host.isConnected) continue;
      chart.plot.destroy();
      sizes.unobserve(chart.host);
      charts.delete(id);
    }
    for (const source of document.querySelectorAll("[data-chart]")) draw(source, force);
  }

  function markLegend(id, hidden) {
    for (const button of document.querySelectorAll(`[data-of="${CSS.escape(id)}"]`)) {
      button.setAttribute("aria-pressed", String(!hidden?.has(button.dataset.line)));
    }
  }

  function toggleLine(button) {
    const chart = charts.get(button.dataset.of);
    if (!chart) return;
    const key = button.dataset.line;
    if (!chart.hidden.delete(key)) chart.hidden.add(key);
    draw(document.querySelector(`[data-for="${CSS.escape(chart.box.id)}"]`), true);
    markLegend(chart.box.id, chart.hidden);
  }

  // Title, legend and plot on the colour of the card, at the screen's own resolution.
  function save(chart) {
    const plot = chart.plot.ctx.canvas;
    const scale = plot.width / chart.plot.width;
    const top = 58 * scale;
    const canvas = make("canvas");
    canvas.width = plot.width;
    canvas.height = plot.height + top;
    const paint = canvas.getContext("2d");
    paint.fillStyle = style(chart.box.closest(".card") || document.body, "backgroundColor");
    paint.fillRect(0, 0, canvas.width, canvas.height);
    const write = (text, x, y, font, colour) => {
      paint.font = `${font.replace(/\d+/, (size) => size * scale)} system-ui, sans-serif`;
      paint.fillStyle = colour;
      paint.fillText(text, x * scale, y * scale);
      return paint.measureText(text).width / scale;
    };
    const ink = style(document.body, "color");
    write(chart.title, 14, 24, "600 15px", ink);
    let x = 14;
    for (const one of chart.data.series.filter((each) => !each.hidden)) {
      paint.fillStyle = colourOf(chart.host, one.ink);
      paint.fillRect(x * scale, 40 * scale, 12 * scale, 4 * scale);
      x += 18 + write(one.label, x + 18, 46, "400 12px", ink) + 16;
    }
    paint.drawImage(plot, 0, top);
    canvas.toBlob((blob) => {
      const link = make("a");
      link.href = URL.createObjectURL(blob);
      link.download = `${chart.title.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "") || "chart"}.png`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
    });
  }

  // With the arrow keys the tooltip goes from bucket to bucket.
  function step(event) {
    const chart = [...charts.values()].find((each) => each.host === event.target);
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!chart || (!by && event.key !== "Escape")) return;
    event.preventDefault();
    const last = chart.data.times.length - 1;
    const index = chart.plot.cursor.idx ?? (by === 1 ? -1 : last + 1);
    const at = Math.max(0, Math.min(last, index + by));
    chart.plot.setCursor(by ? { left: chart.plot.valToPos(chart.data.times[at], "x"), top: 1 } : { left: -10, top: -10 });
  }

  const sizes = new ResizeObserver((entries) => {
    for (const { target } of entries) {
      const chart = [...charts.values()].find((each) => each.host === target);
      const { clientWidth: width, clientHeight: height } = target;
      if (!chart || !width || (chart.plot.width === width && chart.plot.height === height)) continue;
      chart.plot.setSize({ width, height });
    }
  });

  drawAll(true);
  document.addEventListener("htmx:afterSwap", () => drawAll(false));
  document.addEventListener("sluice:theme", () => drawAll(true));
  document.addEventListener("keydown", step);
  document.addEventListener("toggle", (event) => {
    const box = event.target.closest?.(".chart-box");
    if (box && charts.has(box.id)) fillTable(charts.get(box.id));
  }, true);
  document.addEventListener("click", (event) => {
    const line = event.target.closest("[data-of]");
    if (line) toggleLine(line);
    const png = event.target.closest("[data-png]");
    if (png && charts.has(png.dataset.png)) save(charts.get(png.dataset.png));
  });
})();
