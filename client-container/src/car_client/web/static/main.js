// Puts the parts together: what the server tells goes to the panels, and the page says whom it cannot reach.
import { follow, readInferences, readModels } from "./api.js";
import * as camera from "./camera.js";
import * as classify from "./classify.js";
import { startColours } from "./colours.js";
import { byId } from "./dom.js";
import * as examples from "./examples.js";
import * as models from "./models.js";
import * as recent from "./recent.js";
import { tellAway } from "./tab.js";

let serverWasAway = false;

async function refreshModels() {
  let document;
  try {
    document = await readModels();
  } catch {
    return; // the stream of events tells when the page's server is back, and then this runs again
  }
  classify.setLimits(document.limits);
  const changed = models.show(document);
  showServer(document);
  if (changed || (serverWasAway && document.reachable)) classify.askAgain({ onlyIfWaiting: !changed });
  serverWasAway = !document.reachable;
}

function showServer(document) {
  const usable = document.models.filter((model) => model.usable).length;
  const state = document.reachable ? (usable ? "up" : "bare") : document.trouble ? "away" : "asking";
  const words = {
    up: usable === 1 ? "Model server is up, 1 model" : `Model server is up, ${usable} models`,
    bare: "Model server is up, no model yet",
    away: "Model server is away; asking again",
    asking: "Asking the model server…",
  };
  setServer(state, words[state], document.trouble ?? document.server);
}

function setServer(state, words, title = "") {
  const server = byId("server");
  tellAway(state === "away" || state === "lost");
  if (server.dataset.state === state && server.textContent === words) return;
  server.dataset.state = state;
  server.title = title;
  server.firstElementChild.textContent = words;
}

async function refreshRecent() {
  try {
    recent.show(await readInferences());
  } catch {
    // as above
  }
}

classify.start();
camera.start(classify.take, classify.tell);
examples.start(classify.take, classify.tell);
startColours();
follow({
  resync: () => {
    refreshModels().then(() => classify.askAgain({ onlyIfWaiting: true }));
    refreshRecent();
  },
  lost: () => {
    setServer("lost", "This page's server is away; trying again");
    models.showAsLastSeen();
  },
  models: refreshModels,
  inference: recent.add,
});
