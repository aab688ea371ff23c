// The board's charts, drawn of the tables that the page holds, and a look every half minute at who waits.
//
// A table says what is to be drawn of it (data-chart, data-columns, data-tones); where a row's first cell leads, its bar leads
// too. Colours and letters are those of the page, and change with it.
"use strict";

(() => {
  const LOOK_MS = 30_000;
  const ROWS_DRAWN = 15;

  // ---- the tables ----

  /** What a table holds: its headings, and of each row its name, where that leads, its tone and its numbers by column. */
  function read(table) {
    const headings = [...table.tHead.rows[0].cells].map((cell) => cell.textContent.trim());
    const rows = [...table.tBodies[0].rows].map((row) => ({
      name: row.cells[0].textContent.trim(),
      link: row.cells[0].querySelector("a")?.href,
      tone: row.dataset.tone,
      values: [...row.cells].map((cell) => ("value" in cell.dataset ? Number(cell.dataset.value) : null)),
    }));
    const columns = table.dataset.columns.split(",").map(Number);
    const tones = table.dataset.tones.split(",");
    return { kind: table.dataset.chart, headings, rows, columns, tones };
  }

  // ---- what is drawn ----

  /** The page's own colours and letters. */
  function looks() {
    const style = getComputedStyle(document.body);
    const root = parseFloat(getComputedStyle(document.documentElement).fontSize);
    return {
      tone: (name) => style.getPropertyValue(`--${name}`).trim(),
      text: { fontFamily: style.fontFamily, fontSize: Math.round(root * 0.72) },
    };
  }

  const percent = (share) => `${Math.round(share * 100)}%`;
  const said = (value, asShare) => (value === null || value === undefined || Number.isNaN(value) ? "—" : asShare ? percent(value) : value);

  function frame({ tone, text }, shares) {
    const words = { ...text, color: tone("ink") };
    return {
      animation: false,
      textStyle: words,
      grid: { left: 4, right: 12, top: 36, bottom: 4, containLabel: true },
      legend: { top: 0, left: 0, itemWidth: 16, itemHeight: 10, textStyle: words, inactiveColor: tone("soft") },
      tooltip: {
        trigger: "axis",
        // In HTML it would carry style attributes, which the page's policy forbids.
        renderMode: "richText",
        confine: true,
        axisPointer: { type: "shadow", shadowStyle: { color: tone("ink"), opacity: 0.06 } },
        backgroundColor: tone("sheet"),
        borderColor: tone("line"),
        textStyle: words,
        formatter: (found) =>
          [found[0].axisValueLabel, ...found.map((each) => `${each.seriesName} ${said(each.value, shares.has(each.seriesName))}`)].join("\n"),
      },
    };
  }

  function axis({ tone, text }, more) {
    return {
      axisLine: { lineStyle: { color: tone("line") } },
      axisTick: { show: false },
      splitLine: { lineStyle: { color: tone("line") } },
      axisLabel: { ...text, color: tone("soft"), hideOverlap: true, ...more.axisLabel },
      ...Object.fromEntries(Object.entries(more).filter(([name]) => name !== "axisLabel")),
    };
  }

  function lines(data, style) {
    const names = data.columns.map((column) => data.headings[column]);
    const count = data.columns.length - 1;
    const shares = data.columns.slice(0, count);
    return {
      ...frame(style, new Set(names.slice(0, count))),
      xAxis: axis(style, { type: "category", data: data.rows.map((row) => row.name), splitLine: { show: false } }),
      yAxis: [
        axis(style, { type: "value", min: 0, max: 1, interval: 0.25, axisLabel: { formatter: percent } }),
        axis(style, { type: "value", minInterval: 1, splitLine: { show: false } }),
      ],
      series: [
        {
          type: "bar", name: names[count], yAxisIndex: 1, barMaxWidth: 26, itemStyle: { color: style.tone(data.tones[count]) },
          data: data.rows.map((row) => row.values[data.columns[count]]),
        },
        ...shares.map((column, place) => ({
          type: "line", name: names[place], symbol: place ? "emptyCircle" : "circle", symbolSize: 7, showAllSymbol: true, z: 3,
          lineStyle: { width: place ? 2 : 3, type: place ? "dashed" : "solid" }, color: style.tone(data.tones[place]),
          data: data.rows.map((row) => row.values[column]),
        })),
      ],
    };
  }

  function stack(data, style) {
    const rows = data.rows.slice(0, ROWS_DRAWN);
    return {
      ...frame(style, new Set()),
      xAxis: axis(style, { type: "value", minInterval: 1 }),
      yAxis: names(rows, style),
      series: data.columns.map((column, place) => ({
        type: "bar", stack: "all", name: data.headings[column], barMaxWidth: 26, cursor: rows.some((row) => row.link) ? "pointer" : "default",
        itemStyle: { color: style.tone(data.tones[place]), borderColor: style.tone("sheet"), borderWidth: 1 },
        data: rows.map((row) => row.values[column]),
      })),
    };
  }

  function bars(data, style) {
    const rows = data.rows.slice(0, ROWS_DRAWN);
    const column = data.columns[0];
    const whole = frame(style, new Set());
    return {
      ...whole,
      legend: { show: false },
      grid: { ...whole.grid, top: 4, right: 40 },
      xAxis: axis(style, { type: "value", minInterval: 1 }),
      yAxis: names(rows, style),
      series: [
        {
          type: "bar", name: data.headings[column], barMaxWidth: 26, cursor: "default",
          label: { show: true, position: "right", color: style.tone("ink"), ...style.text },
          data: rows.map((row) => ({ value: row.values[column], itemStyle: { color: style.tone(row.tone) } })),
        },
      ],
    };
  }

  function names(rows, style) {
    const width = Math.min(180, window.innerWidth * 0.34);
    return axis(style, {
      type: "category", inverse: true, data: rows.map((row) => row.name), splitLine: { show: false },
      axisLabel: { color: style.tone("ink"), width, overflow: "break", hideOverlap: false, interval: 0 },
    });
  }

  const OPTIONS = { lines, stack, bars };

  // ---- drawing ----

  const drawn = new Map();

  function draw(box) {
    const data = read(document.getElementById(box.dataset.table));
    drawn.get(box)?.dispose();
    const chart = window.echarts.init(box, null, { renderer: "canvas", devicePixelRatio: window.devicePixelRatio });
    chart.setOption(OPTIONS[data.kind](data, looks()));
    chart.on("click", (event) => {
      const link = data.rows[event.dataIndex]?.link;
      if (link) location.assign(link);
    });
    drawn.set(box, chart);
  }

  const boxes = [...document.querySelectorAll(".chart")];
  if (window.echarts) {
    const sizes = new ResizeObserver((entries) => {
      for (const { target } of entries) {
        const { width } = target.getBoundingClientRect();
        if (width && width !== Number(target.dataset.width)) {
          target.dataset.width = width;
          draw(target);
        }
      }
    });
    for (const box of boxes) sizes.observe(box);
    const again = () => boxes.forEach(draw);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", again);
    // Another screen, or another zoom: each change is told of once, so listen anew.
    const sharpen = () => {
      matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`).addEventListener("change", () => { again(); sharpen(); }, { once: true });
    };
    sharpen();
  } else {
    // Without the library the tables say it all.
    for (const box of boxes) {
      box.classList.add("none");
      document.getElementById(box.dataset.table).closest("details").open = true;
    }
  }

  // ---- who waits ----

  const waiting = document.getElementById("waiting");
  const stale = document.getElementById("stale");
  if (!waiting || !window.htmx) return;
  let looked = Date.now();

  function look() {
    if (document.hidden || Date.now() - looked < LOOK_MS) return;
    looked = Date.now();
    window.htmx.trigger(waiting, "look");
  }

  setInterval(look, 1000);
  document.addEventListener("visibilitychange", look);
  waiting.addEventListener("htmx:afterSwap", () => { stale.textContent = ""; });
  const failed = (event) => { stale.textContent = `下面还是上一次的情况。${window.wenfa.why(event.detail.xhr)}`; };
  for (const name of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) waiting.addEventListener(name, failed);
})();
