"use strict";
/* Mouse, touch and keys on the timeline. */
(() => {
  const { canvas, overview } = W.timeline, tip = canvas.parentElement.querySelector(".tip");
  const line = W.timeline, pointers = new Map();
  let moved = 0, brush = null;

  const place = (event, element = canvas) => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  W.showTip = (element, x, y, ...children) => {
    element.replaceChildren(...children);
    element.hidden = false;
    const room = element.parentElement.clientWidth - element.offsetWidth;
    element.style.left = `${Math.max(0, Math.min(room, x + 12))}px`;
    element.style.top = `${y + 14}px`;
  };

  const describe = ({ lane, row, mark, together }) => {
    const at = W.h("div", { class: "soft" }, W.since(lane.times[mark]));
    if (lane.kind === "awake") return [W.h("b", {}, `awake for ${W.duration(lane.ends[mark] - lane.times[mark])}`), at];
    if (lane.kind === "losses") return [W.h("b", {}, `${W.tables.losses.at(row, "count")} ${W.tables.losses.at(row, "kind")} lost`), at];
    const table = W.tables[lane.kind];
    if (lane.kind === "reconciles") {
      const why = table.at(row, "redundant_reason");
      const verdict = { yes: "for nothing", no: "needed" }[lane.verdicts[mark]] ?? "can't be judged";
      return [W.h("b", {}, `reconcile ${table.id(row)} of ${table.at(row, "name") ?? "an unknown object"}`), at,
        W.h("div", {}, `${table.at(row, "causes") ?? "unknown"}; ${verdict}${why ? `: ${why}` : ""}`)];
    }
    const more = together > 1 ? ` and ${W.count(together - 1)} more here` : "";
    const location = table.at(row, "location");
    return [W.h("b", {}, `wake-up ${table.id(row)}: ${table.at(row, "cause")}${more}`), at,
      ...(location ? [W.h("div", {}, `${W.short(table.at(row, "function") ?? "")} ${W.base(location)}`)] : [])];
  };

  const hover = (event) => {
    const { x, y } = place(event), found = line.near(x, y);
    canvas.style.cursor = found ? "pointer" : "crosshair";
    if (found) W.showTip(tip, x, y, ...describe(found)); else tip.hidden = true;
  };

  const open = (found) => {
    if (found && (found.lane.kind === "wakeups" || found.lane.kind === "reconciles")) {
      location.hash = `${found.lane.kind.slice(0, -1)}-${W.tables[found.lane.kind].id(found.row)}`;
    }
  };

  canvas.addEventListener("pointerdown", (event) => {
    pointers.set(event.pointerId, place(event));
    canvas.setPointerCapture(event.pointerId);
    moved = 0;
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = pointers.get(event.pointerId), now = place(event);
    if (!before) return hover(event);
    tip.hidden = true;
    const wide = canvas.clientWidth - line.gutter();
    if (pointers.size === 2) {
      const [other] = [...pointers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
      const was = Math.abs(before.x - other.x), is = Math.abs(now.x - other.x);
      if (was > 8 && is > 8) line.zoom(was / is, line.timeAt((now.x + other.x) / 2));
    } else {
      line.pan(-(now.x - before.x) / wide);
    }
    moved += Math.abs(now.x - before.x) + Math.abs(now.y - before.y);
    pointers.set(event.pointerId, now);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => {
      const at = pointers.get(event.pointerId);
      pointers.delete(event.pointerId);
      if (end === "pointerup" && at && moved < 5) open(line.near(at.x, at.y, event.pointerType === "mouse" ? 7 : 16));
    });
  }
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("dblclick", (event) => line.zoom(0.4, line.timeAt(place(event).x)));
  canvas.addEventListener("wheel", (event) => {
    const sideways = event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY);
    if (!event.ctrlKey && !event.metaKey && !sideways) return;
    event.preventDefault();
    tip.hidden = true;
    if (event.ctrlKey || event.metaKey) line.zoom(Math.exp(Math.max(-60, Math.min(60, event.deltaY)) / 150), line.timeAt(place(event).x));
    else line.pan((event.deltaX || event.deltaY) / canvas.clientWidth);
  }, { passive: false });

  // ---- the strip of the whole recording

  const timeIn = (event) => {
    const wide = overview.clientWidth - line.gutter();
    return Math.max(0, Math.min(1, (place(event, overview).x - line.gutter()) / wide)) * line.whole;
  };
  overview.addEventListener("pointerdown", (event) => {
    const at = timeIn(event), { from, to } = line.view;
    const whole = to - from >= line.whole;
    brush = !whole && at > from && at < to ? { grip: at - from } : { start: at };
    overview.setPointerCapture(event.pointerId);
  });
  overview.addEventListener("pointermove", (event) => {
    if (!brush) return;
    const at = timeIn(event), { from, to } = line.view;
    if ("grip" in brush) line.show(at - brush.grip, at - brush.grip + (to - from));
    else if (Math.abs(at - brush.start) > line.whole / 500) line.show(Math.min(at, brush.start), Math.max(at, brush.start));
  });
  for (const end of ["pointerup", "pointercancel"]) overview.addEventListener(end, () => { brush = null; });

  // ---- buttons and keys

  W.step = (by) => {
    const { times, rows } = W.allTimes, keep = W.matches("wakeups", W.followed);
    const now = line.selected();
    let i = now < 0 ? W.lowerBound(times, line.view.from) - (by > 0 ? 1 : 0) : rows.indexOf(now);
    do i += by; while (i >= 0 && i < rows.length && !keep[rows[i]]);
    if (i >= 0 && i < rows.length) location.hash = `wakeup-${W.tables.wakeups.id(rows[i])}`;
  };
  const KEYS = {
    ArrowLeft: () => line.pan(-0.2), ArrowRight: () => line.pan(0.2), "+": () => line.zoom(0.6), "=": () => line.zoom(0.6),
    "-": () => line.zoom(1 / 0.6), 0: line.all, Home: () => line.show(0, line.view.to - line.view.from),
    End: () => line.show(line.whole, line.whole + line.view.to - line.view.from), ",": () => W.step(-1), ".": () => W.step(1),
  };
  canvas.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS) || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    KEYS[event.key]();
  });
  const ZOOMS = { in: () => line.zoom(0.5), out: () => line.zoom(2), all: line.all };
  for (const button of document.querySelectorAll("[data-zoom]")) button.addEventListener("click", () => ZOOMS[button.dataset.zoom]());
  for (const button of document.querySelectorAll("[data-step]")) button.addEventListener("click", () => W.step(Number(button.dataset.step)));
  W.choose = (name, chosen) => {
    for (const button of document.querySelectorAll(`[data-${name}]`)) {
      button.addEventListener("click", () => {
        for (const other of document.querySelectorAll(`[data-${name}]`)) other.setAttribute("aria-pressed", String(other === button));
        chosen(button.dataset[name]);
      });
    }
  };
  W.choose("lanes", line.lanes);
})();
