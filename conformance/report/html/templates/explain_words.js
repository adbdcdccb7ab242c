// What the page says of a layer in words: functions from values to strings.
"use strict";

const words = (() => {
  const number = (value) => value.toLocaleString("en-US");
  const plural = (count, word) => `${number(count)} ${word}${count === 1 ? "" : "s"}`;
  const signed = (value, digits = 3) => `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
  const plain = (value, digits = 3) => signed(value, digits).replace("+", "");

  function constructor(state) {
    const flags = ["return_sequences", "return_state", "go_backwards", "stateful"].filter((flag) => state[flag]);
    const said = [state.units, ...flags.map((flag) => `${flag}=True`), ...(state.use_bias ? [] : ["use_bias=False"])];
    return `LSTM(${said.join(", ")})`;
  }

  function answer(state) {
    const { units, input_dim, timesteps, batch } = state;
    const { all } = equations.count(state);
    return [
      `units = ${units}: the layer remembers ${plural(units, "number")} (its cell state c) and says ${plural(units, "number")} ` +
        `(its hidden state h) after each timestep. Its output is as wide: ${pictures.tuple(equations.shapes(state).outputs)}.`,
      `Each unit reads ${input_dim === 1 ? "the one input" : `all ${input_dim} inputs`} and what ` +
        `${units === 1 ? "it said" : `all ${units} units said`} one step before, in each of four gates: ` +
        `${plural(all, "weight")} in all.`,
      `The ${plural(timesteps, "timestep")} and the ${plural(batch, "row")} of the batch use the same weights: more of them add none.`,
    ];
  }

  const brief = (state) =>
    `${constructor(state)}: ${plural(equations.count(state).all, "weight")}, inputs ${pictures.tuple(equations.shapes(state).inputs)}, ` +
    `outputs ${pictures.tuple(equations.shapes(state).outputs)}`;

  // 4 × ((x + h) × h + h), as the symbols, with the numbers, and summed up.
  function sum(state) {
    const { units: h, input_dim: x, use_bias } = state;
    const { gate, all } = equations.count(state);
    const bias = (text) => (use_bias ? ` + ${text}` : "");
    const wrapped = (text) => (use_bias ? `(${text})` : text);
    return [
      `4 × ${wrapped(`(x + h) × h${bias("h")}`)}`,
      `4 × ${wrapped(`(${x} + ${h}) × ${h}${bias(h)}`)}`,
      `4 × ${number(gate)}`,
      number(all),
    ];
  }

  function weight(state, { value, name }) {
    const { unit, gate, source } = state;
    const index = source.slice(1);
    const reads = {
      x: `joins input ${index} to`, h: `joins what unit ${index} said one step before to`, b: "is the bias of",
    }[source[0]];
    return `${name} = ${signed(value, 4)}: it ${reads} the ${pictures.GATE_NAMES[gate]} of unit ${unit}.`;
  }

  function shared(state) {
    const { timesteps } = state;
    return `One cell with ${plural(equations.count(state).all, "weight")} is used ${timesteps === 1 ? "once" : `${timesteps} times`}; ` +
      `what changes from step to step is h and c, ${plural(state.units, "number")} each. ` +
      (state.go_backwards ? "It reads the last timestep first. " : "") +
      (state.return_sequences ? "Every output leaves the layer." : "Only the last output leaves the layer.") +
      (state.return_state ? " So do the final h and c." : "");
  }

  function calls(state) {
    if (state.stateful) {
      return state.call === 1 ? "The layer is stateful: its first call starts from zeros, and the next where this one ends."
        : `The layer is stateful: call ${state.call} starts where call ${state.call - 1} ended.`;
    }
    return "The layer is not stateful: every call starts from zeros.";
  }

  function stepped(state, { t, used }) {
    const order = state.go_backwards ? `, which reads timestep ${t + 1}` : "";
    return `Step ${state.step} of ${state.timesteps}${order}, in call ${state.call}, row ${state.row} of the batch. ` +
      (used ? "" : "This timestep is masked: h and c are held, and the gates have no say.");
  }

  // A dot product, its first terms written out.
  function terms(values, weightOf, most = 4) {
    const written = Array.from(values).slice(0, most).map((value, k) => `${plain(value)} × ${plain(weightOf(k))}`);
    return written.join(" + ") + (values.length > most ? ` + … ${values.length - most} more` : "");
  }

  // A unit's step as lines of arithmetic: a name, what it is made of, what it comes to.
  function sums(state, passed, weights) {
    const { unit, units } = state;
    const gate = (name) => passed.gates[name][unit];
    const lines = equations.GATES.map((name, g) => {
      const column = g * units + unit;
      const [x, h, b] = [passed.fromInputs[column], passed.fromHidden[column], weights.bias ? weights.bias[column] : 0];
      return {
        name: name === "c" ? "c̃" : name,
        of: `${name === "c" ? "tanh" : "σ"}(${signed(x)} ${signed(h)} ${signed(b)})`,
        value: plain(gate(name), 4),
        parts: `x·W = ${terms(passed.x, (k) => weights.kernel[k][column])}; ` +
          `h·U = ${terms(passed.before.hidden, (k) => weights.recurrent_kernel[k][column])}; b = ${plain(b)}`,
      };
    });
    const cell = { name: "c'", value: plain(passed.after.cell[unit], 4) };
    const hidden = { name: "h'", value: plain(passed.after.hidden[unit], 4) };
    if (!passed.used) return [...lines, ...[cell, hidden].map((line) => ({ ...line, of: "held", parts: "" }))];
    const times = (...factors) => factors.map((value) => plain(value)).join(" × ");
    const [stays, enters] = [times(gate("f"), passed.before.cell[unit]), times(gate("i"), gate("c"))];
    return [
      ...lines,
      { ...cell, of: `${stays} + ${enters}`, parts: "f c + i c̃: what stays, and what enters" },
      { ...hidden, of: `${plain(gate("o"))} × tanh(${plain(passed.after.cell[unit])})`, parts: "o tanh(c'): what is said" },
    ];
  }

  return { answer, brief, calls, constructor, number, plain, plural, shared, signed, stepped, sum, sums, weight };
})();
