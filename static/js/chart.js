// Draws the chart of a page: #chart-data holds the numbers, #chart the canvas, which outlives each refresh.
(() => {
  "use strict";
  const DAY = 86400;
  let plot = null;
  let drawn = "";

  const format = (options) => {
    const made = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", ...options });
    return (seconds) => made.format(new Date(seconds * 1000));
  };
  const clock = format({ hour: "2-digit", minute: "2-digit" });
  const day = format({ day: "numeric", month: "short" });
  const month = format({ month: "short", year: "numeric" });
  const weekday = format({ weekday: "short", day: "numeric", month: "short", year: "numeric" });
  const exact = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 2 });
  const compact = new Intl.NumberFormat("en-GB", { notation: "compact", maximumFractionDigits: 1 });

  const cssColour = (element, property = "color") => getComputedStyle(element)[property];
  const colourOf = (host, key) => cssColour(document.querySelector(`.ink-${CSS.escape(key)}`) || host);
  const whole = (step) => step.endsWith("d") || step.endsWith("w") || step.endsWith("mo");

  function moment(seconds, step) {
    if (step.endsWith("mo")) return month(seconds);
    return whole(step) ? weekday(seconds) : `${weekday(seconds)}, ${clock(seconds)}`;
  }

  function axisTimes(chart, splits, axisIndex, space, increment) {
    return splits.map((seconds) => {
      if (increment >= 28 * DAY) return month(seconds);
      return increment >= DAY || seconds % DAY === 0 ? day(seconds) : clock(seconds);
    });
  }

  function series(host, one, alone, points) {
    const colour = colourOf(host, one.key);
    return {
      label: one.label,
      stroke: colour,
      width: 2,
      fill: alone ? `color-mix(in srgb, ${colour} 12%, transparent)` : undefined,
      points: { show: points === 1, size: 7, fill: colour },
    };
  }

  function axis(host, more) {
    return {
      stroke: cssColour(host, "outlineColor"),
      font: "12px system-ui, sans-serif",
      grid: { stroke: cssColour(host, "borderTopColor"), width: 1 },
      ticks: { show: false },
      ...more,
    };
  }

  function options(host, data) {
    return {
      width: host.clientWidth,
      height: host.clientHeight,
      tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 7 } },
      scales: { y: { range: (_, low, high) => [Math.min(0, low ?? 0), Math.max(high ?? 0, 4) * 1.08] } },
      axes: [
        axis(host, { values: axisTimes, grid: { show: false }, space: 72, size: 30 }),
        axis(host, { values: (_, splits) => splits.map((value) => compact.format(value)), size: 48,
                     incrs: [1, 2, 5].flatMap((n) => [...Array(13).keys()].map((e) => n * 10 ** e)).sort((a, b) => a - b) }),
      ],
      series: [{}, ...data.series.map((one) => series(host, one, data.series.length === 1, data.times.length))],
      plugins: [tooltip()],
    };
  }

  function tooltip() {
    const box = document.createElement("div");
    box.className = "chart-tip";
    box.hidden = true;
    const fill = (u, index) => {
      const title = document.createElement("b");
      title.textContent = moment(u.data[0][index], plot.step);
      const lines = u.series.slice(1).map((one, number) => {
        const line = document.createElement("div");
        const value = u.data[number + 1][index];
        line.textContent = `${one.label}: ${value === null ? "–" : exact.format(value)}`;
        return line;
      });
      box.replaceChildren(title, ...lines);
    };
    const place = (u) => {
      const { left, idx } = u.cursor;
      box.hidden = idx === null || idx === undefined || left < 0;
      if (box.hidden) return;
      fill(u, idx);
      const room = u.over.clientWidth - box.offsetWidth;
      const at = Math.max(0, Math.min(left + 14 > room ? left - box.offsetWidth - 14 : left + 14, room));
      box.style.transform = `translate(${at}px, 8px)`;
    };
    return { hooks: { init: (u) => u.over.append(box), setCursor: place } };
  }

  function describe(host, source, data) {
    const sums = data.series.map((one) => {
      const values = one.values.filter((value) => value !== null);
      return `${one.label}: highest ${exact.format(Math.max(0, ...values))}, lowest ${exact.format(values.length ? Math.min(...values) : 0)}`;
    });
    host.setAttribute("aria-label", `${source.dataset.label}. ${sums.join("; ")}.`);
  }

  function draw(force) {
    const host = document.getElementById("chart");
    const source = document.getElementById("chart-data");
    if (!host || !source) return;
    if (!force && plot && plot.host === host && drawn === source.dataset.chart) return;
    const data = JSON.parse(source.dataset.chart);
    const columns = [data.times, ...data.series.map((one) => one.values)];
    const shape = JSON.stringify([data.series.map((one) => one.key), data.times.length === 1]);
    describe(host, source, data);
    if (force || !plot || plot.host !== host || plot.shape !== shape) {
      if (plot) plot.chart.destroy();
      plot = { host, shape, step: data.step, chart: null };
      plot.chart = new uPlot(options(host, data), columns, host);
    } else {
      plot.step = data.step;
      plot.chart.setData(columns);
    }
    drawn = source.dataset.chart;
  }

  function resize() {
    if (!plot || !plot.host.isConnected || !plot.host.clientWidth) return;
    const { clientWidth: width, clientHeight: height } = plot.host;
    if (plot.chart.width !== width || plot.chart.height !== height) plot.chart.setSize({ width, height });
  }

  draw(true);
  addEventListener("resize", resize);
  document.addEventListener("htmx:afterSwap", () => draw(false));
  document.addEventListener("sluice:theme", () => draw(true));
})();
