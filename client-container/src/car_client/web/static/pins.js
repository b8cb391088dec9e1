// What an operator may have the sidecar change: pins, retries, a listing now.
import { byId } from "./dom.js";
import { ask } from "./operator.js";

let toPin = null;

export function askToPin(model, version) {
  toPin = { model, version };
  byId("pin-title").textContent = `Pin ${model} to version ${version}?`;
  byId("pin-reason").value = "";
  byId("pin").showModal();
}

export const unpin = (model) => ask("DELETE", `/api/models/${encodeURIComponent(model)}/pin`);

export const retry = (model, version) => ask("POST", `/api/models/${encodeURIComponent(model)}/retry`, { version });

byId("sync").addEventListener("click", () => ask("POST", "/api/sync"));
byId("pin-cancel").addEventListener("click", () => byId("pin").close());
byId("pin-form").addEventListener("submit", (event) => {
  event.preventDefault();
  byId("pin").close();
  ask("POST", `/api/models/${encodeURIComponent(toPin.model)}/pin`, { version: toPin.version, reason: byId("pin-reason").value });
});
