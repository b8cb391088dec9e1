// One card for each model's answer: verdict, bars, where the time went.
import { breakable, make, milliseconds, percent } from "./dom.js";

const MOST_CARDS = 3;

/** A card for each model; from four models on a table. */
export function answerParts(document) {
  const models = document.results.length + document.failed.length;
  return models > MOST_CARDS ? [answerTable(document)] : [...document.results.map(resultCard), ...document.failed.map(failureCard)];
}

/** Whether the models agree, in one line; empty when there is nothing to compare. */
export function agreement({ results }) {
  if (results.length < 2) return "";
  const labels = new Set(results.map((result) => result.label_set));
  if (labels.size > 1 || labels.has(null)) return "These models know different classes, so they are not compared";
  const sure = results.filter((result) => result.sure);
  const unsure = results.length - sure.length;
  if (!sure.length) return results.length === 2 ? "Both models are not sure" : `All ${results.length} models are not sure`;
  const votes = new Map();
  for (const { top1 } of sure) votes.set(top1, (votes.get(top1) ?? 0) + 1);
  const [[first, most], ...others] = [...votes].sort(([, one], [, other]) => other - one);
  const doubt = unsure ? `, ${unsure} ${unsure === 1 ? "is" : "are"} not sure` : "";
  if (!others.length && !unsure) return `${results.length === 2 ? "Both" : `All ${results.length}`} models say ${first}`;
  if (!others.length || most > 1) return `${most} of ${results.length} models ${most === 1 ? "says" : "say"} ${first}${doubt}`;
  return `The models disagree: ${[...votes.keys()].join(", ")}${doubt}`;
}

/** What the tab tells: the one verdict, or that there are several. */
export function shortVerdict(document) {
  const verdicts = new Set(document.results.map((result) => result.top1));
  return verdicts.size === 1 ? [...verdicts][0] : `${verdicts.size} verdicts`;
}

/** One sentence for those who hear the page instead of seeing it. */
export function spokenSummary(document) {
  const sentences = document.results.map(
    (result) => `${result.model} says ${result.top1}, ${percent(result.predictions[0].probability)}`,
  );
  return [...sentences, ...document.failed.map((failure) => `${failure.model} failed`)].join(". ");
}

function resultCard(result) {
  const verdict = make("p", { className: result.sure ? "verdict" : "verdict unsure" }, result.top1);
  return make(
    "article",
    { className: result.sure ? "answer" : "answer unsure", dataset: { model: result.model, version: result.version } },
    make("header", {}, make("h3", {}, ...breakable(result.model)), make("span", { className: "version" }, `version ${result.version}`)),
    verdict,
    make("ol", { className: "bars", "aria-label": `Likeliest classes of ${result.model}` }, ...result.predictions.map(bar)),
    timings(result),
  );
}

function answerTable(document) {
  const head = ["Model", "Says", "", "Next", "Time"].map((text) => make("th", { scope: "col" }, text));
  const rows = document.results.map(({ model, version, top1, sure, predictions: [best, next], latency_ms }) =>
    make(
      "tr",
      { className: sure ? "" : "unsure", dataset: { model, version } },
      make("th", { scope: "row" }, ...breakable(model), make("span", { className: "hint" }, ` ${version}`)),
      make("td", {}, make("strong", { className: sure ? "" : "doubt" }, top1), sure ? "" : make("span", { className: "hint" }, ` best guess ${best.label}`)),
      make("td", { className: "number" }, percent(best.probability)),
      make("td", { className: "hint" }, next ? `${next.label} ${percent(next.probability)}` : ""),
      make("td", { className: "number hint" }, milliseconds(latency_ms)),
    ),
  );
  const failures = document.failed.map(({ model, error }) =>
    make("tr", { className: "failed", dataset: { model } }, make("th", { scope: "row" }, ...breakable(model)), make("td", { colSpan: 4 }, error)),
  );
  return make(
    "div",
    { className: "answer-table" },
    make("table", { "aria-label": "What each model says" }, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows, ...failures)),
  );
}

export function bar(prediction) {
  const fill = make("div", { className: "fill" });
  fill.style.width = `${prediction.probability * 100}%`;
  return make(
    "li",
    {},
    make("span", { className: "label", title: prediction.label }, prediction.label),
    make("span", { className: "share" }, percent(prediction.probability)),
    make("div", { className: "track", "aria-hidden": "true" }, fill),
  );
}

function timings(result) {
  const parts = Object.entries(result.timings_ms);
  const split = parts.map(([name, value]) => {
    const part = make("span", { className: name });
    part.style.flexGrow = String(value);
    return part;
  });
  const legend = parts.map(([name, value]) => make("span", { className: name }, `${name} ${milliseconds(value)}`));
  return make(
    "div",
    { className: "timings" },
    make("p", { className: "latency" }, `${milliseconds(result.latency_ms)}, sent as ${result.transport}`),
    make("div", { className: "split", "aria-hidden": "true" }, ...split),
    make("p", { className: "legend" }, ...legend),
  );
}

function failureCard(failure) {
  return make(
    "article",
    { className: "answer failed", dataset: { model: failure.model } },
    make("header", {}, make("h3", {}, ...breakable(failure.model))),
    make("p", { className: "verdict" }, "No answer"),
    make("p", {}, failure.error),
  );
}
