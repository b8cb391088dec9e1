// The line from bucket to client: a card for each place, with its state in a word and a sentence.
import { byId, make, moment } from "./dom.js";

const WORDS = { up: "works", busy: "not ready", away: "away", unknown: "unknown" };

let last = [];

export function showLine(places) {
  last = places;
  byId("line").replaceChildren(...places.map(card));
}

/** The page's server cannot be asked, so nothing is known of what lies behind it. */
export function showLineLost() {
  const lost = ({ place, name }) =>
    place === "client"
      ? { place, name, state: "away", sentence: "This page's server does not answer; it is asked again by itself.", since: null }
      : { place, name, state: "unknown", sentence: "Not known while the client is away.", since: null };
  byId("line").replaceChildren(...last.map(lost).map(card));
}

const card = ({ place, name, state, sentence, since }) =>
  make(
    "li",
    { dataset: { place, state } },
    make("p", { className: "place" }, name),
    make("p", { className: "state", dataset: { state } }, WORDS[state] ?? state, ...(since ? [" since ", moment(since)] : [])),
    make("p", { className: "hint" }, sentence),
  );
