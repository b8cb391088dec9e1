// Several pictures at once: a row each, with what every model says, and the table as a file.
import { classify } from "./api.js";
import { byId, make, percent } from "./dom.js";
import { notAPicture, tooLarge } from "./files.js";
import { untilAnswered } from "./retry.js";
import { shrunk } from "./shrink.js";

const AT_ONCE = 2;
export const MOST_PICTURES = 500;
const COLUMNS = ["file", "model", "version", "top1", "sure", "probability", "error"];

/** Classify `files` with `model`, or with all; `told` gets how many are done, and how many failed. */
export function classifyAll(files, model, limits, { signal, told }) {
  const rows = files.map((file) => ({ file, row: waitingRow(file.name), answer: null, error: "" }));
  byId("answers").replaceChildren(table(rows), download(rows));
  const queue = [...rows];
  let failed = 0;
  let done = 0;
  const isOver = () => signal.aborted;
  const work = async () => {
    for (let next = queue.shift(); next && !isOver(); next = queue.shift()) {
      try {
        const picture = await shrunk(next.file);
        const wrong = notAPicture(next.file, next.file.name) || tooLarge(picture, next.file.name, limits);
        if (wrong) throw new Error(wrong);
        next.answer = await untilAnswered(() => classify(picture, next.file.name, model, { signal, progress: () => {} }), isOver);
      } catch (error) {
        next.error = error.message;
        failed += 1;
      }
      if (isOver()) return;
      done += 1;
      next.row.lastElementChild.replaceChildren(...said(next));
      next.row.classList.toggle("failed", !next.answer);
      told(done, failed);
    }
  };
  return Promise.all(Array.from({ length: AT_ONCE }, work));
}

function table(rows) {
  const head = ["Picture", "What the models say"].map((text) => make("th", { scope: "col" }, text));
  return make(
    "table",
    { className: "batch", "aria-label": "The pictures and their answers" },
    make("thead", {}, make("tr", {}, ...head)),
    make("tbody", {}, ...rows.map(({ row }) => row)),
  );
}

const waitingRow = (name) => make("tr", {}, make("th", { scope: "row", title: name }, name), make("td", {}, make("span", { className: "hint" }, "waiting…")));

function said({ answer, error }) {
  if (!answer) return [make("p", {}, error)];
  const lines = answer.results.map((result) =>
    make(
      "p",
      { className: result.sure ? "says" : "says unsure" },
      make("strong", {}, result.top1),
      ` ${percent(result.predictions[0].probability)}`,
      make("span", { className: "hint" }, ` ${result.model} ${result.version}`),
    ),
  );
  return [...lines, ...answer.failed.map((failure) => make("p", { className: "hint" }, `${failure.model}: ${failure.error}`))];
}

function download(rows) {
  const button = make("button", { type: "button", className: "quiet", id: "batch-csv" }, "Download as CSV");
  button.addEventListener("click", () => {
    const address = URL.createObjectURL(new Blob([csvOf(rows)], { type: "text/csv" }));
    make("a", { href: address, download: "classified.csv" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  });
  return make("div", { className: "actions" }, button);
}

/** One line for each picture and model; those that were not asked yet are left out. */
export function csvOf(rows) {
  const lines = rows.flatMap(({ file, answer, error }) => {
    if (!answer) return error ? [[file.name, "", "", "", "", "", error]] : [];
    const results = answer.results.map((r) => [file.name, r.model, r.version, r.top1, r.sure, r.predictions[0].probability, ""]);
    return [...results, ...answer.failed.map((failure) => [file.name, failure.model, "", "", "", "", failure.error])];
  });
  return [COLUMNS, ...lines].map((line) => line.map(cell).join(",") + "\r\n").join("");
}

/** A cell that a spreadsheet shows and never computes. */
function cell(value) {
  const text = String(value);
  const shown = /^\s*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(shown) ? `"${shown.replaceAll('"', '""')}"` : shown;
}
