"use strict";
// The gallery of the page: cards, filters, keys and the enlarged view. Names of files are foreign:
// they only ever become text, never markup.

const data = JSON.parse(document.getElementById("data").textContent);
const [ID, SPLIT, GROUP, WIDTH, HEIGHT, PIXELS, CODES, THUMB] = [0, 1, 2, 3, 4, 5, 6, 7];
const AT_A_TIME = 60;

const form = document.querySelector(".filters");
const cards = document.getElementById("cards");
const more = document.getElementById("more");
const enlarged = document.getElementById("enlarged");
const sampleOf = new Map(data.samples.filter((s) => s[THUMB] >= 0).map((s) => [s[THUMB], s]));

let matching = []; // samples that pass the filters
let around = []; // thumbs that the enlarged view steps through
let place = 0;

function make(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

function picture(source, name, label) {
  const image = make("img", name);
  image.src = source;
  image.alt = label;
  return image;
}

// A picture with its mask and marks over it; or beside it, where they do not fit each other.
function stack(number, label, { over = true, alone = false } = {}) {
  const [width, height, image, mask, marks, apart, note] = data.thumbs[number];
  const box = make("span", apart ? "stack apart" : "stack");
  const shown = alone ? mask : image || mask;
  if (!shown) {
    box.append(make("span", "none", note || "no picture"));
    return box;
  }
  const first = picture(shown, alone || !image ? "alone" : "", label);
  if (!apart) [first.width, first.height] = [width, height];
  box.append(first);
  if (apart && over && mask && !alone) {
    box.append(picture(mask, "alone", "its mask, which has another size"));
    return box;
  }
  if (over && !alone && image && mask) box.append(picture(mask, "over mask", ""));
  if (over && marks && !apart) box.append(picture(marks, "over marks", ""));
  return box;
}

function viewer(number, label, list) {
  const button = make("button", "view");
  button.type = "button";
  button.setAttribute("aria-label", `Enlarge ${label}`);
  button.append(stack(number, label));
  button.addEventListener("click", () => enlarge(list(), number));
  return button;
}

function card(sample) {
  const box = make("div", "card");
  box.setAttribute("role", "listitem");
  if (sample[THUMB] >= 0) {
    const pictured = () => matching.filter((s) => s[THUMB] >= 0).map((s) => s[THUMB]);
    box.append(viewer(sample[THUMB], sample[ID], pictured));
  }
  const name = make("bdi", "name", sample[ID]);
  name.title = sample[ID];
  const size = `${sample[WIDTH]} × ${sample[HEIGHT]}`;
  box.append(name, make("span", "line", `${data.splits[sample[SPLIT]]} · ${size}`));
  if (sample[CODES].length) {
    box.append(make("span", "line codes", sample[CODES].map((c) => data.codes[c]).join(" ")));
  }
  return box;
}

function filter() {
  const wanted = Object.fromEntries(new FormData(form));
  const part = (wanted.text || "").trim().toLowerCase();
  const code = data.codes.indexOf(wanted.finding);
  const holds = (pixels, id) => pixels.some((v, i) => i % 2 === 0 && v === id);
  matching = data.samples.filter((sample) => {
    const names = `${sample[ID]} ${data.groups[sample[GROUP]]}`.toLowerCase();
    return (
      (!wanted.pictured || sample[THUMB] >= 0) &&
      (wanted.split === "" || sample[SPLIT] === Number(wanted.split)) &&
      (wanted.class === "" || holds(sample[PIXELS], Number(wanted.class))) &&
      (wanted.finding === "" || sample[CODES].includes(code)) &&
      names.includes(part)
    );
  });
  cards.replaceChildren();
  grow();
}

function grow() {
  const start = cards.children.length;
  cards.append(...matching.slice(start, start + AT_A_TIME).map(card));
  more.hidden = cards.children.length >= matching.length;
  const unlisted = data.unlisted ? `; ${data.unlisted} further samples are not on this page` : "";
  const [all, match, shown] = [data.samples, matching, cards.children].map((some) =>
    some.length.toLocaleString("en"),
  );
  document.getElementById("count").textContent =
    `${match} of ${all} samples match, ${shown} shown${unlisted}`;
}

function looks() {
  document.body.classList.toggle("no-overlay", !form.overlay.checked);
  document.body.classList.toggle("no-marks", !form.marks.checked);
  document.body.style.setProperty("--strength", form.strength.value);
}

function enlarge(list, number) {
  around = list;
  place = Math.max(0, list.indexOf(number));
  show();
  if (!enlarged.open) enlarged.showModal();
}

function show() {
  const number = around[place];
  const sample = sampleOf.get(number);
  const name = sample ? sample[ID] : "a file without a sample";
  document.getElementById("enlarged-name").textContent = name;
  document.getElementById("enlarged-place").textContent = `${place + 1} of ${around.length}`;
  const [, , image, mask, marks, apart] = data.thumbs[number];
  const views = [["picture", stack(number, name, { over: false })]];
  if (image && mask && !apart) views.push(["mask over picture", stack(number, `${name}, mask over picture`)]);
  if (image && mask) views.push([marks && !apart ? "mask, marked" : "mask", stack(number, `mask of ${name}`, { alone: true })]);
  document.getElementById("enlarged-pictures").replaceChildren(
    ...views.map(([title, view]) => {
      const figure = make("figure");
      figure.append(view, make("figcaption", "", title));
      return figure;
    }),
  );
  document.getElementById("enlarged-facts").replaceChildren(...(sample ? facts(sample, number) : []));
}

function facts(sample, number) {
  const { image, mask, said } = data.details[number];
  const list = make("dl", "facts");
  const rows = { split: data.splits[sample[SPLIT]], group: data.groups[sample[GROUP]] || "–" };
  Object.assign(rows, { size: `${sample[WIDTH]} × ${sample[HEIGHT]}`, image, mask });
  for (const [name, value] of Object.entries(rows)) list.append(make("dt", "", name), make("dd", "", value));
  const pixels = sample[PIXELS];
  const total = pixels.reduce((sum, v, i) => sum + (i % 2 ? v : 0), 0) || 1;
  const table = make("table");
  for (let i = 0; i < pixels.length; i += 2) {
    const row = table.insertRow();
    row.insertCell().textContent = data.classes[pixels[i]];
    row.insertCell().textContent = `${((100 * pixels[i + 1]) / total).toFixed(2)} %`;
  }
  const right = make("div");
  const remarks = make("ul");
  const note = data.thumbs[number][6];
  remarks.append(...[...said, ...(note ? [note] : [])].map((line) => make("li", "", line)));
  right.append(table, remarks);
  return [list, right];
}

function step(by) {
  place = (place + by + around.length) % around.length;
  show();
}

function stepCards(by) {
  const views = [...document.querySelectorAll(".view")];
  const at = views.indexOf(document.activeElement);
  if (at < 0 || !views[at + by]) return false;
  views[at + by].focus();
  return true;
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = event.target.matches("input[type=search], select, input[type=range]");
  if (typing) return;
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (by && enlarged.open) step(by);
  else if (by && stepCards(by)) event.preventDefault();
  else if (event.key === "o" || event.key === "m") {
    const box = event.key === "o" ? form.overlay : form.marks;
    box.checked = !box.checked;
    looks();
  } else if (event.key === "/" && !enlarged.open) {
    event.preventDefault();
    form.text.focus();
  }
}

for (const figure of document.querySelectorAll("figure[data-thumb]")) {
  const number = Number(figure.dataset.thumb);
  const beside = [...figure.parentElement.querySelectorAll("figure[data-thumb]")];
  const list = [...new Set(beside.map((other) => Number(other.dataset.thumb)))];
  const sample = sampleOf.get(number);
  figure.prepend(viewer(number, sample ? sample[ID] : figure.textContent, () => list));
}
for (const button of document.querySelectorAll(".to-gallery")) {
  button.addEventListener("click", () => {
    form.reset();
    if (form.pictured) form.pictured.checked = false;
    form.finding.value = button.dataset.code;
    filter();
    looks();
    document.getElementById("gallery").scrollIntoView();
    form.finding.focus({ preventScroll: true });
  });
}
function changed(event) {
  const lasting = event.target.matches("select"); // all else tells of itself while it changes
  if (lasting !== (event.type === "change")) return;
  if (["overlay", "marks", "strength"].includes(event.target.name)) looks();
  else filter();
}

form.addEventListener("input", changed);
form.addEventListener("change", changed);
form.addEventListener("submit", (event) => event.preventDefault());
more.addEventListener("click", () => {
  const first = cards.children.length;
  grow();
  cards.children[first].querySelector("button")?.focus();
});
document.addEventListener("keydown", press);
document.getElementById("previous").addEventListener("click", () => step(-1));
document.getElementById("next").addEventListener("click", () => step(1));
document.getElementById("close").addEventListener("click", () => enlarged.close());
enlarged.addEventListener("click", (event) => {
  if (event.target === enlarged) enlarged.close(); // the backdrop
});
filter();
looks();
