// The panel that takes a picture and shows what the models say of it.
import { classify } from "./api.js";
import { answerCards, spokenSummary } from "./answers.js";
import { byId } from "./dom.js";

const drop = byId("drop");
const preview = byId("preview");
const problem = byId("problem");
const answers = byId("answers");
const model = byId("model");

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
    tell(`${name} is not a picture; JPEG, PNG, WebP, BMP and GIF files can be classified.`);
    return;
  }
  if (picture.size > limits.max_bytes) {
    tell(`${name} has ${megabytes(picture.size)}; at most ${megabytes(limits.max_bytes)} are accepted.`);
    return;
  }
  URL.revokeObjectURL(preview.src);
  preview.src = URL.createObjectURL(picture);
  preview.alt = `The picture ${name}`;
  preview.hidden = false;
  drop.classList.add("filled");
  byId("drop-title").textContent = name;
  byId("drop-hint").textContent = megabytes(picture.size);
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
  const asked = performance.now();
  try {
    const document = await classify(current.picture, current.name, model.value, mine.signal);
    if (running !== mine) return;
    byId("drop-hint").textContent =
      `${document.width} × ${document.height}, ${megabytes(document.bytes)}, answered in ${Math.round(performance.now() - asked)} ms`;
    answers.replaceChildren(...answerCards(document));
    byId("summary").textContent = spokenSummary(document);
    waiting = false;
    problem.hidden = true;
  } catch (error) {
    if (running !== mine) return;
    waiting = error.passes ?? false;
    if (!waiting) answers.replaceChildren();
    tell(waiting ? `${sentence(error.message)} The picture is sent again as soon as it can be answered.` : sentence(error.message));
  } finally {
    if (running === mine) {
      answers.setAttribute("aria-busy", "false");
      running = null;
    }
  }
}

function tell(text) {
  problem.textContent = text;
  problem.hidden = false;
}

const sentence = (text) => text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

const megabytes = (bytes) => (bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

export function start() {
  const file = byId("file");
  byId("choose").addEventListener("click", () => file.click());
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
