// The latest inferences of everybody, newest first, as they happen.
import { bar } from "./answers.js";
import { byId, clock, make, milliseconds, percent } from "./dom.js";

const MOST = 50;
const list = byId("recent");

export function show(document) {
  list.replaceChildren(...document.inferences.map(item));
  if (!list.children.length) list.append(make("li", { className: "empty" }, "None yet. Everybody's pictures appear here, those of a watched source too."));
  count();
}

export function add(inference) {
  if (list.querySelector(`[data-id="${inference.id}"]`)) return;
  list.querySelector(".empty")?.remove();
  list.prepend(item(inference));
  while (list.children.length > MOST) list.lastElementChild.remove();
  count();
}

function count() {
  const items = list.querySelectorAll("[data-id]").length;
  byId("recent-count").textContent = items ? `the last ${items}` : "";
}

function item(inference) {
  const [best] = inference.predictions;
  return make(
    "li",
    { dataset: { id: inference.id, model: inference.model } },
    opener(inference),
    make(
      "div",
      { className: "words" },
      make("p", { className: inference.sure ? "what" : "what unsure" }, inference.top1),
      make("p", { className: "which hint", title: inference.model }, `${inference.model} ${inference.version}`),
      make("p", { className: "which hint", title: inference.image }, inference.origin === "watch" ? "watched: " : "", inference.image),
    ),
    make(
      "div",
      { className: "numbers" },
      make("p", {}, percent(best.probability)),
      make("p", { className: "hint" }, milliseconds(inference.latency_ms)),
      make("p", { className: "hint when" }, clock(inference.time)),
    ),
  );
}

/** The small picture; it opens with all that was said of it. */
function opener(inference) {
  const image = make("img", { src: inference.thumbnail, alt: "", width: 64, height: 52, loading: "lazy" });
  const button = make("button", { type: "button", className: "open", "aria-label": `Open ${inference.image}, ${inference.model}` }, image);
  button.addEventListener("click", () => open(inference));
  return button;
}

function open(inference) {
  byId("opened-title").textContent = inference.image;
  const image = byId("opened-image");
  image.src = inference.thumbnail;
  image.alt = `The picture ${inference.image}`;
  byId("opened-what").replaceChildren(...said(inference));
  byId("opened").showModal();
}

const said = (inference) => [
  make("p", { className: inference.sure ? "verdict" : "verdict unsure" }, inference.top1),
  make("ol", { className: "bars" }, ...inference.predictions.map(bar)),
  make("p", { className: "hint" }, `${inference.model} ${inference.version}, ${milliseconds(inference.latency_ms)}, ${clock(inference.time)}`),
];

byId("opened-close").addEventListener("click", () => byId("opened").close());
