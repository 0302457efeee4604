"use strict";
/* Everything of the page hangs on one name. Texts of the target reach the page by textContent only. */
const W = {};

(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  W.data = data;

  const TYPES = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, f8: Float64Array };
  const bytes = (text) => {
    const raw = atob(text), out = new Uint8Array(raw.length);
    for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
    return out.buffer;
  };

  /* Numbers as Float64Array, NaN where not known. */
  W.numbers = (packed, rows) => {
    const out = new Float64Array(rows).fill(NaN);
    if (packed.type === "empty") return out;
    const raw = new TYPES[packed.type](bytes(packed.data));
    const missing = packed.type === "f8" ? NaN : 2 ** (8 * raw.BYTES_PER_ELEMENT) - 1;
    const steps = "first" in packed;
    let sum = packed.first;
    for (let i = 0; i < rows; i++) if (raw[i] !== missing) out[i] = steps ? (sum += raw[i] + packed.least) : raw[i] + packed.least;
    return out;
  };

  class Column {
    constructor(name, packed, rows) {
      Object.assign(this, { name, rows, unit: packed.unit, about: packed.about, flag: packed.flag, moment: packed.moment });
      this.isText = packed.type === "text";
      this._packed = packed;
    }
    get values() { return (this._values ??= W.numbers(this.isText ? this._packed.codes : this._packed, this.rows)); }
    get texts() { return this._packed.texts; }
    get isNumber() { return !this.isText && !this.flag; }
    /* What a row has: a text, a number, true or false; null where not known. */
    at(row) {
      const value = this.values[row];
      if (this.isText) return value > 0 ? this.texts[value - 1] : null;
      return Number.isNaN(value) ? null : this.flag ? value === 1 : value;
    }
    /* The same to look at. */
    shown(row) {
      const value = this.at(row);
      return value === null ? "" : W.show(value, this);
    }
  }

  const IDS = { wakeups: "wakeup_id", reconciles: "reconcile_id", requests: "request_id", queue: "event_id" };

  class Table {
    constructor(name, packed) {
      Object.assign(this, { name, rows: packed.rows, total: packed.total, about: packed.about });
      this.columns = new Map(Object.entries(packed.columns).map(([key, column]) => [key, new Column(key, column, packed.rows)]));
    }
    col(name) { return this.columns.get(name); }
    at(row, name) { return this.columns.get(name).at(row); }
    /* The id of a row, and the row of an id, -1 if it isn't here. A part of a recording has the ids of the whole. */
    id(row) { return this.name in IDS ? this.at(row, IDS[this.name]) : row + 1; }
    find(id) {
      if (this.name in IDS) return this.rowsOf(IDS[this.name], id)[0] ?? -1;
      return id >= 1 && id <= this.rows ? id - 1 : -1;
    }
    /* Rows by the value of a column of ids. */
    by(name) {
      this._by ??= {};
      return (this._by[name] ??= (() => {
        const found = new Map(), values = this.col(name).values;
        for (let row = 0; row < this.rows; row++) {
          if (Number.isNaN(values[row])) continue;
          const rows = found.get(values[row]);
          rows ? rows.push(row) : found.set(values[row], [row]);
        }
        return found;
      })());
    }
    rowsOf(name, id) { return this.by(name).get(id) ?? []; }
  }

  W.tables = Object.fromEntries(Object.entries(data.tables).map(([name, packed]) => [name, new Table(name, packed)]));

  /* By row the causes it has, as places in data.causes. */
  W.causesOf = Object.fromEntries(Object.entries(data.causes_of).map(([name, packed]) => {
    const sets = [[], ...packed.texts.map((text) => text.split(",").map(Number))];
    const codes = W.numbers(packed.codes, W.tables[name].rows);
    return [name, (row) => sets[codes[row] || 0]];
  }));

  // ---- words

  const UNITS = [["ns", 1], ["us", 1e3], ["ms", 1e6], ["s", 1e9]];
  W.count = (number) => number.toLocaleString("en-US");
  /* As durations.py: three digits in the largest unit, from two minutes on 2m30s. */
  W.duration = (ns, digits = 3) => {
    const size = Math.abs(ns), sign = ns < 0 ? "-" : "";
    if (size >= 120e9) {
      const all = Math.round(size / 1e9);
      const parts = [[Math.floor(all / 3600), "h"], [Math.floor(all / 60) % 60, "m"], [all % 60, "s"]];
      return sign + parts.filter(([value]) => value).map(([value, unit]) => value + unit).join("");
    }
    const [unit, of] = UNITS.find(([, of], i) => i === 3 || size < of * 999.5);
    return `${sign}${Number((size / of).toPrecision(digits))} ${unit}`;
  };
  /* Times are counted from the start of the whole recording, also where only a part is shown. */
  W.since = (ns) => ((ns + data.offset_ns) / 1e9).toLocaleString("en-US", { minimumFractionDigits: 6, maximumFractionDigits: 6 }) + " s";
  W.clock = (ns) => {
    if (data.utc_ns === null) return "";
    const at = BigInt(data.utc_ns) + BigInt(Math.round(ns));
    const iso = new Date(Number(at / 1000000n)).toISOString();
    return `${iso.slice(0, 10)} ${iso.slice(11, 23)}${String(at % 1000000n).padStart(6, "0").slice(0, 3)} UTC`;
  };
  W.show = (value, column) => {
    if (typeof value === "boolean") return value ? "yes" : "no";
    if (typeof value === "string") return value;
    if (column.moment) return W.since(value);
    if (column.unit === "ns") return W.duration(value);
    return column.unit === "id" || column.unit === "tid" || column.unit === "goroutine id" ? String(value) : W.count(value);
  };
  W.base = (location) => location.slice(location.lastIndexOf("/") + 1);
  W.short = (name) => name.slice(name.lastIndexOf("/") + 1);
  W.causeName = (number) => {
    const cause = data.causes[number];
    const about = cause.subject ? ` ${cause.subject}` : "", whose = cause.controller ? ` · ${cause.controller}` : "";
    return `${cause.cause}${about}${whose}`;
  };

  // ---- elements

  /* h("p", {class: "x", onclick}, "text", child): attributes, then texts and elements. */
  W.h = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
      else if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  };
  W.svg = (tag, attributes = {}, ...children) => {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  // ---- what is looked at: one cause or all; who draws it is told

  const listeners = [];
  W.followed = null;
  W.onFollow = (listener) => listeners.push(listener);
  W.follow = (number) => {
    W.followed = number === W.followed ? null : number;
    for (const listener of listeners) listener(W.followed);
  };
})();
