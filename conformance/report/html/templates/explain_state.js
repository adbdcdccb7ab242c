// What the page shows, as values and as the state in its address: #weights?units=3&stateful=1. Plain functions, without the page.
"use strict";

const states = (() => {
  const CALLS = 3;
  const GIVEN = ["all", "first", "masked"];

  // A whole number within bounds; what is none becomes the fallback.
  function bounded(text, least, most, fallback) {
    const value = Number(text);
    return text !== null && text !== "" && Number.isInteger(value) ? Math.min(Math.max(value, least), most) : fallback;
  }

  const flag = (text, fallback) => (text === null ? fallback : ["1", "true"].includes(text));

  // x0 … of the inputs, h0 … of the hidden state, b for the bias; what the layer does not read becomes the first input.
  function sourceOf(text, { units, input_dim, use_bias }) {
    const [, kind, index] = /^([xh])(\d{1,4})$/.exec(text) ?? [];
    if (text === "b" && use_bias) return "b";
    return kind && Number(index) < (kind === "x" ? input_dim : units) ? `${kind}${Number(index)}` : "x0";
  }

  // The state that an address's parameters name: sizes within the limits, all else within the sizes.
  function parse(params, { defaults, largest }) {
    const example = {};
    for (const [name, fallback] of Object.entries(defaults)) {
      if (name in largest) example[name] = bounded(params.get(name), 1, largest[name], fallback);
      else if (typeof fallback === "boolean") example[name] = flag(params.get(name), fallback);
    }
    example.given = GIVEN.includes(params.get("given")) ? params.get("given") : defaults.given;
    example.seed = bounded(params.get("seed"), 0, 2 ** 32 - 1, defaults.seed);
    return within({
      ...example,
      call: bounded(params.get("call"), 1, CALLS, 1),
      step: bounded(params.get("step"), 1, largest.timesteps, 1),
      row: bounded(params.get("row"), 0, largest.batch, 0),
      unit: bounded(params.get("unit"), 0, largest.units, 0),
      gate: equations.GATES.includes(params.get("gate")) ? params.get("gate") : "i",
      source: params.get("source") ?? "x0",
    });
  }

  // What is looked at stays inside a layer that became smaller.
  function within(state) {
    return {
      ...state,
      step: Math.min(state.step, state.timesteps),
      row: Math.min(state.row, state.batch - 1),
      unit: Math.min(state.unit, state.units - 1),
      source: sourceOf(state.source, state),
    };
  }

  // The other way round: sizes always, all else where it is not what an address without it means.
  function format(state, { defaults, largest }) {
    const plain = { ...defaults, call: 1, step: 1, row: 0, unit: 0, gate: "i", source: "x0" };
    const params = new URLSearchParams();
    for (const [name, usual] of Object.entries(plain)) {
      const value = state[name];
      if (name in largest || value !== usual) params.set(name, typeof value === "boolean" ? String(Number(value)) : String(value));
    }
    return params.toString();
  }

  return { CALLS, bounded, format, parse, within };
})();
