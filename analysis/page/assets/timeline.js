"use strict";
/* The timeline: lanes of marks on a canvas. Drawn anew for each frame from sorted times, which for
   100,000 marks takes a few milliseconds; an element for each would take seconds. */
(() => {
  const WHOLE = Math.max(1, W.data.duration_ns), LEAST = 1e4, AXIS = 24, LANE = 30, SPACE = 7;
  const canvas = document.getElementById("lanes"), overview = document.getElementById("overview");
  const pen = canvas.getContext("2d"), small = overview.getContext("2d");
  const output = document.getElementById("window");
  const view = { from: 0, to: WHOLE };
  let how = "origin", lanes = W.lanes(how), matched = null, selected = -1, waiting = false;

  // The width is asked for once a frame: the browser may have to lay out the page to tell it.
  let wide = canvas.clientWidth;
  const narrow = () => wide < 560;
  const gutter = () => (narrow() ? 0 : 196);
  const step = () => LANE + SPACE + (narrow() ? 14 : 0);
  const laneTop = (number) => AXIS + number * step() + (narrow() ? 14 : 0);
  const plotWidth = () => Math.max(1, wide - gutter());
  const timeAt = (x) => view.from + ((x - gutter()) / plotWidth()) * (view.to - view.from);
  const xAt = (time) => gutter() + ((time - view.from) / (view.to - view.from)) * plotWidth();

  const show = (from, to) => {
    const length = Math.min(WHOLE, Math.max(LEAST, to - from));
    view.from = Math.min(Math.max(0, from), WHOLE - length);
    view.to = view.from + length;
    W.redraw();
  };
  const zoom = (factor, at = (view.from + view.to) / 2) => {
    const length = Math.min(WHOLE, Math.max(LEAST, (view.to - view.from) * factor));
    const share = (at - view.from) / (view.to - view.from);
    show(at - share * length, at + (1 - share) * length);
  };
  const pan = (share) => {
    const by = share * (view.to - view.from);
    show(view.from + by, view.to + by);
  };

  // ---- drawing

  const sized = (element, context, height) => {
    const ratio = devicePixelRatio || 1, width = element.clientWidth;
    if (element.width !== Math.round(width * ratio) || element.height !== Math.round(height * ratio)) {
      element.width = Math.round(width * ratio);
      element.height = Math.round(height * ratio);
      element.style.height = `${height}px`;
    }
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    return width;
  };

  const columns = (lane, from, to, width, match) => {
    const all = new Uint32Array(width + 1), kept = match ? new Uint32Array(width + 1) : null;
    const scale = width / (to - from), { times, rows } = lane;
    for (let i = W.lowerBound(times, from); i < times.length && times[i] <= to; i++) {
      const x = ((times[i] - from) * scale) | 0;
      all[x]++;
      if (kept && match[rows[i]]) kept[x]++;
    }
    return { all, kept };
  };

  const bars = (context, counts, left, top, height, colour) => {
    let most = 1, filled = 0;
    for (const count of counts) { if (count > most) most = count; if (count) filled++; }
    const wide = filled * 4 < counts.length ? 2 : 1, scale = most > 1 ? 0.55 / Math.log(1 + most) : 0;
    context.beginPath();
    for (let x = 0; x < counts.length; x++) {
      if (!counts[x]) continue;
      const tall = most > 1 ? height * (0.45 + Math.log(1 + counts[x]) * scale) : height;
      context.rect(left + x, top + height - tall, wide, tall);
    }
    context.fillStyle = colour;
    context.fill();
  };

  const drawMarks = (lane, top) => {
    const match = W.followed === null ? null : matched.wakeups;
    const { all, kept } = columns(lane, view.from, view.to, Math.floor(plotWidth()), match);
    const colour = W.colour(lane.origin);
    if (kept) {
      pen.globalAlpha = 0.16;
      bars(pen, all, gutter(), top, LANE, colour);
      pen.globalAlpha = 1;
    }
    bars(pen, kept ?? all, gutter(), top, LANE, colour);
  };

  const drawSpans = (lane, top) => {
    const last = { solid: -9, hollow: -9, pale: -9 };
    const solid = W.style("--awake"), pale = W.style("--soft"), paper = W.style("--panel");
    const inset = lane.kind === "awake" ? 9 : 5, height = LANE - 2 * inset;
    pen.lineWidth = 1.5;
    for (let i = W.lowerBound(lane.times, view.from - lane.longest); i < lane.times.length && lane.times[i] <= view.to; i++) {
      if (lane.ends[i] < view.from) continue;
      const from = Math.max(gutter(), xAt(lane.times[i])), to = Math.min(wide, xAt(lane.ends[i]));
      const style = lane.kind === "awake" || lane.verdicts[i] === "no" ? "solid" : lane.verdicts[i] === "yes" ? "hollow" : "pale";
      const least = lane.kind === "awake" ? 1 : style === "solid" ? 3 : 5;
      if (to - last[style] < 1) continue;
      last[style] = Math.max(to, from + least);
      if (lane.kind === "reconciles" && W.followed !== null && !matched.reconciles[lane.rows[i]]) pen.globalAlpha = 0.16;
      pen.fillStyle = style === "pale" ? pale : style === "hollow" ? paper : solid;
      pen.fillRect(from, top + inset, Math.max(least, to - from), height);
      if (style === "hollow") {
        pen.strokeStyle = solid;
        pen.strokeRect(from + 0.75, top + inset + 0.75, Math.max(least, to - from) - 1.5, height - 1.5);
      }
      pen.globalAlpha = 1;
    }
  };

  const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200].map((s) => s * 1e9);
  const ticks = () => {
    const wanted = (view.to - view.from) / Math.max(2, plotWidth() / 110);
    const tens = 10 ** Math.floor(Math.log10(wanted));
    const size = wanted > 1e9 ? STEPS.find((s) => s >= wanted) ?? tens * 10 : [1, 2, 5, 10].map((f) => f * tens).find((s) => s >= wanted);
    const found = [];
    const { offset_ns: offset } = W.data;
    for (let at = Math.ceil((view.from + offset) / size) * size - offset; at <= view.to; at += size) found.push(at);
    return { found, size };
  };
  const tickText = (time, size) => {
    const at = time + W.data.offset_ns;
    if (size >= 1e9) return at ? W.duration(Math.round(at / 1e9) * 1e9, 12) : "0";
    return `${(at / 1e9).toFixed(Math.min(9, Math.ceil(-Math.log10(size / 1e9))))} s`;
  };

  const drawFrame = (width, height) => {
    const { found, size } = ticks();
    pen.font = `12px ${W.style("--text")}`;
    pen.textBaseline = "middle";
    for (const at of found) {
      const x = Math.round(xAt(at)) + 0.5;
      pen.strokeStyle = W.style("--rule");
      pen.lineWidth = 1;
      pen.beginPath(); pen.moveTo(x, AXIS - 4); pen.lineTo(x, height); pen.stroke();
      pen.fillStyle = W.style("--soft");
      pen.textAlign = x > width - 30 ? "right" : x < gutter() + 20 ? "left" : "center";
      pen.fillText(tickText(at, size), x, 9);
    }
  };

  const fitted = (text, room) => {
    if (pen.measureText(text).width <= room) return text;
    let end = text.length;
    while (end > 1 && pen.measureText(`${text.slice(0, end)}…`).width > room) end--;
    return `${text.slice(0, end)}…`;
  };

  const drawLabel = (lane, top) => {
    const y = narrow() ? top - 8 : top + LANE / 2, count = lane.kind === "wakeups" ? ` ${W.count(lane.times.length)}` : "";
    pen.textAlign = "left";
    pen.font = `${narrow() ? 11.5 : 13}px ${W.style("--text")}`;
    let x = 0;
    if (lane.kind === "wakeups") {
      pen.fillStyle = W.colour(lane.origin);
      pen.fillRect(0, y - 5, 10, 10);
      x = 16;
    }
    const room = (narrow() ? wide : gutter() - 12) - x - pen.measureText(count).width;
    const text = fitted(lane.label, room);
    pen.fillStyle = W.style("--ink");
    pen.fillText(text, x, y);
    pen.fillStyle = W.style("--soft");
    pen.fillText(count, x + pen.measureText(text).width + 2, y);
  };

  /* The period of the followed cause, from the chosen wake-up or its first one on, where it is steady. */
  const drawPeriod = (height) => {
    const cause = W.data.causes[W.followed];
    if (!cause?.rhythm.startsWith("every ")) return;
    const times = W.tables.wakeups.col("ts_ns").values, first = selected >= 0 && matched.wakeups[selected] ? selected : matched.wakeups.indexOf(1);
    const period = cause.median_gap_ns;
    if (first < 0 || (period / (view.to - view.from)) * plotWidth() < 8) return;
    pen.setLineDash([2, 4]);
    pen.strokeStyle = W.style("--accent");
    pen.beginPath();
    for (let at = times[first] + Math.ceil((view.from - times[first]) / period) * period; at <= view.to; at += period) {
      const x = Math.round(xAt(at)) + 0.5;
      pen.moveTo(x, AXIS - 4); pen.lineTo(x, height);
    }
    pen.stroke();
    pen.setLineDash([]);
  };

  const draw = () => {
    waiting = false;
    wide = canvas.clientWidth;
    const height = AXIS + lanes.length * step() + 2, width = sized(canvas, pen, height);
    if (!width) return;
    drawFrame(width, height);
    if (W.followed !== null) drawPeriod(height);
    lanes.forEach((lane, number) => {
      const top = laneTop(number);
      if (lane.kind === "wakeups") drawMarks(lane, top);
      else if (lane.kind === "losses") bars(pen, columns(lane, view.from, view.to, Math.floor(plotWidth())).all, gutter(), top, LANE, W.style("--warn"));
      else drawSpans(lane, top);
      drawLabel(lane, top);
    });
    if (selected >= 0) {
      const x = xAt(W.tables.wakeups.col("ts_ns").values[selected]);
      if (x >= gutter() && x <= width) { pen.fillStyle = W.style("--accent"); pen.fillRect(x - 0.5, AXIS - 6, 2, height); }
    }
    drawOverview();
    output.textContent = view.to - view.from >= WHOLE ? `all ${W.duration(WHOLE)}` : `${W.duration(view.to - view.from)} from ${W.since(view.from)}`;
  };

  const drawOverview = () => {
    const width = sized(overview, small, 34), room = Math.max(1, Math.floor(width - gutter()));
    bars(small, columns(W.allTimes, 0, WHOLE, room).all, gutter(), 3, 28, W.style("--soft"));
    const left = gutter() + (view.from / WHOLE) * room, right = gutter() + (view.to / WHOLE) * room;
    small.fillStyle = W.style("--accent");
    small.globalAlpha = 0.14;
    small.fillRect(left, 0, Math.max(2, right - left), 34);
    small.globalAlpha = 1;
    for (const x of [left, right - 2]) small.fillRect(x, 0, 2, 34);
    if (gutter()) { small.fillStyle = W.style("--soft"); small.font = `12px ${W.style("--text")}`; small.textBaseline = "middle"; small.fillText("whole recording", 0, 17); }
  };

  W.redraw = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(draw);
  };

  // ---- for main.js and pointer.js

  W.timeline = {
    canvas, overview, view, show, zoom, pan, draw, timeAt, xAt, gutter, whole: WHOLE,
    all: () => show(0, WHOLE),
    lanes(next) {
      how = next;
      lanes = W.lanes(how);
      const told = lanes.map((lane) => `${lane.label} ${W.count(lane.times.length)}`).join(", ");
      canvas.setAttribute("aria-label", `Timeline of ${W.duration(WHOLE)}: ${told}. The table of wake-ups has the same.`);
      W.redraw();
    },
    /* Bring a wake-up into view, near enough to be seen alone. */
    select(row, reveal = true) {
      selected = row;
      if (row >= 0 && reveal) {
        const at = W.tables.wakeups.col("ts_ns").values[row], length = view.to - view.from;
        if (at < view.from || at > view.to) show(at - length / 2, at + length / 2);
      }
      W.redraw();
    },
    selected: () => selected,
    /* What is nearest to a place on the canvas: a lane and the number of its mark. */
    near(x, y, reach = 7) {
      const number = Math.floor((y - AXIS) / step()), lane = lanes[number];
      if (!lane || x < gutter() || !lane.times.length) return null;
      const time = timeAt(x), after = W.lowerBound(lane.times, time);
      const distance = (i) => (i < 0 || i >= lane.times.length ? Infinity
        : lane.ends && lane.times[i] <= time && time <= lane.ends[i] ? 0
        : Math.min(Math.abs(lane.times[i] - time), lane.ends ? Math.abs(lane.ends[i] - time) : Infinity));
      const mark = distance(after - 1) < distance(after) ? after - 1 : after;
      const span = reach * (view.to - view.from) / plotWidth();
      if (distance(mark) > span) return null;
      const half = (view.to - view.from) / plotWidth();
      const together = W.lowerBound(lane.times, lane.times[mark] + half) - W.lowerBound(lane.times, lane.times[mark] - half);
      return { lane, mark, row: lane.rows[mark], together };
    },
  };

  const relook = () => {
    matched = { wakeups: W.matches("wakeups", W.followed), reconciles: W.matches("reconciles", W.followed) };
    W.redraw();
  };
  W.onFollow(relook);
  W.onTheme(W.redraw);
  // Before a print there is no next frame.
  addEventListener("beforeprint", draw);
  new ResizeObserver(W.redraw).observe(canvas.parentElement);
})();
