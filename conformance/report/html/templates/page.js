// What every page does: copy buttons, links that open what they lead to, everything open on paper.
"use strict";

const said = document.getElementById("page-said");
const announce = (text) => { said.textContent = text; };

async function copy(button) {
  const code = button.parentElement.querySelector("code");
  try {
    await navigator.clipboard.writeText(code.textContent);
  } catch {
    const range = document.createRange();
    range.selectNodeContents(code);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    document.execCommand("copy");
  }
  announce("Copied");
  button.dataset.done = "";
  setTimeout(() => delete button.dataset.done, 1500);
}

for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}

// The fragment is an id, a state of the controls behind a question mark, or both: #case-x?q=mask
const splitFragment = () => {
  const [id, state = ""] = location.hash.slice(1).split("?", 2);
  let name = id;
  try {
    name = decodeURIComponent(id);
  } catch {} // a lone % stands for itself
  return { id: name, state: new URLSearchParams(state) };
};

function openLinked() {
  const target = document.getElementById(splitFragment().id);
  if (!target) return;
  for (let node = target; node; node = node.parentElement) {
    if (node instanceof HTMLDetailsElement) node.open = true;
    node.hidden = false;
  }
  target.scrollIntoView();
  (target.matches("details") ? target.querySelector("summary") : target).focus({ preventScroll: true });
}
addEventListener("hashchange", openLinked);

addEventListener("beforeprint", () => {
  for (const node of document.querySelectorAll("details:not([open], [data-long], [data-long] *)")) {
    node.open = true;
    node.dataset.printed = "";
  }
});
addEventListener("afterprint", () => {
  for (const node of document.querySelectorAll("details[data-printed]")) {
    node.open = false;
    delete node.dataset.printed;
  }
});
addEventListener("load", openLinked); // after the browser has gone to the fragment by itself, which takes the focus
