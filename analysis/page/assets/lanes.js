"use strict";
/* What the timeline has: marks by lane, sorted by time, so that a part of them is found by halving. */
(() => {
  const { wakeups, reconciles, episodes, losses } = W.tables;
  const ORDER = Object.keys(W.data.palette);

  /* The first place in sorted numbers whose value isn't below one. */
  W.lowerBound = (values, value) => {
    let low = 0, high = values.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (values[middle] < value) low = middle + 1; else high = middle;
    }
    return low;
  };

  const sorted = (table, column, rows) => {
    const values = table.col(column).values;
    rows = rows.filter((row) => !Number.isNaN(values[row])).sort((a, b) => values[a] - values[b]);
    return { rows: Int32Array.from(rows), times: Float64Array.from(rows, (row) => values[row]) };
  };

  const grouped = (keysOf) => {
    const found = new Map();
    for (let row = 0; row < wakeups.rows; row++) {
      for (const key of keysOf(row)) found.has(key) ? found.get(key).push(row) : found.set(key, [row]);
    }
    return found;
  };

  const byOrigin = () => {
    const column = wakeups.col("origin"), sets = column.texts.map((text) => [...new Set(text.split(";"))]);
    const found = grouped((row) => sets[column.values[row] - 1] ?? ["unknown"]);
    return ORDER.filter((origin) => found.has(origin)).map((origin) => (
      { kind: "wakeups", label: origin, origin, ...sorted(wakeups, "ts_ns", found.get(origin)) }));
  };

  const byCause = () => {
    const found = grouped(W.causesOf.wakeups);
    return [...found.keys()].sort((a, b) => a - b).map((number) => (
      { kind: "wakeups", label: W.causeName(number), origin: W.data.causes[number].origin, cause: number,
        ...sorted(wakeups, "ts_ns", found.get(number)) }));
  };

  const longest = (lane) => lane.times.reduce((most, time, i) => Math.max(most, lane.ends[i] - time), 0);

  const reconcileLanes = () => {
    const all = Map.groupBy
      ? Map.groupBy([...Array(reconciles.rows).keys()], (row) => reconciles.at(row, "controller") ?? "unnamed")
      : [...Array(reconciles.rows).keys()].reduce((map, row) => {
        const key = reconciles.at(row, "controller") ?? "unnamed";
        return map.set(key, [...(map.get(key) ?? []), row]);
      }, new Map());
    return [...all].slice(0, 12).map(([controller, rows]) => {
      const lane = { kind: "reconciles", label: `reconciles of ${controller}`, ...sorted(reconciles, "start_ns", rows) };
      const ends = reconciles.col("end_ns").values, verdicts = reconciles.col("redundant");
      lane.ends = Float64Array.from(lane.rows, (row, i) => (Number.isNaN(ends[row]) ? lane.times[i] : ends[row]));
      lane.longest = longest(lane);
      lane.verdicts = Array.from(lane.rows, (row) => verdicts.at(row) ?? "unknown");
      return lane;
    });
  };

  const awakeLane = () => {
    const lane = { kind: "awake", label: "process awake", ...sorted(episodes, "start_ns", [...Array(episodes.rows).keys()]) };
    const ends = episodes.col("end_ns").values;
    lane.ends = Float64Array.from(lane.rows, (row) => ends[row]);
    lane.longest = longest(lane);
    return lane;
  };

  const lossLane = () => ({ kind: "losses", label: "lost here", ...sorted(losses, "ts_ns", [...Array(losses.rows).keys()]) });

  const made = {};
  /* Lanes from top to bottom, "origin" or "cause". */
  W.lanes = (how) => (made[how] ??= [
    ...(how === "cause" ? byCause() : byOrigin()),
    ...(episodes.rows ? [awakeLane()] : []),
    ...reconcileLanes(),
    ...(losses.rows ? [lossLane()] : []),
  ]);
  W.allTimes = sorted(wakeups, "ts_ns", [...Array(wakeups.rows).keys()]);

  /* By row of a table 1 where the followed cause is among its causes. */
  W.matches = (name, cause) => {
    const found = new Uint8Array(W.tables[name].rows).fill(1);
    if (cause !== null) for (let row = 0; row < found.length; row++) found[row] = +W.causesOf[name](row).includes(cause);
    return found;
  };
})();
