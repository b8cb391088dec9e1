// A version sent from this page: a zip, or a folder that becomes one here; how much was sent, and what became of it.
import { upload } from "./api.js";
import { byId, make } from "./dom.js";
import { inBytes } from "./files.js";
import { attempt, mayChange } from "./operator.js";
import { zip } from "./zip.js";

const MOST_BYTES = 2 * 1024 ** 3; // as the sidecar has it
const MOST_FILES = 1000;

let sending = false;

const chosen = () => [...byId("send-folder").files, ...byId("send-zip").files];

/** Offer to send a version where changes can be made; `models` are those that may get one, beside new ones. */
export function showSending(models) {
  byId("send-panel").hidden = !mayChange();
  const names = models.map((model) => model.name);
  const list = byId("send-names");
  if ([...list.options].map((option) => option.value).join("\n") === names.join("\n")) return;
  list.replaceChildren(...names.map((value) => make("option", { value })));
}

function problem(files) {
  const size = files.reduce((sum, file) => sum + file.size, 0);
  if (!files.length) return "Choose the folder with the files of one version, or a zip of it.";
  if (files.length > MOST_FILES) return `The folder has ${files.length} files; a version may have ${MOST_FILES}.`;
  if (size > MOST_BYTES) return `That has ${inBytes(size)}; at most ${inBytes(MOST_BYTES)} can be sent from here. Use model-sync push.`;
  return "";
}

async function send(operator) {
  const files = chosen();
  const wrong = problem(files);
  if (wrong) throw new Error(wrong);
  const query = { model: byId("send-model").value.trim(), version: byId("send-version").value.trim() || "next", by: operator.by };
  working(true, "The files are read…");
  const body = byId("send-zip").files[0] ?? (await packed(files));
  const words = (share) => (share < 1 ? `${Math.floor(share * 100)} % of ${inBytes(body.size)} sent` : "It is checked and uploaded…");
  const said = await upload(body, query, operator, { progress: (share) => working(true, words(share), share) });
  byId("send").reset();
  return said;
}

const packed = (files) =>
  zip(files.map((file) => [file.webkitRelativePath, file])).catch(() => {
    throw new Error("The folder cannot be read; were its files changed meanwhile?");
  });

function working(busy, words, share) {
  sending = busy; // a button that is disabled would lose the focus
  byId("send-button").ariaDisabled = busy;
  byId("send-progress").hidden = !busy;
  if (share === undefined || share === 1) byId("send-progress").removeAttribute("value");
  else byId("send-progress").value = share;
  byId("send-words").textContent = words;
}

for (const [id, other] of [["send-folder", "send-zip"], ["send-zip", "send-folder"]]) {
  byId(id).addEventListener("change", () => {
    byId(other).value = "";
  });
}
byId("send").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (sending) return;
  await attempt(send, byId("send-said"));
  working(false, "");
});
