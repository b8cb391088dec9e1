// Pictures of ours to try the models with.
import { byId } from "./dom.js";

/** `take` classifies a picture under a name, `tell` says what is wrong. */
export function start(take, tell) {
  for (const button of byId("examples").querySelectorAll("button")) {
    button.addEventListener("click", () => send(button.firstElementChild.src, take, tell));
  }
}

async function send(address, take, tell) {
  let picture;
  try {
    picture = await (await fetch(address)).blob();
  } catch {
    tell("This page's server does not answer.");
    return;
  }
  take(picture, address.split("/").pop());
}
