// The page "Cameras": a tile for each source, with its last picture, the answers, the rate, and how it is; the history.
import { follow, oneAtATime, readCameras } from "./api.js";
import { startColours } from "./colours.js";
import { breakable, byId, make, milliseconds, moment, percent, reveal } from "./dom.js";
import { offerNames, showHistory } from "./history.js";
import { maySend, offerLabels, onReview, send, showReview } from "./review.js";
import { tellAway } from "./tab.js";

const WORDS = { starting: "being opened", watching: "watching", waiting: "waiting", lost: "lost", ended: "at its end" };
const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 120;
const HEIGHT = 24;
const PATIENCE_MS = 1000;
const AGAIN_MS = 2000; // after an answer that could not be read

const tiles = new Map(); // number -> the tile

const refresh = oneAtATime(async () => {
  let sources;
  try {
    ({ sources } = await readCameras());
  } catch {
    reveal();
    setTimeout(refresh, AGAIN_MS);
    return;
  }
  const lost = sources.filter(({ state }) => state === "lost").length;
  const words = lost ? `${lost} of ${sources.length} lost` : sources.length === 1 ? "1 camera" : `${sources.length} cameras`;
  setServer(lost ? "away" : "up", words);
  byId("tiles").classList.remove("stale");
  byId("no-cameras").hidden = sources.length > 0;
  byId("tiles").hidden = !sources.length;
  if (tiles.size !== sources.length) {
    tiles.clear();
    for (const { number } of sources) tiles.set(number, tile(number));
    byId("tiles").replaceChildren(...[...tiles.values()].map(({ element }) => element));
  }
  for (const source of sources) fill(tiles.get(source.number), source);
});

function tile(number) {
  const parts = {
    image: make("img", { alt: "", width: 320, height: 240 }),
    name: make("h2"),
    state: make("p", { className: "state" }),
    why: make("p", { className: "hint why" }),
    answers: make("ul", { className: "answers-of" }),
    facts: make("p", { className: "hint" }),
    spark: spark(),
    send: make("button", { type: "button", className: "quiet", hidden: true }, "Send the picture to review"),
  };
  parts.send.addEventListener("click", () => send(number));
  const words = make("div", { className: "tile-words" }, parts.name, parts.state, parts.why, parts.answers, parts.facts, parts.spark, parts.send);
  return { ...parts, element: make("article", { className: "panel tile", dataset: { source: number } }, make("div", { className: "tile-picture" }, parts.image), words) };
}

function fill(tile, source) {
  tile.again = source.again_in === null ? null : performance.now() + source.again_in * 1000;
  tile.source = source;
  tile.name.replaceChildren(...breakable(source.name));
  tile.element.dataset.state = source.state;
  tile.state.dataset.state = source.state;
  tile.image.hidden = source.picture === null;
  if (source.picture !== null && tile.image.getAttribute("src") !== source.picture) tile.image.src = source.picture;
  tile.image.alt = source.image ? `The last picture: ${source.image}` : "";
  tile.why.textContent = source.sentence;
  tile.answers.replaceChildren(...source.answers.map(answer));
  const rate = `${source.rate.toFixed(source.rate < 10 ? 1 : 0)} pictures/s`;
  const asks = source.models.length ? `, asks ${source.models.join(", ")}` : "";
  tile.facts.replaceChildren(rate, ", last ", ...(source.time ? ["at ", moment(source.time)] : ["none yet"]), asks);
  draw(tile.spark, source.latencies_ms);
  offerToSend(tile);
  showState(tile);
}

const offerToSend = ({ send, source }) => {
  send.hidden = !maySend() || source.picture === null;
};

function showState({ state, source, again }) {
  const left = again === null ? 0 : Math.ceil((again - performance.now()) / 1000);
  const next = source.state !== "lost" ? "" : left > 0 ? `, tries again in ${left} s` : ", tries again now";
  state.replaceChildren(make("span", {}, `${WORDS[source.state] ?? source.state} since `, moment(source.since), next));
}

const answer = ({ model, version, top1, sure, probability, latency_ms }) =>
  make(
    "li",
    {},
    make("strong", { className: sure ? "" : "doubt" }, top1),
    make("span", {}, percent(probability)),
    make("span", { className: "hint" }, ...breakable(model), ` ${version}, ${milliseconds(latency_ms)}`),
  );

function spark() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.classList.add("spark");
  svg.append(document.createElementNS(SVG, "polyline"));
  return svg;
}

function draw(svg, latencies) {
  svg.classList.toggle("empty", latencies.length < 2);
  const most = Math.max(...latencies, 1);
  svg.setAttribute("aria-label", latencies.length ? `Latencies of the last ${latencies.length} answers, at most ${milliseconds(most)}` : "No answer yet");
  const point = (value, place) => `${((place * WIDTH) / Math.max(latencies.length - 1, 1)).toFixed(1)},${(HEIGHT - 1 - (value / most) * (HEIGHT - 2)).toFixed(1)}`;
  svg.firstElementChild.setAttribute("points", latencies.map(point).join(" "));
}

function setServer(state, words) {
  const server = byId("server");
  tellAway(state !== "up");
  server.dataset.state = state;
  if (server.textContent !== words) server.firstElementChild.textContent = words;
}

setInterval(() => {
  for (const tile of tiles.values()) if (tile.source?.state === "lost") showState(tile);
}, 1000);
startColours();
onReview(() => [...tiles.values()].forEach(offerToSend));
follow({
  resync: async () => {
    await refresh();
    reveal(".tiles, .how-to");
    offerLabels();
    await Promise.race([showReview(), new Promise((done) => setTimeout(done, PATIENCE_MS))]); // its store may be slow
    reveal(".review");
    await showHistory();
    reveal();
    offerNames([...tiles.values()].map(({ source }) => source.name));
  },
  cameras: refresh,
  review: showReview,
  models: offerLabels,
  lost: () => {
    setServer("lost", "This page's server is away; trying again");
    byId("tiles").classList.add("stale");
    reveal();
  },
});
