"use strict";
/* Tables that sort and filter. Only the rows that are to be seen are elements. */
(() => {
  const { h } = W, ROW = 30, MORE = 6;
  const grid = document.getElementById("grid"), filter = document.getElementById("filter"), output = document.getElementById("count");
  const tabs = document.querySelector(".tabs"), chip = document.getElementById("chosen");
  /* Columns: name, head, width in rem. */
  const SHOWN = {
    reconciles: { title: "Reconciles", one: "reconcile", columns: [["reconcile_id", "id", 4], ["start_ns", "at", 8], ["controller", "controller", 8], ["namespace", "namespace", 8], ["name", "name", 11], ["causes", "causes", 12], ["redundant", "for nothing", 7], ["redundant_reason", "because", 26], ["result", "result", 9], ["requeue_after_ns", "asks again in", 8], ["duration_ns", "took", 7], ["triggers", "triggers", 6], ["cache_reads", "cached reads", 8], ["api_reads", "API reads", 7], ["api_writes", "API writes", 7], ["location", "returned at", 20]] },
    wakeups: { title: "Wake-ups", one: "wakeup", columns: [["wakeup_id", "id", 4], ["ts_ns", "at", 8], ["origin", "origin", 10], ["cause", "cause", 13], ["subject", "about", 11], ["function", "function", 22], ["location", "line", 22], ["armed_period_ns", "asked for", 7], ["lateness_ns", "late", 7], ["cpu_ns", "CPU", 7], ["woke_process", "ended sleep", 7], ["kind", "kind", 7], ["evidence", "rests on", 7]] },
    requests: { title: "Reads and requests", one: "request", columns: [["request_id", "id", 4], ["ts_ns", "at", 8], ["reconcile_id", "reconcile", 6], ["kind", "asks", 7], ["verb", "verb", 6], ["object_kind", "kind", 11], ["namespace", "namespace", 8], ["name", "name", 11], ["host", "host", 10], ["same", "same as before", 8], ["changed", "changed it", 7], ["status", "status", 5], ["duration_ns", "took", 7], ["location", "line", 22]] },
    checks: { title: "What is checked", one: "check", columns: [["controller", "controller", 9], ["kind", "asks", 7], ["object_kind", "kind", 11], ["host", "host", 11], ["reads", "reads", 5], ["same", "same", 5], ["differing", "other", 5], ["event", "event", 8], ["evidence", "because", 24], ["noticed_after_ns", "noticed after", 8], ["location", "line", 22]] },
    queue: { title: "Work queues", one: "event", columns: [["event_id", "id", 4], ["ts_ns", "at", 8], ["controller", "controller", 9], ["operation", "operation", 7], ["namespace", "namespace", 8], ["name", "name", 11], ["cause", "cause", 13], ["after_ns", "due in", 7], ["wakeup_id", "wake-up", 6], ["reconcile_id", "reconcile", 6], ["location", "line", 22]] },
  };
  let name = "reconciles", table, order = [], sort = null, chosen = null, active = -1, body;

  // ---- which rows, in which order

  /* By row whether the followed cause is its own or that of its reconcile; null where rows have none. */
  const linked = () => {
    if (W.causesOf[name]) return W.matches(name, W.followed);
    const runs = table.col("reconcile_id"), own = W.matches("reconciles", W.followed);
    return runs ? Array.from(runs.values, (id) => own[W.tables.reconciles.find(id)] ?? 0) : null;
  };

  const accepts = () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    const columns = [...table.columns.values()];
    const tests = words.map((word) => {
      const parts = columns.map((column) => {
        if (!column.isText) return column.unit === "id" && /^\d+$/.test(word) ? (row) => column.values[row] === Number(word) : null;
        const found = column.texts.map((text) => text.toLowerCase().includes(word));
        return found.includes(true) ? (row) => found[column.values[row] - 1] : null;
      }).filter(Boolean);
      return (row) => parts.some((part) => part(row));
    });
    const links = W.followed === null ? null : linked();
    return (row) => (!chosen || chosen.rows.has(row)) && (!links || links[row]) && tests.every((test) => test(row));
  };

  const keys = (column) => {
    if (!column.isText) return column.values;
    const places = [...column.texts.keys()].sort((a, b) => (column.texts[a] < column.texts[b] ? -1 : 1));
    const rank = new Float64Array(column.texts.length + 1).fill(NaN);
    places.forEach((place, at) => { rank[place + 1] = at; });
    return Float64Array.from(column.values, (code) => rank[code]);
  };

  const arrange = () => {
    const accept = accepts();
    order = [];
    for (let row = 0; row < table.rows; row++) if (accept(row)) order.push(row);
    if (sort) {
      const values = keys(table.col(sort.column)), sign = sort.down ? -1 : 1;
      // What isn't known comes last either way.
      order.sort((a, b) => {
        const missing = Number.isNaN(values[a]) - Number.isNaN(values[b]);
        return missing || sign * (values[a] - values[b]) || a - b;
      });
    }
    const total = table.total > table.rows ? `, the first of ${W.count(table.total)}` : "";
    output.textContent = order.length === table.rows ? `${W.count(table.rows)} rows${total}` : `${W.count(order.length)} of ${W.count(table.rows)} rows${total}`;
    body.style.height = `${order.length * ROW}px`;
    grid.setAttribute("aria-rowcount", String(order.length + 1));
    render();
  };

  // ---- elements

  const cell = ([column], row) => {
    const known = table.col(column), text = known.shown(row);
    const element = h("div", { role: "gridcell", class: known.isNumber ? "num" : column === "location" || column === "function" ? "code" : undefined });
    element.textContent = column === "location" ? W.base(text) : column === "function" ? W.short(text) : text;
    if (text.length > 18) element.title = text;
    return element;
  };

  const render = () => {
    const top = Math.max(0, grid.scrollTop - ROW), first = Math.max(0, Math.floor(top / ROW) - MORE);
    const last = Math.min(order.length, Math.ceil((top + grid.clientHeight) / ROW) + MORE);
    const rows = [];
    for (let at = first; at < last; at++) {
      const row = h("div", { role: "row", "aria-rowindex": at + 2, "aria-selected": String(at === active), id: `row-${at}` }, ...SHOWN[name].columns.map((column) => cell(column, order[at])));
      row.dataset.at = at;
      row.style.top = `${at * ROW}px`;
      rows.push(row);
    }
    body.replaceChildren(...rows);
  };

  const heads = () => h("div", { class: "heads", role: "row", "aria-rowindex": 1 }, ...SHOWN[name].columns.map(([column, head]) => {
    const known = table.col(column), way = sort?.column === column ? (sort.down ? "descending" : "ascending") : "none";
    return h("div", { role: "columnheader", "aria-sort": way, class: known.isNumber ? "num" : undefined },
      h("button", { type: "button", title: known.about, onclick: () => {
        sort = sort?.column === column ? (sort.down ? null : { column, down: true }) : { column, down: false };
        build();
        grid.querySelector(`[role="columnheader"]:nth-child(${SHOWN[name].columns.findIndex(([c]) => c === column) + 1}) button`).focus({ preventScroll: true });
      } }, head));
  }));

  const build = () => {
    table = W.tables[name];
    body = h("div", { class: "body", role: "rowgroup" });
    active = -1;
    grid.style.setProperty("--cols", SHOWN[name].columns.map(([, , wide]) => `${wide}rem`).join(" "));
    const left = grid.scrollLeft;
    grid.replaceChildren(heads(), body);
    grid.scrollTop = 0;
    grid.scrollLeft = left;
    grid.setAttribute("aria-colcount", String(SHOWN[name].columns.length));
    body.style.minWidth = `${SHOWN[name].columns.reduce((sum, [, , wide]) => sum + wide, 0)}rem`;
    arrange();
    for (const tab of tabs.children) tab.setAttribute("aria-selected", String(tab.dataset.table === name));
    chip.hidden = !chosen;
    if (chosen) chip.firstElementChild.textContent = chosen.text;
  };

  const open = (at) => {
    active = at;
    render();
    location.hash = `${SHOWN[name].one}-${table.id(order[at])}`;
  };

  grid.tabIndex = 0;
  grid.addEventListener("scroll", () => requestAnimationFrame(render), { passive: true });
  grid.addEventListener("click", (event) => {
    const row = event.target.closest("[data-at]");
    if (row) open(Number(row.dataset.at));
  });
  grid.addEventListener("keydown", (event) => {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12 }[event.key];
    if (by && order.length) {
      event.preventDefault();
      active = Math.max(0, Math.min(order.length - 1, active + by));
      const top = active * ROW, room = grid.clientHeight - 2 * ROW;
      if (top < grid.scrollTop || top > grid.scrollTop + room) grid.scrollTop = Math.max(0, top - room / 2);
      render();
      grid.setAttribute("aria-activedescendant", `row-${active}`);
    } else if (event.key === "Enter" && event.target === grid && active >= 0) open(active);
  });
  filter.addEventListener("input", () => { grid.scrollTop = 0; active = -1; arrange(); });
  chip.lastElementChild.addEventListener("click", () => { chosen = null; build(); });
  W.onFollow(() => { active = -1; arrange(); });
  new ResizeObserver(() => render()).observe(grid);

  const select = (next) => { if (next !== name) { name = next; sort = null; chosen = null; } build(); };
  tabs.append(...Object.entries(SHOWN).map(([key, { title }]) => {
    const button = h("button", { type: "button", role: "tab", "aria-controls": "grid", onclick: () => select(key) }, `${title} ${W.count(W.tables[key].total)}`);
    button.dataset.table = key;
    return button;
  }));
  tabs.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key], all = [...tabs.children];
    if (by) all[(all.indexOf(document.activeElement) + by + all.length) % all.length].focus();
  });

  /* Some rows of a table, by their ids, with a text that says which. */
  W.showRows = (next, ids, text) => {
    filter.value = "";
    name = next;
    sort = null;
    chosen = { rows: new Set(ids.map((id) => W.tables[next].find(id))), text };
    build();
    document.getElementById("tables").scrollIntoView();
  };
  build();
})();
