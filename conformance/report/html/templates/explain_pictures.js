// Pictures of a layer: functions from values to nodes, and one that draws on a canvas. None of them keeps anything.
"use strict";

const pictures = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const LABELS = 20; // pixels beside a matrix
  const GAP = 5; // between its blocks
  const WEIGHT = 1.5; // the size, times the root of how many are summed, at which a weight's cell has its full colour

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
      const [left, top] = [1 + sheet * shift, 1 + (s - 1 - sheet) * shift];
      for (let k = 0; k < r * c; k++) {
        cells.push(drawn("rect", { x: left + (k % c) * cell, y: top + Math.floor(k / c) * cell, width: cell, height: cell }));
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
    const high = Math.max(4, Math.floor(420 / (input_dim + units + 1)));
    const cell = Math.max(1, Math.min(30, Math.floor((width - LABELS - 2) / units), high));
    const named = (kind, size) => ({ kind, sources: Array.from({ length: size }, (_, k) => `${kind}${k}`) });
    const blocks = [named("x", input_dim), named("h", units), ...(use_bias ? [{ kind: "b", sources: ["b"] }] : [])];
    const rows = [];
    let top = 0;
    for (const block of blocks) {
      block.top = top;
      block.sources.forEach((source, k) => rows.push({ source, top: top + k * cell }));
      top += block.sources.length * cell + GAP;
    }
    return { cell, rows, blocks, width: LABELS + units * cell + 2, height: top - GAP + Math.max(2, 9 - cell) };
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

  // A canvas as large as the cells on it, and what draws there in pixels of the page.
  function sized(canvas, { width, height }) {
    const ratio = Math.max(1, window.devicePixelRatio || 1);
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const pen = canvas.getContext("2d");
    pen.scale(ratio, ratio);
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    return pen;
  }

  // Of a gate's block the weights as pixels, each as strong as it is large.
  function pixels(weights, { units, input_dim }, gate, { kind, sources }, colour) {
    const picture = document.createElement("canvas");
    [picture.width, picture.height] = [units, sources.length];
    const image = new ImageData(units, sources.length);
    const values = { x: weights.kernel, h: weights.recurrent_kernel, b: [weights.bias] }[kind];
    const column = equations.GATES.indexOf(gate) * units;
    const largest = WEIGHT / Math.sqrt({ x: input_dim, h: units, b: 1 }[kind]);
    const shades = [colour.plus, colour.minus].map((hex) => [1, 3, 5].map((k) => parseInt(hex.slice(k, k + 2), 16)));
    values.forEach((row, read) => {
      for (let unit = 0; unit < units; unit++) {
        const value = row[column + unit];
        const strength = 0.3 + 0.7 * Math.min(1, Math.abs(value) / largest);
        image.data.set([...shades[Number(value < 0)], 255 * strength], 4 * (read * units + unit));
      }
    });
    picture.getContext("2d").putImageData(image, 0, 0);
    return picture;
  }

  // The cells of one gate, drawn once; the frames around what is looked at come over them.
  function cells(canvas, weights, state, gate, width) {
    const where = layout(state, width);
    const [drawing, colour] = [document.createElement("canvas"), colours(canvas)];
    const pen = sized(drawing, where);
    const { cell, blocks, rows } = where;
    pen.imageSmoothingEnabled = false;
    for (const block of blocks) {
      pen.drawImage(pixels(weights, state, gate, block, colour), LABELS, block.top, state.units * cell, block.sources.length * cell);
    }
    if (cell > 3) {
      for (const { top } of rows) pen.clearRect(0, top + cell - 1, where.width, 1);
      for (let unit = 1; unit <= state.units; unit++) pen.clearRect(LABELS + unit * cell - 1, 0, 1, where.height);
    }
    if (cell >= 14) signs(pen, weights, state, gate, where, colour);
    return { ...where, drawing, colour };
  }

  function signs(pen, weights, { units }, gate, { cell, rows }, colour) {
    pen.fillStyle = colour.ink;
    pen.font = `${Math.min(16, cell - 4)}px monospace`;
    for (const { source, top } of rows) {
      for (let unit = 0; unit < units; unit++) {
        const { value } = weightOf(weights, units, gate, source, unit);
        pen.fillText(value < 0 ? "−" : "+", LABELS + unit * cell + (cell - 1) / 2, top + (cell + 1) / 2);
      }
    }
  }

  // A gate's cells, with what is looked at framed.
  function matrix(canvas, where, state, gate) {
    const pen = sized(canvas, where);
    canvas.style.width = `${where.width}px`;
    canvas.style.height = `${where.height}px`;
    pen.drawImage(where.drawing, 0, 0, where.width, where.height);
    mark(pen, where, state, gate, where.colour);
  }

  // The names of the blocks, and frames around the weight, what it reads and its unit.
  function mark(pen, where, state, gate, colour) {
    pen.fillStyle = colour.quiet;
    pen.font = "13px monospace";
    for (const { kind, top, sources } of where.blocks) {
      pen.fillText(kind, LABELS / 2 - 2, top + Math.max((sources.length * where.cell) / 2, 6));
    }
    const row = where.rows.find(({ source }) => source === state.source);
    const left = LABELS + state.unit * where.cell;
    pen.strokeStyle = colour.ink;
    pen.lineWidth = 1;
    pen.strokeRect(left - 0.5, 0.5, where.cell, where.rows.at(-1).top + where.cell - 1);
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
        x1: 62, y1: y(s, sources.length), x2: 222, y2: y(g, 4),
        class: `wire ${value < 0 ? "minus" : "plus"}${here ? " here" : ""}`,
        "stroke-width": here ? 4 : 0.75 + Math.min(2, Math.abs(value) * 1.5),
      });
      line.addEventListener("pointerenter", () => choose({ gate, source }));
      lines[here ? "push" : "unshift"](line);
    }));
    const said = (source) => (source === "b" ? "1 (bias)" : `${source[0]}[${source.slice(1)}]`);
    const names = sources.map((source, s) => label(2, y(s, sources.length), 60, said(source), source === state.source));
    const gates = equations.GATES.map((gate, g) => label(222, y(g, 4), 114, `${GATE_NAMES[gate]} ${gate}`, gate === state.gate));
    const about = `What unit ${state.unit} reads, by each of its four gates`;
    const picture = { viewBox: `0 0 340 ${height}`, class: "wires", role: "img", "aria-label": about };
    const others = state.input_dim + state.units - sources.filter((source) => source !== "b").length;
    return [
      drawn("svg", picture, ...lines, ...names, ...gates),
      ...(others ? [node("p", { class: "quiet" }, `It reads ${others} more, which are not drawn.`)] : []),
    ];
  }

  function label(x, y, width, text, here) {
    return drawn("g", { class: here ? "label here" : "label" },
      drawn("rect", { x, y: y - 12, width, height: 24, rx: 5 }),
      drawn("text", { x: x + width / 2, y: y + 4, "text-anchor": "middle" }, text));
  }

  const GATE_NAMES = { i: "input gate", f: "forget gate", c: "candidate", o: "output gate" };

  // --- a unit's states over the steps of a call ----------------------------------------------------------------------------------

  function course(steps, unit, chosen) {
    const [width, height, left, right] = [600, 150, 60, 570];
    const values = { c: steps.map(({ after }) => after.cell[unit]), h: steps.map(({ after }) => after.hidden[unit]) };
    const most = Math.max(0.1, ...[...values.c, ...values.h].map(Math.abs));
    const x = (k) => (steps.length === 1 ? left : left + (k * (right - left)) / (steps.length - 1));
    const y = (value) => height / 2 - (value / most) * (height / 2 - 14);
    const points = (name) => values[name].map((value, k) => `${x(k)},${y(value)}`).join(" ");
    const lines = ["c", "h"].map((name) => drawn("polyline", { class: `course-${name}`, points: points(name) }));
    const dot = (name) => (value, k) => drawn("circle", { class: `course-${name}`, cx: x(k), cy: y(value), r: 3 });
    const dots = steps.length > 40 ? [] : ["c", "h"].flatMap((name) => values[name].map(dot(name)));
    const scale = [most, 0, -most].map((value) => drawn("text", { x: left - 8, y: y(value) + 4, "text-anchor": "end" }, value.toFixed(2)));
    const ends = ["c", "h"].map((name) => `${name} = ${values[name].at(-1).toFixed(3)}`).join(", ");
    const about = `Cell state c and hidden state h of unit ${unit} over the steps; they end at ${ends}`;
    return node("figure", {},
      drawn("svg", { viewBox: `0 0 ${width} ${height}`, class: "course", role: "img", "aria-label": about },
        drawn("line", { class: "axis", x1: left, x2: right, y1: y(0), y2: y(0) }),
        drawn("line", { class: "now", x1: x(chosen), x2: x(chosen), y1: 4, y2: height - 4 }),
        ...lines, ...dots, ...scale),
      node("figcaption", {}, `Unit ${unit} over the steps of this call: `,
        node("span", { class: "line-c" }, "c"), " and ", node("span", { class: "line-h" }, "h (dashed)"),
        `; the upright line is step ${chosen + 1}`));
  }

  return { GATE_NAMES, array, at, cells, course, matrix, node, tuple, weightOf, wires };
})();
