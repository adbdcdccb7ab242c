// Pictures of a layer: functions from values to nodes, and one that draws on a canvas. None of them keeps anything.
"use strict";

const pictures = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const LABELS = 20; // pixels beside a matrix
  const GAP = 5; // between its blocks

  function node(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) if (value !== false) made.setAttribute(key, value === true ? "" : value);
    made.append(...children);
    return made;
  }

  function drawn(name, attributes = {}, ...children) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  }

  const tuple = (shape) => `(${shape.join(", ")})`;

  // --- an array: sheets of cells, a sheet per row of the batch -------------------------------------------------------------------

  function array(shape, axes) {
    const [sheets, rows, columns] = shape.length === 3 ? shape : [1, ...shape];
    const [most, cell, shift] = [[4, 10, 14], 9, 5];
    const [s, r, c] = [sheets, rows, columns].map((size, axis) => Math.min(size, most[axis]));
    const [width, height] = [c * cell + (s - 1) * shift + 2, r * cell + (s - 1) * shift + 2];
    const cells = [];
    for (let sheet = s - 1; sheet >= 0; sheet--) {
      for (let k = 0; k < r * c; k++) {
        cells.push(drawn("rect", { x: 1 + (k % c) * cell + sheet * shift, y: 1 + Math.floor(k / c) * cell + (s - 1 - sheet) * shift, width: cell, height: cell }));
      }
    }
    const whole = s === sheets && r === rows && c === columns;
    return node("div", { class: "array" },
      drawn("svg", { width, height, viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" }, ...cells),
      node("span", { class: "shape" }, tuple(shape)),
      node("span", { class: "quiet" }, `${axes}${whole ? "" : "; its first cells are drawn"}`));
  }

  // --- weights: a matrix on a canvas, a cell per weight --------------------------------------------------------------------------

  // Where the cells of one gate lie: how large they are, and at which height each row begins.
  function layout({ units, input_dim, use_bias }, width) {
    const cell = Math.max(1, Math.min(30, Math.floor((width - LABELS) / units), Math.max(4, Math.floor(420 / (input_dim + units + 1)))));
    const blocks = [["x", input_dim], ["h", units], ...(use_bias ? [["b", 1]] : [])];
    let top = 0;
    const rows = [];
    const marks = [];
    for (const [kind, size] of blocks) {
      marks.push({ kind, top, height: size * cell });
      for (let k = 0; k < size; k++) rows.push({ source: kind === "b" ? "b" : `${kind}${k}`, top: top + k * cell });
      top += size * cell + GAP;
    }
    return { cell, rows, marks, width: LABELS + units * cell, height: top - GAP };
  }

  function weightOf(weights, units, gate, source, unit) {
    const column = equations.GATES.indexOf(gate) * units + unit;
    if (source === "b") return { value: weights.bias[column], name: `bias[${column}]` };
    const [array, row] = [source[0] === "x" ? "kernel" : "recurrent_kernel", Number(source.slice(1))];
    return { value: weights[array][row][column], name: `${array}[${row}, ${column}]` };
  }

  const colours = (canvas) => {
    const style = getComputedStyle(canvas);
    return Object.fromEntries(["plus", "minus", "ink", "paper", "quiet"].map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  };

  const SCALE = 1.5; // the size at which a weight's cell has its full colour

  function matrix(canvas, weights, state, gate, width) {
    const where = layout(state, width);
    const ratio = Math.max(1, window.devicePixelRatio || 1);
    canvas.width = Math.round(where.width * ratio);
    canvas.height = Math.round(where.height * ratio);
    canvas.style.width = `${where.width}px`;
    canvas.style.height = `${where.height}px`;
    const [pen, colour] = [canvas.getContext("2d"), colours(canvas)];
    pen.scale(ratio, ratio);
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    const side = where.cell > 3 ? where.cell - 1 : where.cell;
    for (const { source, top } of where.rows) {
      for (let unit = 0; unit < state.units; unit++) {
        const { value } = weightOf(weights, state.units, gate, source, unit);
        const left = LABELS + unit * where.cell;
        pen.globalAlpha = 0.3 + 0.7 * Math.min(1, Math.abs(value) * Math.sqrt(source === "b" ? 1 : source[0] === "x" ? state.input_dim : state.units) / SCALE);
        pen.fillStyle = value < 0 ? colour.minus : colour.plus;
        pen.fillRect(left, top, side, side);
        pen.globalAlpha = 1;
        if (where.cell < 14) continue;
        pen.fillStyle = colour.ink;
        pen.font = `${Math.min(16, where.cell - 4)}px monospace`;
        pen.fillText(value < 0 ? "−" : "+", left + side / 2, top + side / 2 + 1);
      }
    }
    mark(pen, where, state, gate, colour);
    return where;
  }

  // The names of the blocks, and frames around the weight, what it reads and its unit.
  function mark(pen, where, state, gate, colour) {
    pen.fillStyle = colour.quiet;
    pen.font = "13px monospace";
    for (const { kind, top, height } of where.marks) pen.fillText(kind, LABELS / 2 - 2, top + Math.max(height / 2, 6));
    const row = where.rows.find(({ source }) => source === state.source);
    const left = LABELS + state.unit * where.cell;
    pen.strokeStyle = colour.ink;
    pen.lineWidth = 1;
    pen.strokeRect(left - 0.5, 0.5, where.cell, where.height - 1);
    pen.strokeRect(LABELS - 0.5, row.top - 0.5, state.units * where.cell, where.cell);
    if (gate !== state.gate) return;
    pen.lineWidth = 3;
    pen.strokeRect(left - 2, row.top - 2, where.cell + 3, where.cell + 3);
  }

  // The weight under a point of a canvas, or none.
  function at({ cell, rows }, units, x, y) {
    const unit = Math.floor((x - LABELS) / cell);
    const row = rows.find(({ top }) => y >= top && y < top + cell);
    return row && unit >= 0 && unit < units ? { source: row.source, unit } : null;
  }

  // --- wires: what one unit reads, by each of its gates --------------------------------------------------------------------------

  // Of many, the first, and the one that is looked at.
  function few(size, chosen, most = 5) {
    const first = Array.from({ length: Math.min(size, most) }, (_, k) => k);
    return chosen === null || chosen < most ? first : [...first.slice(0, -1), chosen];
  }

  function wires(weights, state, choose) {
    const chosen = (kind) => (state.source[0] === kind && kind !== "b" ? Number(state.source.slice(1)) : null);
    const sources = [
      ...few(state.input_dim, chosen("x")).map((k) => `x${k}`),
      ...few(state.units, chosen("h")).map((k) => `h${k}`),
      ...(state.use_bias ? ["b"] : []),
    ];
    const height = Math.max(sources.length, 5) * 34;
    const y = (k, of) => ((k + 0.5) * height) / of;
    const lines = [];
    equations.GATES.forEach((gate, g) => sources.forEach((source, s) => {
      const { value } = weightOf(weights, state.units, gate, source, state.unit);
      const here = gate === state.gate && source === state.source;
      const line = drawn("line", {
        x1: 62, y1: y(s, sources.length), x2: 232, y2: y(g, 4), class: `wire ${value < 0 ? "minus" : "plus"}${here ? " here" : ""}`,
        "stroke-width": here ? 4 : 0.75 + Math.min(2, Math.abs(value) * 1.5), ...(value < 0 ? { "stroke-dasharray": "6 4" } : {}),
      });
      line.addEventListener("pointerenter", () => choose({ gate, source }));
      lines[here ? "push" : "unshift"](line);
    }));
    const names = sources.map((source, s) => label(8, y(s, sources.length), 54, source === "b" ? "1 (bias)" : indexed(source), source === state.source));
    const gates = equations.GATES.map((gate, g) => label(232, y(g, 4), 100, `${GATE_NAMES[gate]} ${gate}`, gate === state.gate));
    return drawn("svg", { viewBox: `0 0 340 ${height}`, class: "wires", role: "img", "aria-label": `What unit ${state.unit} reads, by each of its four gates` }, ...lines, ...names, ...gates);
  }

  const indexed = (source) => (source === "b" ? "b" : `${source[0]}[${source.slice(1)}]`);

  function label(x, y, width, text, here) {
    return drawn("g", { class: here ? "label here" : "label" },
      drawn("rect", { x, y: y - 12, width, height: 24, rx: 5 }),
      drawn("text", { x: x + width / 2, y: y + 4, "text-anchor": "middle" }, text));
  }

  const GATE_NAMES = { i: "input gate", f: "forget gate", c: "candidate", o: "output gate" };

  // --- a unit's states over the steps of a call ----------------------------------------------------------------------------------

  function course(steps, unit, chosen) {
    const [width, height] = [600, 130];
    const values = { c: steps.map(({ after }) => after.cell[unit]), h: steps.map(({ after }) => after.hidden[unit]) };
    const most = Math.max(1, ...[...values.c, ...values.h].map(Math.abs));
    const x = (k) => 30 + (steps.length === 1 ? 0 : (k * (width - 60)) / (steps.length - 1));
    const y = (value) => height / 2 - (value / most) * (height / 2 - 12);
    const line = (name) => drawn("polyline", { class: `course-${name}`, points: values[name].map((value, k) => `${x(k)},${y(value)}`).join(" ") });
    const dots = steps.length > 40 ? [] : ["c", "h"].flatMap((name) => values[name].map((value, k) => drawn("circle", { class: `course-${name}`, cx: x(k), cy: y(value), r: 3 })));
    const end = (name) => drawn("text", { x: x(steps.length - 1) + 8, y: y(values[name].at(-1)) + (name === "c" ? -2 : 12) }, name);
    return drawn("svg", { viewBox: `0 0 ${width} ${height}`, class: "course", role: "img", "aria-label": `Cell state c and hidden state h of unit ${unit} over the timesteps; h ends at ${values.h.at(-1).toFixed(3)}` },
      drawn("line", { class: "axis", x1: 30, x2: width - 30, y1: height / 2, y2: height / 2 }),
      drawn("line", { class: "now", x1: x(chosen), x2: x(chosen), y1: 4, y2: height - 4 }),
      line("c"), line("h"), ...dots, end("c"), end("h"));
  }

  return { GATE_NAMES, array, at, course, indexed, matrix, node, tuple, weightOf, wires };
})();
