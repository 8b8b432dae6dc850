"use strict";
// Pictures of a run: overlays that are toggled, and the enlarged view. Without this script they lie
// side by side. Names are foreign: they only ever become text, never markup.

const about = JSON.parse(document.getElementById("data").textContent);
const LAYERS = ["truth", "prediction", "error"];
const form = document.querySelector(".overlays");
const enlarged = document.getElementById("enlarged");
const shots = [...document.querySelectorAll(".shots .card")];
let place = 0;

function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

function looks() {
  for (const layer of LAYERS) document.body.classList.toggle(`show-${layer}`, form[layer].checked);
  document.body.style.setProperty("--strength", form.strength.value);
}

// A copy of a card's layers: those that are toggled, or one that stays.
function panel(shot, title, only) {
  const layers = make("span", only ? "layers fixed" : "layers");
  for (const image of shot.querySelectorAll(".layers img")) {
    if (image.classList.contains("photo") || !only || image.classList.contains(only)) {
      layers.append(image.cloneNode());
    }
  }
  const figure = make("figure");
  figure.append(layers, make("figcaption", "", title));
  return figure;
}

function show() {
  const { name, facts, classes } = about[place];
  document.getElementById("enlarged-name").textContent = name;
  document.getElementById("enlarged-place").textContent = `${place + 1} of ${shots.length}`;
  const [large, small] = [panel(shots[place], "with what is chosen: t, p, e"), make("div", "beside")];
  small.append(...LAYERS.map((layer) => panel(shots[place], layer, layer)));
  document.getElementById("enlarged-pictures").replaceChildren(large, small);
  const list = make("dl", "facts");
  for (const [key, value] of facts) list.append(make("dt", "", key), make("dd", "", value));
  const table = make("table");
  for (const row of classes) {
    const line = table.insertRow();
    for (const cell of row) line.insertCell().textContent = cell;
  }
  document.getElementById("enlarged-facts").replaceChildren(list, table);
}

function step(by) {
  place = (place + by + shots.length) % shots.length;
  show();
}

function stepCards(by) {
  const views = shots.map((shot) => shot.querySelector(".view"));
  const at = views.indexOf(document.activeElement);
  if (at < 0 || !views[at + by]) return false;
  views[at + by].focus();
  return true;
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input[type=range]") && event.key.startsWith("Arrow")) return;
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const layer = LAYERS.find((name) => name[0] === event.key.toLowerCase());
  if (by && enlarged.open) step(by);
  else if (by && stepCards(by)) event.preventDefault();
  else if (layer) {
    form[layer].checked = !form[layer].checked;
    looks();
  }
}

function start() {
  document.body.classList.add("scripted");
  shots.forEach((shot, number) => {
    const button = make("button", "view");
    button.type = "button";
    button.setAttribute("aria-label", `Enlarge ${about[number].name}`);
    button.append(shot.querySelector(".layers"));
    button.addEventListener("click", () => {
      place = number;
      show();
      if (!enlarged.open) enlarged.showModal();
    });
    shot.prepend(button);
  });
  form.addEventListener("input", looks);
  form.addEventListener("submit", (event) => event.preventDefault());
  document.addEventListener("keydown", press);
  document.getElementById("previous").addEventListener("click", () => step(-1));
  document.getElementById("next").addEventListener("click", () => step(1));
  document.getElementById("close").addEventListener("click", () => enlarged.close());
  enlarged.addEventListener("click", (event) => {
    if (event.target === enlarged) enlarged.close(); // the backdrop
  });
  enlarged.addEventListener("close", () => shots[place].querySelector(".view").focus());
  looks();
}

if (form && shots.length) start();
