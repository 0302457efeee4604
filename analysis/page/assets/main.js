"use strict";
/* Ties the parts together, last. */
(() => {
  const chip = document.getElementById("following");
  W.onFollow((number) => {
    chip.hidden = number === null;
    if (number !== null) chip.firstElementChild.textContent = [W.causeName(number), W.data.causes[number].rhythm].filter(Boolean).join(", ");
    for (const button of document.querySelectorAll("[data-follow]")) button.setAttribute("aria-pressed", String(Number(button.dataset.follow) === number));
  });
  chip.lastElementChild.addEventListener("click", () => W.follow(null));
  for (const button of document.querySelectorAll("[data-follow]")) {
    button.addEventListener("click", () => {
      W.follow(Number(button.dataset.follow));
      if (W.followed !== null) document.getElementById("timeline").scrollIntoView();
    });
  }
  const swatches = document.querySelectorAll("[data-cause]");
  const paint = () => { for (const mark of swatches) mark.replaceChildren(W.swatch(Number(mark.dataset.cause))); };
  W.onTheme(paint);
  const folded = [...document.querySelectorAll("details.minor")];
  addEventListener("beforeprint", () => { for (const part of folded) { part.dataset.was = part.open; part.open = true; } });
  addEventListener("afterprint", () => { for (const part of folded) part.open = part.dataset.was === "true"; });
  W.timeline.lanes("origin");
  for (const listener of [W.applyTheme, () => W.follow(W.followed), W.openHash]) listener();
  document.documentElement.dataset.ready = "yes";
})();
