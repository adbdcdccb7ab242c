// An LSTM in plain JavaScript: weights, inputs and equations, without the page. In a browser, a test compares it with lstm_ref.
"use strict";

const equations = (() => {
  const GATES = ["i", "f", "c", "o"];
  const [KERNEL, RECURRENT, BIAS, INPUTS] = [0, 1, 2, 3];
  const [WEIGHT, INPUT, OFFSET, FORGET_BIAS] = [1.5, 2, 0.5, 1];

  function mix(x) {
    x = Math.imul(x ^ (x >>> 16), 0x7feb352d);
    x = Math.imul(x ^ (x >>> 15), 0x846ca68b);
    return (x ^ (x >>> 16)) >>> 0;
  }

  // A number from -1 to 1 that the integers name; conformance/walkthrough/values.py draws the same.
  function draw(seed, ...parts) {
    return parts.reduce((mixed, part) => mix((mixed ^ part) + 0x9e3779b9), mix(seed + 0x9e3779b9)) / 2 ** 31 - 1;
  }

  // Matrices are rows of Float64Array, in Keras' layout: a row per number that is read, the columns of i, f, c and o side by side.
  function weightsOf({ units, input_dim, use_bias, seed }) {
    const row = (value) =>
      Float64Array.from({ length: 4 * units }, (_, column) => value(Math.floor(column / units), column % units));
    const block = (array, rows) => Array.from({ length: rows }, (_, read) =>
      row((gate, unit) => (WEIGHT * draw(seed, array, gate, read, unit)) / Math.sqrt(rows)));
    const bias = row((gate, unit) => OFFSET * draw(seed, BIAS, gate, 0, unit) + (GATES[gate] === "f" ? FORGET_BIAS : 0));
    return { kernel: block(KERNEL, input_dim), recurrent_kernel: block(RECURRENT, units), bias: use_bias ? bias : null };
  }

  // What one row of the batch is given in a call: (timesteps, input_dim).
  function inputsOf({ timesteps, input_dim, given, seed }, row, call) {
    return Array.from({ length: timesteps }, (_, t) => Float64Array.from({ length: input_dim }, (_, feature) =>
      given === "first" && t > 0 ? 0 : INPUT * draw(seed, INPUTS, row, (call - 1) * timesteps + t, feature)));
  }

  const sigmoid = (z) => Math.exp(Math.min(z, 0)) / (1 + Math.exp(-Math.abs(z)));

  function timesMatrix(vector, matrix) {
    const sums = new Float64Array(matrix[0].length);
    for (let read = 0; read < vector.length; read++) {
      const [value, weights] = [vector[read], matrix[read]];
      for (let column = 0; column < sums.length; column++) sums[column] += value * weights[column];
    }
    return sums;
  }

  // z = x W + h U + b of all gates, and the three parts; (4 * units) each.
  function preactivations(weights, x, hidden) {
    const fromInputs = timesMatrix(x, weights.kernel);
    const fromHidden = timesMatrix(hidden, weights.recurrent_kernel);
    const z = fromInputs.map((sum, column) => sum + fromHidden[column] + (weights.bias ? weights.bias[column] : 0));
    return { fromInputs, fromHidden, z };
  }

  // One timestep; hidden, cell and all that is returned: (units).
  function step(weights, x, { hidden, cell }) {
    const { fromInputs, fromHidden, z } = preactivations(weights, x, hidden);
    const units = hidden.length;
    const gate = (name, activation) => z.slice(GATES.indexOf(name) * units, (GATES.indexOf(name) + 1) * units).map(activation);
    const [i, f, candidate, o] = [gate("i", sigmoid), gate("f", sigmoid), gate("c", Math.tanh), gate("o", sigmoid)];
    const newCell = cell.map((kept, unit) => f[unit] * kept + i[unit] * candidate[unit]);
    const newHidden = newCell.map((value, unit) => o[unit] * Math.tanh(value));
    return { fromInputs, fromHidden, gates: { i, f, c: candidate, o }, after: { hidden: newHidden, cell: newCell } };
  }

  const zeros = (units) => ({ hidden: new Float64Array(units), cell: new Float64Array(units) });

  // One call for one row of the batch, from the state that it starts from: its steps in the order in which they are taken.
  function walkFrom(example, weights, start, row, call) {
    const inputs = inputsOf(example, row, call);
    const order = inputs.map((_, t) => t);
    if (example.go_backwards) order.reverse();
    let before = start;
    return order.map((t) => {
      const taken = step(weights, inputs[t], before);
      const used = example.given !== "masked" || t === 0;
      const passed = { t, x: inputs[t], used, before, ...taken, after: used ? taken.after : before };
      before = passed.after;
      return passed;
    });
  }

  // The steps of a call; a stateful layer has made the calls before, and starts where they ended.
  function walk(example, row, call, weights = weightsOf(example)) {
    let start = zeros(example.units);
    for (let earlier = 1; example.stateful && earlier < call; earlier++) {
      start = walkFrom(example, weights, start, row, earlier).at(-1).after;
    }
    return walkFrom(example, weights, start, row, call);
  }

  // How many weights there are: of one gate by what it reads, of one gate, of all four.
  function count({ units, input_dim, use_bias }) {
    const parts = { inputs: input_dim * units, hidden: units * units, bias: use_bias ? units : 0 };
    const gate = parts.inputs + parts.hidden + parts.bias;
    return { ...parts, gate, all: GATES.length * gate };
  }

  function shapes({ units, input_dim, timesteps, batch, return_sequences }) {
    const state = [batch, units];
    const outputs = return_sequences ? [batch, timesteps, units] : state;
    return { inputs: [batch, timesteps, input_dim], x: [batch, input_dim], state, outputs };
  }

  return { GATES, count, draw, inputsOf, shapes, walk, weightsOf };
})();
