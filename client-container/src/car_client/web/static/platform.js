// The page "Models": what the server tells goes to the panels; what cannot be asked is shown as last seen.
import { follow, oneAtATime, readPlatform } from "./api.js";
import { startColours } from "./colours.js";
import { breakable, byId, make, moment, reveal } from "./dom.js";
import { showLine, showLineLost } from "./line.js";
import { onOperator, showChanges } from "./operator.js";
import { showSending } from "./sending.js";
import { tellAway } from "./tab.js";
import { showModels } from "./versions.js";

const AGAIN_MS = 2000; // after an answer that could not be read

const refresh = oneAtATime(async () => {
  let document;
  try {
    document = await readPlatform();
  } catch {
    reveal();
    setTimeout(refresh, AGAIN_MS);
    return;
  }
  const away = document.line.filter((place) => place.state === "away");
  setServer(away.length ? "away" : "up", away.length ? `Away: ${away.map((place) => place.name).join(", ")}` : "Live");
  replaced("advice", document.advice, document.advice.map(adviceItem));
  showLine(document.line);
  showChanges(document.changes);
  showModels(document);
  showSending(document.models);
  replaced("timeline", document.timeline, timelineItems(document.timeline));
  reveal();
});

const shown = new Map(); // id -> what the list there was made of

/** Put `items` into the list `id`, unless it was made of the same `facts`: a reader is not told twice. */
function replaced(id, facts, items) {
  const print = JSON.stringify(facts);
  if (shown.get(id) === print) return;
  shown.set(id, print);
  byId(id).replaceChildren(...items);
}

const adviceItem = ({ urgency, sentence }) => make("li", { className: "state", dataset: { state: urgency } }, make("span", {}, sentence));

function timelineItems(changes) {
  if (!changes.length) return [make("li", { className: "hint" }, "Nothing yet.")];
  return changes.map(({ time, what, sentence, model, version, by }) =>
    make(
      "li",
      {},
      moment(time),
      make("p", {}, make("span", { className: "state", dataset: { state: what } }, what), " ", ...(model ? [make("strong", {}, ...breakable(model)), ` ${version}`] : [])),
      make("p", { className: "hint" }, [sentence, by ? `by ${by}` : ""].filter(Boolean).join(" — ")),
    ),
  );
}

function setServer(state, words) {
  const server = byId("server");
  tellAway(state !== "up");
  if (server.textContent === words) return;
  server.dataset.state = state;
  server.firstElementChild.textContent = words;
}

onOperator(refresh);
startColours();
follow({
  resync: refresh,
  platform: refresh,
  models: refresh,
  lost: () => {
    setServer("lost", "This page's server is away; trying again");
    showLineLost();
    reveal();
  },
});
