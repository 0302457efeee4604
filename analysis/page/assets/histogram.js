"use strict";
/* Gaps by cause, on a scale of equal factors: half a second and half an hour are both to be seen. */
(() => {
  const { h, svg } = W, packed = W.data.gaps, rows = packed.rows;
  const gaps = W.numbers(packed.gap, rows), causes = W.numbers(packed.cause, rows), ends = W.numbers(packed.row, rows);
  const place = document.getElementById("histogram"), legend = document.getElementById("gap-legend");
  const tip = place.parentElement.querySelector(".tip");
  const PER_DECADE = 40, LEAST = 2 * PER_DECADE, HEIGHT = 220, TOP = 26, BOTTOM = 26;
  const MARKS = [1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 5e8, 1e9, 2e9, 5e9, 10e9, 15e9, 30e9, 60e9, 120e9, 300e9, 600e9, 1800e9, 3600e9, 6 * 3600e9, 24 * 3600e9];
  const LEADS = {
    reconciles: "Gaps between reconciles of the same object, by cause. Something on a fixed period stands out as one tall bar.",
    wakeups: "Gaps between wake-ups of the same timer, goroutine or descriptor, of causes that start no reconcile.",
  };
  const starts = (number) => W.data.causes[number].reconciles > 0;
  let of = rows && ![...causes].some(starts) ? "wakeups" : "reconciles";

  // Rounded, so that 1, 5, 10, 15 and 30 lie in the middle of a bar, not between two.
  const bin = (gap) => Math.round(Math.log10(Math.max(1, gap)) * PER_DECADE);
  const binned = () => {
    const bins = new Map(), counts = new Map();
    for (let i = 0; i < rows; i++) {
      if (starts(causes[i]) !== (of === "reconciles")) continue;
      const at = bin(gaps[i]), stack = bins.get(at) ?? new Map();
      bins.set(at, stack);
      stack.has(causes[i]) ? stack.get(causes[i]).push(i) : stack.set(causes[i], [i]);
      counts.set(causes[i], (counts.get(causes[i]) ?? 0) + 1);
    }
    return { bins, counts };
  };
  const middle = (numbers) => W.duration([...numbers].map((i) => gaps[i]).sort((a, b) => a - b)[numbers.length >> 1]);

  const draw = () => {
    const width = place.clientWidth, { bins, counts } = binned();
    if (!width) return;
    if (!bins.size) {
      place.replaceChildren(h("p", { class: "soft" }, "No two of them were seen in this recording."));
      legend.replaceChildren();
      return;
    }
    let first = Math.min(...bins.keys()) - 5, last = Math.max(...bins.keys()) + 6;
    if (last - first < LEAST) { const more = (LEAST - last + first) / 2; first -= Math.ceil(more); last += Math.ceil(more); }
    const most = Math.max(...[...bins.values()].map((stack) => [...stack.values()].reduce((sum, list) => sum + list.length, 0)));
    const wide = width / (last - first), x = (at) => (at - first) * wide, tall = HEIGHT - TOP - BOTTOM;
    const picture = svg("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, height: HEIGHT, role: "group", "aria-label": LEADS[of] }, W.fills("gap"));
    let free = -1e9;
    for (const mark of MARKS) {
      const at = x(Math.log10(mark) * PER_DECADE);
      if (at < 12 || at > width - 12 || at < free) continue;
      picture.append(svg("line", { class: "axis", x1: at, x2: at, y1: TOP - 6, y2: HEIGHT - BOTTOM + 4 }),
        svg("text", { x: at, y: HEIGHT - 8, "text-anchor": "middle" }, W.duration(mark)));
      free = at + 48;
    }
    const peaks = [];
    for (const [at, stack] of [...bins].sort(([a], [b]) => a - b)) {
      let y = HEIGHT - BOTTOM, total = 0;
      for (const [cause, list] of [...stack].sort(([a], [b]) => a - b)) {
        const size = Math.max(1.5, (list.length / most) * tall);
        y -= size;
        total += list.length;
        const text = `${W.count(list.length)} gap${list.length === 1 ? "" : "s"} of about ${middle(list)}, ${W.causeName(cause)}`;
        const open = () => W.showRows(of, list.map((i) => ends[i]), text);
        const bar = svg("rect", { class: "bar", x: x(at - 0.5) + 0.5, y, width: Math.max(2, wide - 1), height: size, fill: `url(#gap-${cause})`, tabindex: 0, role: "button", "aria-label": text });
        if (W.followed !== null && W.followed !== cause) bar.setAttribute("opacity", 0.18);
        bar.addEventListener("click", open);
        bar.addEventListener("keydown", (event) => { if (event.key === "Enter") open(); });
        bar.addEventListener("pointermove", (event) => {
          const box = place.getBoundingClientRect();
          W.showTip(tip, event.clientX - box.left, event.clientY - box.top, h("b", {}, text));
        });
        bar.addEventListener("pointerleave", () => { tip.hidden = true; });
        picture.append(bar);
      }
      peaks.push({ at: x(at), y, total, text: `${middle([...stack.values()].flat())} × ${W.count(total)}` });
    }
    const told = [];
    for (const peak of peaks.sort((a, b) => b.total - a.total)) {
      if (peak.total < most * 0.04 || told.some((other) => Math.abs(other.at - peak.at) < 84)) continue;
      told.push(peak);
      const anchor = peak.at < 50 ? "start" : peak.at > width - 50 ? "end" : "middle";
      picture.append(svg("text", { class: "peak", x: peak.at, y: peak.y - 7, "text-anchor": anchor }, peak.text));
    }
    picture.append(svg("line", { class: "axis", x1: 0, x2: width, y1: HEIGHT - BOTTOM + 0.5, y2: HEIGHT - BOTTOM + 0.5 }));
    place.replaceChildren(picture);
    legend.replaceChildren(...[...counts].sort(([a], [b]) => a - b).map(([cause, count]) => h("li", {},
      h("button", { type: "button", "aria-pressed": String(W.followed === cause), onclick: () => W.follow(cause) },
        W.swatch(cause), W.causeName(cause), h("span", { class: "num" }, W.count(count))))));
  };

  W.choose("gaps", (next) => {
    of = next;
    document.getElementById("gaps-lead").textContent = LEADS[of];
    draw();
  });
  for (const button of document.querySelectorAll("[data-gaps]")) button.setAttribute("aria-pressed", String(button.dataset.gaps === of));
  document.getElementById("gaps-lead").textContent = LEADS[of];
  W.onFollow(draw);
  W.onTheme(draw);
  let width = 0;
  new ResizeObserver(() => { if (place.clientWidth !== width) { width = place.clientWidth; draw(); } }).observe(place);
})();
