// What an operator may have the sidecar change: pins, retries, removals that wait, a listing now.
import { byId } from "./dom.js";
import { ask } from "./operator.js";

let confirmed = null;

/** Ask in a dialog first; `act` is given the reason that was typed. */
function confirm(title, means, action, act, { why = true } = {}) {
  confirmed = act;
  byId("pin-title").textContent = title;
  byId("pin-means").textContent = means;
  byId("pin-do").textContent = action;
  byId("pin-reason").value = "";
  byId("pin-why").hidden = !why;
  byId("pin").showModal();
}

const pinOf = (model) => `/api/models/${encodeURIComponent(model)}/pin`;

export const askToPin = (model, version) =>
  confirm(
    `Pin ${model} to version ${version}?`,
    "It answers until the pin is taken away; newer uploads are fetched and tried, and not served.",
    "Pin it",
    (reason) => ask("POST", pinOf(model), { version, reason }),
  );

export const askToUnpin = (model) =>
  confirm(`Take the pin of ${model} away?`, "What its policy asks for answers again: mostly the newest version.", "Take it away", (reason) => ask("DELETE", pinOf(model), { reason }));

export const askToRelease = (model) =>
  confirm(
    `Remove what the bucket lacks of ${model}?`,
    "After one more listing it is taken away from the server and the volume, without waiting any longer.",
    "Remove it",
    () => ask("POST", "/api/release", { model }),
    { why: false },
  );

export const retry = (model, version) => ask("POST", `/api/models/${encodeURIComponent(model)}/retry`, { version });

byId("sync").addEventListener("click", () => ask("POST", "/api/sync"));
byId("pin-cancel").addEventListener("click", () => byId("pin").close());
byId("pin-form").addEventListener("submit", (event) => {
  event.preventDefault();
  byId("pin").close();
  confirmed(byId("pin-reason").value);
});
