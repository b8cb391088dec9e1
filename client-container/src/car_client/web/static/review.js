// Pictures in review: sent from a camera's tile, and what a person says that they show.
import { readModels, readReview } from "./api.js";
import { breakable, byId, make, moment, percent } from "./dom.js";
import { ask, mayChange, onOperator, showChanges } from "./operator.js";

const made = new Map(); // id -> { print, element }
let last = null; // what was read last
let told = () => {};

/** `tell` is called when pictures can be sent, or not any more. */
export const onReview = (tell) => {
  told = tell;
};

/** Whether a button that sends a picture makes sense. */
export const maySend = () => Boolean(last?.on) && mayChange();

export const send = (number) => ask("POST", `/api/cameras/${number}/review`, {}, "The picture is in review, below.");

/** Read what is in review, and show it. */
export async function showReview() {
  try {
    last = await readReview();
  } catch (error) {
    byId("said").textContent = error.message;
    return;
  }
  show();
}

/** What the fields for a label offer: the labels of all models. */
export async function offerLabels() {
  const { models } = await readModels().catch(() => ({ models: [] }));
  const labels = new Set(models.flatMap((model) => model.labels ?? []));
  byId("review-labels").replaceChildren(...[...labels].sort().map((value) => make("option", { value })));
}

function show() {
  if (last === null) return;
  showChanges({ allowed: last.on && last.changes.allowed, how: last.on ? last.changes.how : last.how });
  const shown = last.items.map((item) => {
    const print = JSON.stringify([item, mayChange()]);
    if (made.get(item.id)?.print !== print) made.set(item.id, { print, element: row(item, typed(item.id)) });
    return made.get(item.id).element;
  });
  const ids = new Set(last.items.map(({ id }) => id));
  for (const id of [...made.keys()]) if (!ids.has(id)) made.delete(id);
  const list = byId("reviews");
  if (shown.length !== list.children.length || shown.some((element, place) => list.children[place] !== element)) list.replaceChildren(...shown);
  const newest = last.count > last.items.length ? `, the newest ${last.items.length} here` : "";
  byId("review-count").textContent = last.on ? `${last.count} in ${last.place}${newest}` : "";
  told();
}

/** What somebody is typing for a picture while others label it. */
function typed(id) {
  const input = made.get(id)?.element.querySelector("input");
  return input && input.value !== input.defaultValue ? input.value : null;
}

function row(item, value) {
  const { id, picture, source, image, time, answers, label, by } = item;
  const who = label === null ? `Sent by ${by}, without a label yet` : `${label}, says ${by}`;
  return make(
    "li",
    { dataset: { review: id } },
    make("img", { src: picture, alt: `The picture ${image}`, width: 160, height: 120, loading: "lazy" }),
    make(
      "div",
      { className: "tile-words" },
      make("p", {}, make("strong", {}, ...breakable(source)), " ", ...(time ? [moment(time)] : []), make("span", { className: "hint" }, ` ${image}`)),
      make("ul", { className: "answers-of" }, ...answers.map(answer)),
      make("p", { className: "verdict-of" }, who),
      ...(mayChange() ? [labelling(item, value)] : []),
    ),
  );
}

const answer = ({ model, version, label, sure, probability }) =>
  make("li", {}, make("strong", { className: sure ? "" : "doubt" }, label), make("span", {}, percent(probability)), make("span", { className: "hint" }, ...breakable(model), ` ${version}`));

function labelling({ id, image, label }, value) {
  const input = make("input", { defaultValue: label ?? "", maxLength: 200, autocomplete: "off" });
  input.setAttribute("list", "review-labels");
  if (value !== null) input.value = value;
  const save = make("button", { type: "submit", className: "quiet", "aria-label": `Save the label of ${image}` }, "Save");
  const form = make("form", { className: "operator" }, make("label", {}, "It shows ", input), save);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const shows = input.value.trim() || null;
    input.value = input.defaultValue; // what is saved comes back with the list
    ask("PUT", `/api/review/${id}`, { label: shows }, shows === null ? "The label is taken back." : `Saved as ${shows}.`);
  });
  return form;
}

onOperator(show);
