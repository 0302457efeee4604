"use strict";
/* Light, dark or as the system has it; colours and patterns of origins and causes. */
(() => {
  const root = document.documentElement, dark = matchMedia("(prefers-color-scheme: dark)");
  const listeners = [];
  let wanted = "auto", printing = false;
  try { wanted = localStorage.getItem("whowoke-theme") || "auto"; } catch { /* a file's storage may be shut */ }

  W.onTheme = (listener) => listeners.push(listener);
  W.theme = () => (printing ? "light" : wanted === "auto" ? (dark.matches ? "dark" : "light") : wanted);
  const styles = new Map();
  /* A value of the style sheet; asking for it anew in each frame would be slow. */
  W.style = (name) => {
    if (!styles.has(name)) styles.set(name, getComputedStyle(root).getPropertyValue(name).trim());
    return styles.get(name);
  };
  W.colour = (origin) => (W.data.palette[origin] ?? W.data.palette.unknown)[W.theme()];

  /* The causes of one origin have its colour; they are told apart by a pattern. */
  W.PATTERNS = ["plain", "slant", "dots", "level", "cross"];
  const seen = {};
  W.patternOf = W.data.causes.map((cause) => {
    seen[cause.origin] = (seen[cause.origin] ?? -1) + 1;
    return W.PATTERNS[seen[cause.origin] % W.PATTERNS.length];
  });
  const LINES = { plain: "", slant: "M-2,2l4,-4M0,8l8,-8M6,10l4,-4", dots: "M1,2h2M5,6h2", level: "M0,2h8M0,6h8", cross: "M0,0l8,8M8,0l-8,8" };

  /* Patterns for the fill of shapes in one SVG. */
  W.fills = (id) => W.svg("defs", {}, ...W.data.causes.map((cause, number) => {
    const colour = W.colour(cause.origin), lines = LINES[W.patternOf[number]];
    return W.svg("pattern", { id: `${id}-${number}`, width: 8, height: 8, patternUnits: "userSpaceOnUse" },
      W.svg("rect", { width: 8, height: 8, fill: colour }),
      W.svg("path", { d: lines, stroke: W.style("--panel"), "stroke-width": 2, fill: "none" }));
  }));
  W.swatch = (number) => {
    const id = `swatch-${Math.random().toString(36).slice(2)}`;
    const picture = W.svg("svg", { viewBox: "0 0 14 14", width: 14, height: 14, class: "swatch", "aria-hidden": "true" }, W.fills(id));
    picture.append(W.svg("rect", { width: 14, height: 14, fill: `url(#${id}-${number})` }));
    return picture;
  };

  const apply = () => {
    root.dataset.theme = W.theme();
    styles.clear();
    for (const button of document.querySelectorAll("[data-theme-is]")) {
      button.setAttribute("aria-pressed", String(button.dataset.themeIs === wanted));
    }
    for (const listener of listeners) listener();
  };
  for (const button of document.querySelectorAll("[data-theme-is]")) {
    button.addEventListener("click", () => {
      wanted = button.dataset.themeIs;
      try { localStorage.setItem("whowoke-theme", wanted); } catch { /* as above */ }
      apply();
    });
  }
  dark.addEventListener("change", apply);
  for (const [event, now] of [["beforeprint", true], ["afterprint", false]]) {
    addEventListener(event, () => { printing = now; apply(); });
  }
  W.applyTheme = apply;
})();
