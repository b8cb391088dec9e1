// A card for each model: its versions with state, reason, size and progress, and what is known of it.
import { breakable, byId, make, moment } from "./dom.js";
import { inBytes } from "./files.js";
import { preparation } from "./models.js";
import { mayChange } from "./operator.js";
import { askToPin, askToRelease, askToUnpin, retry } from "./pins.js";

const made = new Map(); // name -> { print, element }

/** Show the models of `document`; the card of a model that did not change stays as it is, opened or focused. */
export function showModels(document) {
  const cards = document.models.map((model) => {
    const print = JSON.stringify([model, mayChange()]);
    if (made.get(model.name)?.print !== print) made.set(model.name, { print, element: card(model, isOpen(model.name), openProofs(model.name)) });
    return made.get(model.name).element;
  });
  const names = new Set(document.models.map((model) => model.name));
  for (const name of [...made.keys()]) if (!names.has(name)) made.delete(name);
  const list = byId("model-list");
  if (cards.length !== list.children.length || cards.some((element, place) => list.children[place] !== element)) list.replaceChildren(...cards);
  if (!cards.length) list.replaceChildren(make("p", { className: "hint" }, "No model yet."));
  const serving = document.models.filter((model) => model.serving.length).length;
  const count = cards.length ? `${serving} of ${cards.length} serving` : "";
  byId("models-count").textContent = document.current || !count ? count : `${count}, as last seen`;
}

const isOpen = (name) => made.get(name)?.element.querySelector("details.about")?.open ?? false;

const openProofs = (name) => new Set([...(made.get(name)?.element.querySelectorAll("details.proofs[open]") ?? [])].map((details) => details.closest("li").dataset.version));

function card(model, open, shown) {
  const serving = model.serving.length ? `Version ${model.serving.join(", ")} answers` : "Nothing answers";
  return make(
    "article",
    { className: "model", dataset: { model: model.name } },
    make("header", {}, make("h3", {}, ...breakable(model.name)), make("p", { className: "hint" }, serving)),
    ...(model.pin ? [pinned(model)] : []),
    make("ul", { className: "versions" }, ...model.versions.map((version) => row(model, version, shown.has(version.version)))),
    ...(model.trouble ? [make("p", { className: "problem" }, model.trouble)] : []),
    ...(model.card ? [about(model.card, open)] : []),
  );
}

function pinned(model) {
  const parts = mayChange() ? [button("Take the pin away", () => askToUnpin(model.name))] : [];
  return make("div", { className: "pin", dataset: { holds: model.pin.holds } }, make("p", {}, model.pin.sentence), ...parts);
}

function button(words, act, label = words) {
  const element = make("button", { type: "button", className: "quiet", "aria-label": label }, words);
  element.addEventListener("click", act);
  return element;
}

const CAN_BE_PINNED = new Set(["serving", "previous", "held", "retiring"]);
const CAN_BE_RETRIED = new Set(["rejected", "waiting"]);

function actions(model, { version, state, removal }) {
  if (!mayChange()) return [];
  const which = `${model.name} version ${version}`;
  const pin = CAN_BE_PINNED.has(state) && model.pin?.version !== version;
  const found = [
    ...(pin ? [button("Pin", () => askToPin(model.name, version), `Pin ${which}`)] : []),
    ...(removal ? [button("Remove now", () => askToRelease(model.name), `Remove what the bucket lacks of ${which} now`)] : []),
    ...(CAN_BE_RETRIED.has(state) ? [button("Try again", () => retry(model.name, version), `Try ${which} again`)] : []),
  ];
  return found.length ? [make("div", { className: "actions" }, ...found)] : [];
}

function row(model, version, shown) {
  const { state, progress, since } = version;
  const other = version.local_version !== null && String(version.local_version) !== version.version;
  const facts = [version.files ? `${inBytes(version.bytes)} in ${version.files} ${version.files === 1 ? "file" : "files"}` : "", other ? `number ${version.local_version} at the server` : ""];
  return make(
    "li",
    { dataset: { version: version.version, state } },
    make("p", { className: "which" }, `version ${version.version}`),
    make("p", { className: "state", dataset: { state } }, state, ...(since ? [" since ", moment(since)] : [])),
    make("p", { className: "hint facts" }, facts.filter(Boolean).join(", ")),
    ...(progress === null ? [] : [make("progress", { max: 1, value: progress, "aria-label": `Progress of version ${version.version}` })]),
    ...(version.reason ? [make("p", { className: "reason" }, version.reason)] : []),
    ...(version.proofs.length ? [proven(version, shown)] : []),
    ...actions(model, version),
  );
}

function proven({ version, proofs }, open) {
  const summary = make("summary", { "aria-label": `What version ${version} can show for itself` }, "What it can show for itself");
  return make("details", { className: "proofs", open }, summary, ...proofs.map((line) => make("p", { className: "hint" }, line)));
}

function about(card, open) {
  const labels = card.labels === null ? "no labels" : `${card.labels} labels`;
  const lines = [card.description, `Takes ${card.input}`, preparation(card.preprocessing), ...card.warnings];
  return make(
    "details",
    { className: "about", open },
    make("summary", {}, `About version ${card.version}: ${labels}`),
    ...lines.filter(Boolean).map((line) => make("p", { className: "hint" }, line)),
  );
}
