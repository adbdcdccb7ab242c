// The page: its state, which lies in the address, and what each part shows of it.
"use strict";

{
  const settings = JSON.parse(document.getElementById("settings").textContent);
  const form = document.getElementById("layer");
  const place = (id) => document.getElementById(id);
  const { node, tuple } = pictures;
  const field = (name) => form.elements.namedItem(name);

  let state = states.parse(new URLSearchParams(settings.opens), settings);
  let claim = "";
  let memo = { key: "" };

  // --- what is computed, and kept while what it depends on stays the same ---------------------------------------------------------

  function computed() {
    const { step, unit, gate, source, ...rest } = state;
    const key = JSON.stringify(rest);
    if (memo.key !== key) {
      const weights = equations.weightsOf(state);
      memo = { key, weights, steps: equations.walk(state, state.row, state.call, weights) };
    }
    return memo;
  }

  // --- the parts of the page ------------------------------------------------------------------------------------------------------

  function showFields() {
    for (const name of Object.keys(settings.largest)) {
      field(name).value = state[name];
      document.querySelector(`[data-of=${name}]`).value = state[name];
    }
    for (const flag of form.querySelectorAll("[type=checkbox]")) flag.checked = state[flag.name];
    for (const name of ["given", "seed", "call", "step", "row"]) field(name).value = state[name];
    field("step").max = state.timesteps;
    field("row").max = state.batch - 1;
    for (const button of document.querySelectorAll("[data-step]")) {
      button.disabled = state.step + Number(button.dataset.step) < 1 || state.step + Number(button.dataset.step) > state.timesteps;
    }
    showUnit();
  }

  function showUnit() {
    for (const shows of document.querySelectorAll("[data-shows=unit]")) shows.textContent = state.unit;
  }

  function showAnswer() {
    document.querySelector(".code code").textContent = words.constructor(state);
    place("brief").textContent = words.brief(state);
    place("answer").replaceChildren(...words.answer(state).map((text) => node("p", {}, text)));
  }

  function showFlow() {
    const shapes = equations.shapes(state);
    const card = (title, shape, axes, kind = "") =>
      node("div", { class: `card ${kind}` }, node("h3", {}, title), pictures.array(shape, axes));
    const goes = (to) => node("div", { class: "goes" }, node("span", { class: "arrow", "aria-hidden": "true" }, "→"), to);
    const outputAxes = state.return_sequences ? "batch, timesteps, units" : "batch, units";
    const finals = state.return_state ? ["final h", "final c"] : [];
    place("flow").replaceChildren(
      card("inputs", shapes.inputs, "batch, timesteps, input_dim"),
      goes(card("x, at one timestep", shapes.x, "batch, input_dim")),
      goes(node("div", { class: "card layer" },
        node("h3", {}, "the cell"),
        node("span", { class: "shape" }, words.plural(equations.count(state).all, "weight")),
        node("div", { class: "side" }, pictures.array(shapes.state, "h: batch, units"), pictures.array(shapes.state, "c: batch, units")),
        node("span", { class: "quiet" }, "h and c go on to the next step"))),
      goes(node("div", { class: "results" },
        card("outputs", shapes.outputs, outputAxes, "out"),
        ...finals.map((title) => card(title, shapes.state, "batch, units", "out")))),
    );
  }

  function showWeights() {
    const [symbols, ...numbers] = words.sum(state);
    const total = numbers.pop();
    place("sum").replaceChildren(
      node("p", {}, symbols), ...numbers.map((text) => node("p", {}, `= ${text}`)), node("p", { class: "total" }, `= ${total} weights`));
    const parts = equations.count(state);
    const row = (name, of) => node("tr", {}, node("th", { scope: "row" }, name),
      ...[parts.inputs, parts.hidden, parts.bias, parts.gate].map((count) => node("td", { class: "number" }, words.number(of * count))));
    place("counts").replaceChildren(...equations.GATES.map((gate) => row(`${gate}, ${pictures.GATE_NAMES[gate]}`, 1)), row("all four", 4));
    for (const gate of equations.GATES) {
      place(`caption-${gate}`).textContent = `${gate}, ${pictures.GATE_NAMES[gate]}: ${words.plural(parts.gate, "weight")}`;
    }
    showMatrices();
    showWeight();
  }

  const canvases = [...document.querySelectorAll("canvas[data-gate]")];

  // All as wide as their columns allow; where the cells lie is kept with the canvas, for the pointer.
  function showMatrices() {
    place("matrices").style.setProperty("--least", `${state.units + 24}px`);
    const width = canvases[0].parentElement.clientWidth;
    for (const canvas of canvases) canvas.cells = pictures.cells(canvas, computed().weights, state, canvas.dataset.gate, width);
    showFrames();
  }

  function showFrames() {
    for (const canvas of canvases) pictures.matrix(canvas, canvas.cells, state, canvas.dataset.gate);
  }

  function showWeight() {
    const { weights } = computed();
    place("weight").textContent = words.weight(state, pictures.weightOf(weights, state.units, state.gate, state.source, state.unit));
    place("wires").replaceChildren(...pictures.wires(weights, state, look));
  }

  // Of many steps the first, those around the one that is looked at, and the last.
  function shownSteps(count, chosen) {
    const near = (k) => count <= 14 || k < 3 || k >= count - 3 || Math.abs(k - chosen) <= 2;
    return Array.from({ length: count }, (_, k) => k).filter(near);
  }

  function showTimesteps() {
    const { steps } = computed();
    const start = state.stateful && state.call > 1 ? `h and c of call ${state.call - 1}` : "h = c = 0";
    const items = [node("li", { class: "end" }, node("span", { class: "state" }, start))];
    let last = -1;
    for (const k of shownSteps(steps.length, state.step - 1)) {
      if (k > last + 1) items.push(node("li", { class: "gap" }, node("span", {}, `… ${k - last - 1} more`)));
      items.push(stepItem(steps[k], k));
      last = k;
    }
    const kept = [state.return_state ? "handed out" : "", state.stateful ? "kept for the next call" : ""].filter(Boolean).join(", ");
    const final = node("span", { class: "state" }, `final h and c${kept ? `: ${kept}` : ""}`);
    items.push(node("li", { class: kept ? "end out" : "end" }, final));
    const chain = place("chain");
    chain.replaceChildren(...items);
    const { offsetLeft, offsetWidth } = chain.querySelector("[aria-pressed=true]");
    chain.scrollLeft = offsetLeft - chain.offsetLeft + (offsetWidth - chain.clientWidth) / 2;
    place("shared").textContent = words.shared(state);
    place("calls").textContent = words.calls(state);
  }

  function stepItem({ t, used }, k) {
    const leaves = state.return_sequences || k === state.timesteps - 1;
    const weights = words.plural(equations.count(state).all, "weight");
    const button = node("button", { type: "button", "aria-pressed": String(k === state.step - 1), "data-k": k }, weights);
    button.addEventListener("click", () => change({ step: k + 1 }));
    const read = `x at timestep ${t + 1}`;
    const given = !used ? `${read}, masked` : state.given === "first" && t > 0 ? `${read}, zeros` : read;
    return node("li", { class: leaves ? "step leaves" : "step" },
      node("span", { class: "output" }, leaves ? `output: ${words.plural(state.units, "number")} ↑` : "h, not handed out"),
      button,
      node("span", { class: "input" }, `↑ ${given}`));
  }

  function showValues() {
    const { steps, weights } = computed();
    const passed = steps[state.step - 1];
    place("step").textContent = words.stepped(state, passed);
    const columns = [...equations.GATES.map((gate) => passed.gates[gate]), passed.before.cell, passed.after.cell, passed.after.hidden];
    const cells = (unit) => columns.map((values) => node("td", { class: "number" }, words.plain(values[unit], 4)));
    const rows = Array.from({ length: state.units }, (_, unit) => {
      const button = node("button", { type: "button", "aria-pressed": String(unit === state.unit), "data-unit": unit }, `unit ${unit}`);
      button.addEventListener("click", () => change({ unit }));
      return node("tr", { class: unit === state.unit ? "here" : "" }, node("th", { scope: "row" }, button), ...cells(unit));
    });
    place("units-values").replaceChildren(...rows);
    place("sums").replaceChildren(...words.sums(state, passed, weights).map(({ name, of, value, parts }) =>
      node("p", {}, `${name} = ${of} = `, node("strong", {}, value), ...(parts ? [node("span", { class: "quiet" }, parts)] : []))));
    place("course").replaceChildren(pictures.course(steps, state.unit, state.step - 1));
  }

  function showStop() {
    const item = place(`claim-${claim}`);
    for (const link of document.querySelectorAll(".claims a")) link.removeAttribute("aria-current");
    place("stop").hidden = !item;
    if (!item) return;
    const link = item.querySelector("a");
    link.setAttribute("aria-current", "true");
    const [verdict, says] = [".verdict", ".says"].map((part) => item.querySelector(part).cloneNode(true));
    place("stop").replaceChildren(
      node("p", {}, verdict, " ", ...[...link.childNodes].map((part) => part.cloneNode(true))), says,
      node("a", { href: `#claim-${claim}` }, "Back to all statements"));
    place(link.hash.slice(1).split("?")[0]).querySelector("h2").after(place("stop"));
  }

  function show() {
    showFields();
    showAnswer();
    showFlow();
    showWeights();
    keepingFocus(showTimesteps);
    keepingFocus(showValues);
    showStop();
  }

  // A button that is made anew is the same to who has pressed it.
  function keepingFocus(remake) {
    const { k, unit } = document.activeElement?.dataset ?? {};
    remake();
    const again = k ? `[data-k="${k}"]` : unit ? `[data-unit="${unit}"]` : "";
    if (again && document.activeElement === document.body) document.querySelector(again)?.focus({ preventScroll: true });
  }

  // --- what changes the state -------------------------------------------------------------------------------------------------------

  // The address waits until the hand rests: browsers refuse to change it as often as a slider moves.
  let resting = 0;
  let unitWaits = false;
  function rest() {
    history.replaceState(null, "", `#?${states.format(state, settings)}`);
    if (unitWaits) keepingFocus(showValues);
    unitWaits = false;
  }

  function restLater() {
    clearTimeout(resting);
    resting = setTimeout(rest, 200);
  }

  function change(changes) {
    state = states.within({ ...state, ...changes });
    show();
    restLater();
  }

  // Another weight is looked at: nothing is computed again; the values of another unit wait as the address does.
  function look(changes) {
    if (Object.entries(changes).every(([name, value]) => state[name] === value)) return;
    const { unit } = state;
    state = states.within({ ...state, ...changes });
    showFrames();
    showWeight();
    showUnit();
    unitWaits ||= unit !== state.unit;
    restLater();
  }

  function fieldChanged({ target }) {
    const name = target.dataset.of ?? target.name;
    const value = target.type === "checkbox" ? target.checked : target.value;
    if (target.type === "number" && (value === "" || !target.checkValidity())) return;
    const isNumber = ["number", "range"].includes(target.type) || name === "call";
    change({ [name]: isNumber ? Number(value) : value });
    announce(words.brief(state));
  }

  // What is left in a number's field is a number that the layer can have: as in an address, the most that there is, or what it was.
  function fieldLeft({ target: { name, type, value, min, max } }) {
    if (type !== "number") return;
    const meant = states.bounded(value, Number(min), Number(max), state[name]);
    if (value === String(meant)) return;
    change({ [name]: meant });
    announce(words.brief(state));
  }

  const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

  function arrowPressed(event) {
    const move = ARROWS[event.key];
    if (!move || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const { rows } = event.target.cells;
    const at = rows.findIndex(({ source }) => source === state.source) + move[0];
    const { source } = rows[Math.min(Math.max(at, 0), rows.length - 1)];
    look({ gate: event.target.dataset.gate, unit: Math.max(0, state.unit + move[1]), source });
    announce(place("weight").textContent);
  }

  function pointed(event) {
    const found = pictures.at(event.target.cells, state.units, event.offsetX, event.offsetY);
    if (found) look({ gate: event.target.dataset.gate, ...found });
  }

  function addressChanged() {
    const params = location.hash ? splitFragment().state : new URLSearchParams(settings.opens);
    if (!params.size) return;
    clearTimeout(resting);
    claim = params.get("claim") ?? "";
    state = states.parse(params, settings);
    show();
    openLinked();
  }

  for (const control of [...form.elements]) control.addEventListener("input", fieldChanged);
  form.addEventListener("change", fieldLeft);
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const button of document.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => change({ step: state.step + Number(button.dataset.step) }));
  }
  for (const canvas of canvases) {
    canvas.addEventListener("pointermove", pointed);
    canvas.addEventListener("pointerdown", pointed);
    canvas.addEventListener("keydown", arrowPressed);
    canvas.addEventListener("focus", () => look({ gate: canvas.dataset.gate }));
  }
  addEventListener("hashchange", addressChanged);
  place("claims").addEventListener("click", ({ target }) => {
    if (target.closest("a")?.hash === location.hash) addressChanged(); // of which the browser says nothing
  });
  new ResizeObserver(showMatrices).observe(place("matrices"));
  for (const media of ["(prefers-color-scheme: dark)", "print"]) matchMedia(media).addEventListener("change", showMatrices);
  show();
  addressChanged();
}
