// The filter of a page of results; its state is behind the question mark of the fragment.
"use strict";

// Members of a group that a search opens it for.
const FEW = 40;
const form = document.querySelector("form.controls");

if (form) {
  const entries = [...document.querySelectorAll(".entry:not(.group .entry)")];
  const groups = [...document.querySelectorAll(".group")].map((node) => ({ node, members: [...node.querySelectorAll(".members > li, .entry")] }));
  const total = entries.length + groups.reduce((sum, group) => sum + group.members.length, 0);
  const texts = new WeakMap();
  const textOf = (node) => {
    if (!texts.has(node)) texts.set(node, node.textContent.toLowerCase());
    return texts.get(node);
  };
  const shown = document.getElementById("page-shown");
  const nothing = document.getElementById("page-nothing");

  const asked = () => {
    const data = new FormData(form);
    return { words: (data.get("q") || "").toLowerCase().split(/\s+/).filter(Boolean), kinds: data.getAll("kind"), feature: data.get("feature") };
  };

  function show() {
    const { words, kinds, feature } = asked();
    const isAsked = (node, kind, id) =>
      (!kinds.length || kinds.includes(kind)) && (!feature || `-${id()}-`.includes(`-${feature}-`)) && words.every((word) => textOf(node).includes(word));
    let count = 0;
    for (const entry of entries) {
      entry.hidden = !isAsked(entry, entry.dataset.kind, () => entry.dataset.item);
      count += !entry.hidden;
    }
    for (const { node, members } of groups) {
      const title = textOf(node.querySelector("summary"));
      const all = words.length && words.every((word) => title.includes(word));
      let here = 0;
      for (const member of members) {
        const fits = all && !feature && (!kinds.length || kinds.includes(node.dataset.kind));
        member.hidden = !(fits || isAsked(member, node.dataset.kind, () => member.dataset.item || member.id));
        here += !member.hidden;
      }
      node.hidden = !here;
      if (words.length || feature) node.open = here > 0 && here <= FEW;
      count += here;
    }
    shown.textContent = count === total ? `all ${total.toLocaleString("en")}` : `${count.toLocaleString("en")} of ${total.toLocaleString("en")}`;
    nothing.hidden = count > 0;
  }

  function keep() {
    const state = new URLSearchParams([...new FormData(form)].filter(([, value]) => value)).toString();
    history.replaceState(null, "", state ? `#?${state}` : location.href.split("#")[0]);
    show();
  }

  function restore() {
    const { state } = splitFragment();
    for (const field of form.querySelectorAll("[name]")) {
      if (field.type === "checkbox") field.checked = state.getAll(field.name).includes(field.value);
      else field.value = state.get(field.name) || "";
    }
    show();
    openLinked();
  }

  form.hidden = false;
  form.addEventListener("input", keep);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.querySelector("[type=reset]").addEventListener("click", () => setTimeout(keep)); // `restore` resets too, and keeps the address
  addEventListener("hashchange", restore);
  restore();
}
