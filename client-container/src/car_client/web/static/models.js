// The live table of models, and the list to choose one from.
import { breakable, byId, make } from "./dom.js";

const WORDS = {
  AVAILABLE: "available",
  START: "starting",
  LOADING: "loading",
  UNLOADING: "unloading",
  FAILED: "failed",
  END: "retired",
  unusable: "not usable",
};

let known = null; // name -> what the table last showed of it

/** Show `document` of /api/models; returns whether a model that answers came, changed or went. */
export function show(document) {
  const rows = document.models.filter((model) => alive(model).length || model.usable);
  const now = new Map(rows.map((model) => [model.name, fingerprint(model)]));
  const before = known;
  known = now;
  byId("models").replaceChildren(
    ...(rows.length ? rows.map((model) => row(model, before && before.get(model.name) !== now.get(model.name))) : [emptyRow()]),
  );
  const usable = rows.filter((model) => model.usable);
  byId("models-count").textContent = rows.length ? `${usable.length} of ${rows.length} in use` : "";
  fillChoice(usable);
  return before !== null && (before.size !== now.size || [...now].some(([name, print]) => before.get(name) !== print));
}

const alive = (model) => Object.entries(model.versions).filter(([, state]) => state !== "END");

const fingerprint = (model) => JSON.stringify([model.usable, model.version, model.reason, model.source]);

function row(model, changed) {
  const versions = alive(model);
  const states = versions.length ? versions : Object.entries(model.versions);
  return make(
    "tr",
    { className: changed ? "changed" : "", dataset: { model: model.name } },
    make("td", {}, make("p", { className: "name" }, ...breakable(model.name)), ...about(model)),
    make("td", {}, ...states.map(([version]) => make("p", {}, version))),
    make("td", {}, ...states.map(([version, state]) => badge(model, version, state))),
  );
}

function about(model) {
  if (!model.usable) return model.reason ? [make("p", { className: "about bad" }, model.reason)] : [];
  const labels = model.labels ? `${model.labels.length} labels` : "no labels";
  const lines = [make("p", { className: "about" }, `${model.input}, ${labels}, described by ${sourceWords(model.source)}`)];
  return [...lines, ...model.warnings.map((warning) => make("p", { className: "about" }, warning))];
}

const sourceWords = (source) => ({ card: "its card", rt_info: "the model file", shapes: "its shapes only" })[source] ?? source;

function badge(model, version, state) {
  const shown = state === "AVAILABLE" && !model.usable ? "unusable" : state;
  return make("p", { className: "state", dataset: { state: shown } }, WORDS[shown] ?? state.toLowerCase());
}

function emptyRow() {
  const cell = make("td", { colSpan: 3 }, "The server has no models. One that is uploaded to the bucket appears here.");
  return make("tr", { className: "empty" }, cell);
}

function fillChoice(usable) {
  const choice = byId("model");
  const wanted = choice.value;
  const names = usable.map((model) => model.name);
  if ([...choice.options].slice(1).map((option) => option.value).join() === names.join()) return;
  choice.replaceChildren(
    make("option", { value: "" }, "All, side by side"),
    ...names.map((name) => make("option", { value: name }, name)),
  );
  choice.value = names.includes(wanted) ? wanted : "";
}
