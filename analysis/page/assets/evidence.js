"use strict";
/* What one row rests on: its facts, the stack, the story, the reconciles and what these asked. */
(() => {
  const { h, tables } = W, panel = document.getElementById("evidence"), MANY = 40;
  const VERDICTS = { yes: "for nothing", no: "found or changed something" };
  let opener = null;

  const link = (kind, id, text) => h("a", { href: `#${kind}-${id}` }, text ?? `${kind === "wakeup" ? "wake-up" : kind} ${id}`);
  const list = (title, items, attributes = {}) => (items.length
    ? [h("h3", {}, title), h("ol", attributes, ...items.slice(0, MANY)), ...(items.length > MANY ? [h("p", { class: "soft" }, `and ${W.count(items.length - MANY)} more`)] : [])]
    : []);

  const source = (location) => {
    const found = W.data.sources[location];
    if (!found) return null;
    return h("pre", { class: "lines", tabindex: 0, "aria-label": `Source around ${location}` }, ...found.lines.map((text, i) => (
      h("div", found.first + i === found.line ? { class: "hit" } : {}, h("i", {}, String(found.first + i)), text))));
  };
  const folded = (location) => {
    const lines = source(location);
    return lines && h("details", {}, h("summary", { class: "soft" }, "source"), lines);
  };

  const LINKED = { wakeup_id: "wakeup", continuation_of: "wakeup", reconcile_id: "reconcile" };
  const facts = (table, row, without) => {
    const found = [];
    for (const column of table.columns.values()) {
      const text = column.shown(row);
      if (!text || without.includes(column.name)) continue;
      const kind = LINKED[column.name];
      const value = kind ? link(kind, column.at(row)) : column.isText && /function|location|start/.test(column.name) ? h("code", {}, text) : text;
      found.push(h("dt", { title: column.about }, column.name.replace(/_ns$/, "").replaceAll("_", " ")), h("dd", {}, value));
    }
    const at = table.col("ts_ns") ?? table.col("start_ns");
    if (at && W.clock(0)) found.push(h("dt", {}, "time"), h("dd", {}, W.clock(at.at(row))));
    return h("dl", {}, ...found);
  };

  const stack = (id) => {
    const rows = id === null ? [] : tables.stacks.rowsOf("stack_id", id);
    const items = rows.map((row) => {
      const location = tables.stacks.at(row, "location");
      return h("li", {}, W.short(tables.stacks.at(row, "function") ?? "unknown code"), location && h("span", { class: "code" }, location), location && folded(location));
    });
    return list("Stack, innermost first", items, { class: "stack" });
  };

  const story = (id, known) => {
    const told = W.data.stories[id];
    if (!told) {
      return [h("h3", {}, "Step by step"), h("p", { class: "soft" }, "This page has the steps of some wake-ups of each cause only. All of them: "), h("pre", {}, `whowoke show FILE ${id}`)];
    }
    const items = told.steps.map((step) => h("li", {},
      h("span", { class: "at" }, h("b", {}, step.start), step.since),
      h("span", {}, step.lines[0], ...step.lines.slice(1).map((text) => h("div", { class: "more" }, text)))));
    const more = told.more_steps ? [h("p", { class: "soft" }, `and ${told.more_steps} more: whowoke show FILE ${id}`)] : [];
    return [h("h3", {}, "Step by step"), ...told.head.slice(1).filter((text) => !known.some((part) => text.includes(part))).map((text) => h("p", { class: "soft" }, text.trim())),
      h("ol", { class: "story" }, ...items), ...more, ...told.meanwhile.map((text) => h("p", { class: "soft" }, text))];
  };

  const request = (row) => {
    const at = (name) => tables.requests.at(row, name);
    const what = [at("verb"), at("object_kind") ?? at("resource"), [at("namespace"), at("name")].filter(Boolean).join("/"), at("host")].filter(Boolean).join(" ");
    const same = at("same"), changed = at("changed");
    const verdict = same === true ? "same as before" : same === false ? "not as before" : changed === true ? "changed it" : changed === false ? "changed nothing" : "";
    const place = at("location");
    return h("li", {}, link("request", tables.requests.id(row), `${at("kind")}: ${what}`), verdict ? ` (${verdict})` : "", place && h("div", { class: "code soft" }, W.base(place)));
  };
  const event = (row) => {
    const at = (name) => tables.queue.at(row, name);
    const due = at("after_ns") ? `, due in ${W.duration(at("after_ns"))}` : "";
    const by = at("wakeup_id"), place = at("location");
    return h("li", {}, link("event", tables.queue.id(row), `${at("operation")} at ${W.since(at("ts_ns"))}`), `: ${at("cause")}${due}`, by ? ", by " : "", by && link("wakeup", by), place && h("div", { class: "code soft" }, place), place && folded(place));
  };
  const reconcile = (id) => {
    const row = tables.reconciles.find(id);
    if (row < 0) return h("li", {}, `reconcile ${id}`);
    const at = (name) => tables.reconciles.at(row, name);
    const verdict = VERDICTS[at("redundant")] ?? "can't be judged";
    return h("li", {}, link("reconcile", id), ` of ${[at("namespace"), at("name")].filter(Boolean).join("/") || "an unknown object"}, ${verdict}`, at("redundant_reason") && h("div", { class: "soft" }, at("redundant_reason")));
  };
  const explained = (numbers) => numbers.flatMap((number) => [
    h("p", {}, W.swatch(number), " ", h("b", {}, W.causeName(number)), ` (${W.data.causes[number].origin})`),
    ...(W.data.causes[number].explanation ? [h("p", { class: "soft" }, W.data.causes[number].explanation)] : [])]);

  const VIEWS = {
    wakeup(row) {
      const id = tables.wakeups.id(row), at = (name) => tables.wakeups.at(row, name), place = at("location");
      const events = tables.queue.rowsOf("wakeup_id", id);
      const led = [...new Set(events.map((e) => tables.queue.at(e, "reconcile_id")).filter((r) => r !== null))];
      const answers = tables.wakeups.rowsOf("continuation_of", id).map((other) => h("li", {}, link("wakeup", tables.wakeups.id(other)), `, ${W.duration(tables.wakeups.at(other, "ts_ns") - at("ts_ns"))} later`));
      const episode = at("episode_id");
      const together = episode === null ? [] : tables.wakeups.rowsOf("episode_id", episode).filter((other) => other !== row);
      return [...explained(W.causesOf.wakeups(row)), place && h("p", { class: "code" }, `${at("location_kind") ?? "at"} ${place}`), place && source(place),
        ...list("Reconciles that it led to", led.map(reconcile)), ...story(id, [place, ...W.causesOf.wakeups(row).map((number) => W.data.causes[number].explanation)].filter(Boolean)), ...stack(at("stack_id")), ...list("Answers to its own requests", answers),
        ...list("What it did to work queues", events.map(event)),
        ...list("Other wake-ups in the same time awake", together.map((other) => h("li", {}, link("wakeup", tables.wakeups.id(other)), `: ${tables.wakeups.at(other, "cause")}`))),
        h("h3", {}, "All that is known of it"), facts(tables.wakeups, row, ["wakeup_id", "origin", "cause"])];
    },
    reconcile(row) {
      const id = tables.reconciles.id(row), at = (name) => tables.reconciles.at(row, name), place = at("location");
      const adds = tables.queue.rowsOf("reconcile_id", id).filter((e) => tables.queue.at(e, "operation") === "add");
      const same = tables.reconciles.rowsOf("controller", tables.reconciles.col("controller").values[row]).filter((other) => tables.reconciles.at(other, "name") === at("name") && tables.reconciles.at(other, "namespace") === at("namespace"));
      const here = same.indexOf(row), near = [same[here - 1], same[here + 1]].filter((other) => other !== undefined);
      const others = near.map((other) => h("li", {}, link("reconcile", tables.reconciles.id(other)), `, ${W.duration(Math.abs(tables.reconciles.at(other, "start_ns") - at("start_ns")))} ${other < row ? "before" : "later"}`));
      const why = at("redundant_reason");
      return [...explained(W.causesOf.reconciles(row)), h("p", {}, h("b", {}, VERDICTS[at("redundant")] ?? "can't be judged"), why ? `: ${why}` : ""),
        ...list("What it read, wrote and asked", tables.requests.rowsOf("reconcile_id", id).map(request)), ...list("Triggers: the adds that led to it", adds.map(event)),
        place && h("h3", {}, "It returned at"), place && h("p", { class: "code" }, place), place && source(place), ...list("Of the same object", others),
        h("h3", {}, "All that is known of it"), facts(tables.reconciles, row, ["reconcile_id", "causes"])];
    },
    request(row) { return single("requests", row); },
    check(row) {
      const reads = readsOf(row), text = `reads of ${tables.checks.at(row, "object_kind") ?? tables.checks.at(row, "host") ?? "it"} by ${tables.checks.at(row, "controller")}`;
      const all = reads.length > MANY && h("button", { type: "button", onclick: () => { close(); W.showRows("requests", reads.map((r) => tables.requests.id(r)), text); } }, `All ${W.count(reads.length)} in the table`);
      return [...single("checks", row), ...list("Its reads", reads.map(request)), all];
    },
    event(row) { return single("queue", row); },
  };
  /* The requests that a row of checks counts. */
  const readsOf = (check) => {
    const asked = tables.requests, wanted = (name) => tables.checks.at(check, name), found = [];
    for (let row = 0; row < asked.rows; row++) {
      const at = (name) => asked.at(row, name), run = at("reconcile_id") === null ? -1 : tables.reconciles.find(at("reconcile_id"));
      if (run < 0 || at("kind") !== wanted("kind") || tables.reconciles.at(run, "controller") !== wanted("controller")) continue;
      if (at("kind") === "api" && !["get", "list", "watch"].includes(at("verb"))) continue;
      const about = wanted("object_kind");
      if (about ? about === at("object_kind") || about === at("resource") : wanted("host") === (at("host") ?? at("path"))) found.push(row);
    }
    return found;
  };
  const single = (name, row) => {
    const place = tables[name].at(row, "location");
    return [facts(tables[name], row, []), place && source(place)];
  };
  const NAMES = { wakeup: ["Wake-up", "wakeups"], reconcile: ["Reconcile", "reconciles"], request: ["Request", "requests"], check: ["Check", "checks"], event: ["Queue event", "queue"] };

  /* The page gets narrower beside the panel, and longer: what was looked at stays where it is. */
  const inPlace = (change) => {
    const seen = document.elementFromPoint(innerWidth / 4, innerHeight / 2)?.closest("[role=grid], .canvas, li, p, section");
    const top = seen?.getBoundingClientRect().top;
    change();
    if (seen) scrollBy({ top: seen.getBoundingClientRect().top - top, behavior: "instant" });
  };

  const close = () => {
    if (panel.hidden) return;
    panel.hidden = true;
    inPlace(() => document.body.classList.remove("opened"));
    W.timeline.select(-1);
    if (/^#(wakeup|reconcile|request|check|event|source)-/.test(location.hash)) history.replaceState(null, "", location.pathname + location.search);
    opener?.focus?.({ preventScroll: true });
  };
  const show = (title, ...children) => {
    if (panel.hidden) opener = document.activeElement;
    panel.replaceChildren(h("header", {}, h("h2", { id: "evidence-h" }, title), h("button", { type: "button", onclick: close, "aria-label": "Close the evidence" }, "Close")), ...children.filter(Boolean));
    panel.hidden = false;
    inPlace(() => document.body.classList.add("opened"));
    panel.scrollTop = 0;
    panel.focus({ preventScroll: true });
  };

  W.openHash = () => {
    const [, kind, number] = /^#(\w+)-(\d+)$/.exec(location.hash) ?? [];
    if (!(kind in NAMES)) return;
    const [title, name] = NAMES[kind], row = tables[name].find(Number(number));
    if (row < 0) return show(`${title} ${number}`, h("p", {}, "This page has no such row: it was left out, or isn't in the capture."));
    W.timeline.select(kind === "wakeup" ? row : -1);
    show(`${title} ${number}`, ...VIEWS[kind](row));
  };
  addEventListener("hashchange", W.openHash);
  addEventListener("keydown", (event) => { if (event.key === "Escape") close(); });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-location]");
    if (button) show(W.base(button.dataset.location), h("p", { class: "code" }, button.dataset.location), source(button.dataset.location));
  });
})();
