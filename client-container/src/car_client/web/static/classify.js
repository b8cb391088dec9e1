// The panel that takes a picture and shows what the models say of it.
import { classify, classifyAddress } from "./api.js";
import { agreement, answerParts, shortVerdict, spokenSummary } from "./answers.js";
import { MOST_PICTURES, classifyAll } from "./batch.js";
import { byId, make } from "./dom.js";
import { addressIn, inBytes, notAPicture, tooLarge } from "./files.js";
import { MOST_ATTEMPTS, pauseAfter } from "./retry.js";
import { shrunk } from "./shrink.js";
import { tellVerdict } from "./tab.js";

const drop = byId("drop");
const preview = byId("preview");
const problem = byId("problem");
const answers = byId("answers");
const model = byId("model");
const progress = byId("progress");

let current = null; // {name, send, size, preview}: what is shown, and asked about again when the models change
let answered = null; // of what the answers shown are
let attempts = 0; // in vain, since the last answer or change
let timer = 0;
let running = null;
let limits = { max_bytes: Infinity, addresses: "off" };

export function setLimits(said) {
  limits = said;
}

/** Show `picture` (a File or Blob) and classify it. */
export async function take(picture, name) {
  const wrong = notAPicture(picture, name);
  if (wrong) {
    tell(wrong);
    return;
  }
  const newest = (latest = {});
  const sent = await shrunk(picture);
  if (latest !== newest) return; // another picture came meanwhile
  const large = tooLarge(sent, name, limits);
  if (large) {
    tell(large);
    return;
  }
  const from = sent === picture ? [] : [`shrunk from ${inBytes(picture.size)}`];
  begin({ name, size: [inBytes(sent.size), ...from], send: (options) => classify(sent, name, model.value, options) });
  showPreview(URL.createObjectURL(picture), name);
}

/** Have the server fetch the picture at `address` and classify it, where it may. */
function takeAddress(address) {
  if (limits.addresses === "off") {
    tell("This client fetches no addresses: its setting PAGE_ADDRESSES is off. Save the picture and drop the file.");
    return;
  }
  latest = {};
  begin({ name: address, size: [], send: (options) => classifyAddress(address, model.value, options) });
  preview.hidden = true;
}

/** One picture as `take` shows it; of several each gets a row. */
function takeAll(files) {
  if (files.length === 1) {
    take(files[0], files[0].name);
    return;
  }
  latest = {};
  stop();
  const batch = [...files].slice(0, MOST_PICTURES);
  const mine = (running = new AbortController());
  current = answered = null;
  fill(`${batch.length} pictures`);
  preview.hidden = true;
  problem.hidden = batch.length === files.length;
  if (!problem.hidden) tell(`At most ${MOST_PICTURES} pictures are taken at once; the rest was left out.`);
  byId("summary").textContent = "";
  tellVerdict("");
  hint("sending…");
  const told = (done, failed) => {
    hint(`${done} of ${batch.length} done`, ...(failed ? [`${failed} without an answer`] : []));
    if (done === batch.length) byId("summary").textContent = `${done} pictures are done, ${failed} without an answer`;
  };
  classifyAll(batch, model.value, limits, { signal: mine.signal, told });
}

let latest = null; // what was given last; reading and shrinking take their time

function begin(given) {
  current = given;
  attempts = 0;
  fill(given.name);
  hint(...given.size);
  ask();
}

function fill(title) {
  drop.classList.remove("unreadable");
  drop.classList.add("filled");
  byId("drop-title").textContent = title;
  byId("choose").textContent = "Choose others";
}

function showPreview(source, name) {
  if (preview.src.startsWith("blob:")) URL.revokeObjectURL(preview.src);
  preview.src = source;
  preview.alt = `The picture ${name}`;
  preview.hidden = false;
  drop.classList.remove("unreadable");
}

/** The models changed, or something is back: the picture shown gets its answers from what is there now. */
export function askAgain({ onlyIfWaiting = false } = {}) {
  if (!current || (onlyIfWaiting && !timer)) return;
  attempts = 0;
  ask();
}

function stop() {
  clearTimeout(timer);
  timer = 0;
  running?.abort();
  running = null;
  progress.hidden = true;
  answers.setAttribute("aria-busy", "false");
}

