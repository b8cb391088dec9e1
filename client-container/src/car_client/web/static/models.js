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
  unknown: "unknown",
};

const table = byId("models");
let known = null; // name -> what the table last showed of it

/** Show `document` of /api/models; returns whether a model that answers came, changed or went. */
export function show(document) {
  const rows = document.models.filter((model) => alive(model).length || model.usable);
  const now = new Map(rows.map((model) => [model.name, fingerprint(model)]));
  const before = known;
  known = now;
  const open = new Set([...table.querySelectorAll("details[open]")].map((details) => details.closest("tr").dataset.model));
  table.replaceChildren(...rows.map((model) => row(model, before && before.get(model.name) !== now.get(model.name), open)));
  byId("models-table").hidden = !rows.length;
  byId("models-empty").hidden = rows.length > 0 || !document.reachable;
  const usable = rows.filter((model) => model.usable);
  byId("models-count").textContent = rows.length ? `${usable.length} of ${rows.length} in use` : "";
  if (!document.reachable) showAsLastSeen();
  fillChoice(usable);
  return before !== null && (before.size !== now.size || [...now].some(([name, print]) => before.get(name) !== print));
}

/** The server cannot be asked: what the table has is from before. */
export function showAsLastSeen() {
  if (table.children.length) byId("models-count").textContent = "as last seen";
  for (const state of table.querySelectorAll(".state")) {
    state.dataset.state = "unknown";
    state.textContent = WORDS.unknown;
  }
}

const alive = (model) => Object.entries(model.versions).filter(([, state]) => state !== "END");

const fingerprint = (model) => JSON.stringify([model.usable, model.version, model.reason, model.source]);

function row(model, changed, open) {
  const versions = alive(model);
  const states = versions.length ? versions : Object.entries(model.versions);
  return make(
    "tr",
    { className: changed ? "changed" : "", dataset: { model: model.name } },
    make("td", {}, make("p", { className: "name" }, ...breakable(model.name)), ...about(model, open.has(model.name))),
    make("td", {}, ...states.map(([version]) => make("p", {}, version))),
    make("td", {}, ...states.map(([version, state]) => badge(model, version, state))),
  );
}

function about(model, open) {
  if (!model.usable) return model.reason ? [make("p", { className: "about bad" }, model.reason)] : [];
  const labels = model.labels ? `${model.labels.length} labels` : "no labels";
  const described = `${labels}, ${sourceWords(model.source)}`;
  const summary = make("summary", { className: model.warnings.length ? "about warned" : "about" }, described);
  const lines = [model.description, `Takes ${model.input}`, preparation(model.preprocessing), ...model.warnings];
  const paragraphs = lines.filter(Boolean).map((line) => make("p", { className: "about" }, line));
  return [make("details", { open }, summary, ...paragraphs)];
}

/** How pictures are prepared for a model, in a sentence. */
export const preparation = ({ resize, interpolation, size, color }) =>
  `Pictures are prepared by ${resize} (${interpolation}) to ${size[1]} × ${size[0]}, ${color}`;

const sourceWords = (source) => ({ card: "from its card", rt_info: "from the model file", shapes: "shapes only" })[source] ?? source;

function badge(model, version, state) {
  const shown = state === "AVAILABLE" && !model.usable ? "unusable" : state;
  return make("p", { className: "state", dataset: { state: shown } }, WORDS[shown] ?? state.toLowerCase());
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
