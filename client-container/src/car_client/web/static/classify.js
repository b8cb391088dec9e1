// The panel that takes a picture and shows what the models say of it.
import { classify } from "./api.js";
import { agreement, answerCards, shortVerdict, spokenSummary } from "./answers.js";
import { byId, make } from "./dom.js";
import { tellVerdict } from "./tab.js";

const drop = byId("drop");
const preview = byId("preview");
const problem = byId("problem");
const answers = byId("answers");
const model = byId("model");
const progress = byId("progress");

let current = null; // {picture, name}: what is shown, and asked about again when the models change
let waiting = false; // the picture found no answer because something was away
let running = null;
let limits = { max_bytes: Infinity };

export function setLimits(said) {
  limits = said;
}

/** Show `picture` (a File or Blob) and classify it. */
export function take(picture, name) {
  if (picture.type && !picture.type.startsWith("image/")) {
    tell(`${name} is not a picture; JPEG, PNG, WebP, BMP, GIF, AVIF and HEIC files can be classified.`);
    return;
  }
  if (picture.size > limits.max_bytes) {
    tell(`${name} has ${inBytes(picture.size)}; at most ${inBytes(limits.max_bytes)} are accepted.`);
    return;
  }
  URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(picture);
  preview.alt = `The picture ${name}`;
  preview.hidden = false;
  drop.classList.remove("unreadable");
  drop.classList.add("filled");
  byId("drop-title").textContent = name;
  byId("choose").textContent = "Choose another";
  hint(inBytes(picture.size));
  current = { picture, name };
  ask();
}

/** The models changed, or something is back: the picture shown gets its answers from what is there now. */
export function askAgain({ onlyIfWaiting = false } = {}) {
  if (current && (waiting || !onlyIfWaiting)) ask();
}

async function ask() {
  running?.abort();
  const mine = new AbortController();
  running = mine;
  answers.setAttribute("aria-busy", "true");
  showProgress(0);
  const asked = performance.now();
  try {
    const document = await classify(current.picture, current.name, model.value, {
      signal: mine.signal,
      progress: (share) => running === mine && showProgress(share),
    });
    if (running !== mine) return;
    hint(`${document.width} × ${document.height}`, inBytes(document.bytes), `answered in ${Math.round(performance.now() - asked)} ms`);
    show(document);
    waiting = false;
    problem.hidden = true;
  } catch (error) {
    if (running !== mine) return;
    waiting = error.passes ?? false;
    if (!waiting) {
      answers.replaceChildren();
      tellVerdict("");
    }
    hint(inBytes(current.picture.size));
    if (waiting) tell(`${sentence(error.message)} The picture is sent again as soon as it can be answered.`, { passes: true });
    else tell(sentence(error.message));
  } finally {
    if (running === mine) {
      answers.setAttribute("aria-busy", "false");
      progress.hidden = true;
      running = null;
    }
  }
}

function show(document) {
  const together = agreement(document);
  const line = together ? [make("p", { className: "agreement" }, together)] : [];
  answers.replaceChildren(...line, ...answerCards(document));
  byId("summary").textContent = [together, spokenSummary(document)].filter(Boolean).join(". ");
  tellVerdict(shortVerdict(document));
}

/** How much of the picture was sent; when all was, how long the models take is not known. */
function showProgress(share) {
  progress.hidden = false;
  if (share < 1) progress.value = share;
  else progress.removeAttribute("value");
  hint(inBytes(current.picture.size), share < 1 ? `${Math.floor(share * 100)} % sent` : "asking the models…");
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

const inBytes = (bytes) =>
  bytes < 1e3 ? `${bytes} bytes` : bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

export function start() {
  const file = byId("file");
  byId("choose").addEventListener("click", () => file.click());
  preview.addEventListener("error", () => drop.classList.add("unreadable"));
  for (const input of [file, byId("capture")]) {
    input.addEventListener("change", () => {
      if (input.files.length) take(input.files[0], input.files[0].name);
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
    const [dropped] = event.dataTransfer.files;
    if (dropped) take(dropped, dropped.name);
  });
  addEventListener("paste", (event) => {
    const [pasted] = event.clipboardData?.files ?? [];
    if (pasted) take(pasted, pasted.name || "pasted picture");
  });
  model.addEventListener("change", () => askAgain());
}