async function ask() {
  stop();
  const mine = new AbortController();
  const asked = current;
  running = mine;
  answers.setAttribute("aria-busy", "true");
  showProgress(0);
  const start = performance.now();
  try {
    const document = await asked.send({ signal: mine.signal, progress: (share) => running === mine && showProgress(share) });
    if (running !== mine) return;
    const took = `answered in ${Math.round(performance.now() - start)} ms`;
    hint(`${document.width} × ${document.height}`, ...(asked.size.length ? asked.size : [inBytes(document.bytes)]), took);
    if (preview.hidden || drop.classList.contains("unreadable")) showPreview(document.thumbnail, asked.name);
    answered = asked;
    attempts = 0;
    show(document);
    problem.hidden = true;
  } catch (error) {
    if (running === mine) fail(error);
  } finally {
    if (running === mine) {
      answers.setAttribute("aria-busy", "false");
      progress.hidden = true;
      running = null;
    }
  }
}

/** Say what is wrong. What passes by itself is sent again, after pauses that grow; no old answer stays. */
function fail(error) {
  attempts += 1;
  const pause = error.passes ? pauseAfter(attempts) : null;
  if (pause === null || answered !== current) {
    answered = null;
    answers.replaceChildren();
    byId("summary").textContent = "";
    tellVerdict("");
  }
  hint(...current.size);
  if (pause !== null) {
    timer = setTimeout(ask, pause);
    tell(`${sentence(error.message)} The picture is sent again by itself, next in ${Math.round(pause / 1000)} s.`, { passes: true });
  } else if (error.passes) {
    tell(`${sentence(error.message)} The picture was sent ${MOST_ATTEMPTS} times; choose it again to go on.`);
  } else {
    tell(sentence(error.message));
  }
}

function show(document) {
  const together = agreement(document);
  const line = together ? [make("p", { className: "agreement" }, together)] : [];
  answers.replaceChildren(...line, ...answerParts(document));
  byId("summary").textContent = [together, spokenSummary(document)].filter(Boolean).join(". ");
  tellVerdict(shortVerdict(document));
}

/** How much of the picture was sent; when all was, how long the models take is not known. */
function showProgress(share) {
  progress.hidden = false;
  if (share < 1) progress.value = share;
  else progress.removeAttribute("value");
  hint(...current.size, share < 1 ? `${Math.floor(share * 100)} % sent` : "asking the models…");
}

/** Lines break between the `parts` only. */
function hint(...parts) {
  const spans = parts.map((part) => make("span", { className: "whole" }, part));
  byId("drop-hint").replaceChildren(...spans.flatMap((span, place) => (place ? [", ", span] : [span])));
}

/** Say what is wrong; `passes`: it needs nobody to do anything about the picture. */
export function tell(text, { passes = false } = {}) {
  problem.dataset.kind = passes ? "waiting" : "wrong";
  problem.textContent = text;
  problem.hidden = false;
}

/** A file's name keeps its letters, whatever it begins with. */
const sentence = (text) =>
  (text.startsWith(current.name) ? text : text.charAt(0).toUpperCase() + text.slice(1)) + (/[.!?]$/.test(text) ? "" : ".");

/** Files go before addresses: what is dragged from another page is often both. */
function takeWhatIsIn(data) {
  const files = [...(data?.files ?? [])];
  const address = files.length ? "" : addressIn(data);
  if (files.length) takeAll(files);
  else if (address) takeAddress(address);
}

export function start() {
  const file = byId("file");
  byId("choose").addEventListener("click", () => file.click());
  preview.addEventListener("error", () => drop.classList.add("unreadable"));
  for (const input of [file, byId("capture")]) {
    input.addEventListener("change", () => {
      if (input.files.length) takeAll([...input.files]);
      input.value = ""; // so that the same file can be chosen again
    });
  }
  addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) drop.classList.remove("over");
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    takeWhatIsIn(event.dataTransfer);
  });
  addEventListener("paste", (event) => {
    takeWhatIsIn(event.clipboardData);
  });
  model.addEventListener("change", () => askAgain());
}
