// One card for each model's answer: verdict, bars, where the time went.
import { breakable, make, milliseconds, percent } from "./dom.js";

export function answerCards(document) {
  return [...document.results.map(resultCard), ...document.failed.map(failureCard)];
}

/** Whether the models agree, in one line; empty when there is nothing to compare. */
export function agreement(document) {
  const votes = new Map();
  for (const { top1 } of document.results) votes.set(top1, (votes.get(top1) ?? 0) + 1);
  const asked = document.results.length;
  if (asked < 2) return "";
  const [[first, most], ...others] = [...votes].sort(([, one], [, other]) => other - one);
  if (!others.length) return `${asked === 2 ? "Both" : `All ${asked}`} models say ${first}`;
  if (most > 1) return `${most} of ${asked} models say ${first}`;
  return `The models disagree: ${[...votes.keys()].join(", ")}`;
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
    { className: "answer", dataset: { model: result.model, version: result.version } },
    make("header", {}, make("h3", {}, ...breakable(result.model)), make("span", { className: "version" }, `version ${result.version}`)),
    verdict,
    make("ol", { className: "bars", "aria-label": `Likeliest classes of ${result.model}` }, ...result.predictions.map(bar)),
    timings(result),
  );
}

function bar(prediction) {
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
