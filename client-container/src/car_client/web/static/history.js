// The history of answers: a table that is filtered and read page by page, and the same as CSV.
import { readHistory, readModels } from "./api.js";
import { breakable, byId, make, milliseconds, moment, percent } from "./dom.js";

const form = byId("history-filter");
const rows = byId("history-rows");
let filter = new URLSearchParams(); // as it was when the rows were asked for
let next = null; // where what follows begins; null: nothing does
let asked = 0; // number of the last question; an answer to an earlier one comes too late

/** Show the newest rows that the filter lets through. */
export function showHistory() {
  filter = typed();
  byId("history-csv").href = `/api/history.csv?${filter}`;
  return show(filter, (found) => rows.replaceChildren(...found));
}

/** What the fields for a source and a model offer. */
export async function offerNames(sources) {
  offer("history-sources", ["page", ...sources]);
  const { models } = await readModels().catch(() => ({ models: [] }));
  offer("history-models", models.map(({ name }) => name));
}

async function show(asking, put) {
  asked += 1;
  const mine = asked;
  let document;
  try {
    document = await readHistory(asking);
  } catch (error) {
    if (mine === asked) byId("history-said").textContent = error.message;
    return;
  }
  if (mine !== asked) return;
  put(document.entries.map(row));
  next = document.next;
  for (const part of [form, byId("history-csv"), byId("history-table")]) part.hidden = !document.kept;
  byId("history-table").hidden ||= !rows.children.length;
  byId("history-more").hidden = next === null;
  const count = `Answers: ${rows.children.length}${next === null ? "" : ", the newest"}, as of ${new Date().toLocaleTimeString()}.`;
  byId("history-said").textContent = [document.kept ? count : "", document.sentence].filter(Boolean).join(" ");
}

/** The filter as the API wants it; times are typed in the time of this place. */
function typed() {
  const fields = new FormData(form);
  const wanted = new URLSearchParams();
  for (const name of ["model", "source", "label"]) if (fields.get(name)) wanted.set(name, fields.get(name));
  for (const name of ["since", "until"]) if (fields.get(name)) wanted.set(name, new Date(fields.get(name)).toISOString());
  if (fields.get("percent")) wanted.set("min_probability", Number(fields.get("percent")) / 100);
  return wanted;
}

const row = ({ thumbnail, time, source, picture, model, version, label, sure, probability, latency_ms }) =>
  make(
    "tr",
    {},
    make("td", {}, thumbnail ? make("img", { src: thumbnail, alt: "", width: 64, height: 52, loading: "lazy" }) : ""),
    make("td", {}, moment(time)),
    make("th", { scope: "row" }, make("strong", { className: sure ? "" : "doubt" }, label), sure ? "" : " (not sure)"),
    make("td", {}, percent(probability)),
    make("td", {}, ...breakable(model), ` ${version}`),
    make("td", {}, make("span", {}, source), make("span", { className: "hint" }, ` ${picture}`)),
    make("td", {}, milliseconds(latency_ms)),
  );

const offer = (id, names) => byId(id).replaceChildren(...names.map((value) => make("option", { value })));

form.addEventListener("submit", (event) => {
  event.preventDefault();
  showHistory();
});
form.addEventListener("reset", () => setTimeout(showHistory)); // once the fields are empty
byId("history-more").addEventListener("click", () => {
  const older = new URLSearchParams(filter);
  older.set("before", next);
  show(older, (found) => rows.append(...found));
});
