// Who may change something: a name and the sidecar's token, typed once and kept for this tab alone.
import { change } from "./api.js";
import { byId } from "./dom.js";

const KEPT = "operator";
let allowed = false; // whether the sidecar takes changes at all
let told = () => {};

/** `tell` is called when the operator became known or forgotten. */
export const onOperator = (tell) => {
  told = tell;
};

/** Whether buttons that change something make sense: the sidecar takes changes, and a token was typed. */
export const mayChange = () => allowed && known() !== null;

/** `changes` of /api/platform: whether the sidecar takes any, else how to have it do so. */
export function showChanges(changes) {
  allowed = changes.allowed;
  const operator = known();
  byId("changes-off").textContent = allowed ? "" : changes.how;
  byId("operator").hidden = !allowed || operator !== null;
  byId("operator-known").hidden = !allowed || operator === null;
  byId("operator-who").textContent = operator ? `Changes are made as ${operator.by}.` : "";
}

function known() {
  try {
    return JSON.parse(sessionStorage.getItem(KEPT));
  } catch {
    return null; // something else lies there
  }
}

/** Ask for a change; what became of it is said: `done`, or what the answer says. */
export const ask = (method, path, facts, done) =>
  attempt(async (operator) => {
    const said = await change(method, path, operator, facts);
    return done ?? said;
  }, byId("said"));

/** Say in `place` what `act` resolves to, or why it fails; `act` is given who the operator is. */
export async function attempt(act, place) {
  place.textContent = "";
  try {
    place.textContent = await act(known());
  } catch (error) {
    if (error.status === 401) forget();
    // with the token its form goes, and what is said in there
    (error.status === 401 ? byId("said") : place).textContent = error.message;
  }
}

function forget() {
  sessionStorage.removeItem(KEPT);
  told();
}

byId("operator").addEventListener("submit", (event) => {
  event.preventDefault();
  const operator = { by: byId("operator-by").value.trim(), token: byId("operator-token").value };
  byId("operator-token").value = "";
  if (!operator.by || !/^[\x21-\x7e]+$/.test(operator.token)) {
    byId("said").textContent = "Type your name, and the token as it is set: letters, digits and signs without blanks.";
    return;
  }
  sessionStorage.setItem(KEPT, JSON.stringify(operator));
  byId("said").textContent = "";
  told();
});
byId("operator-forget").addEventListener("click", forget);
