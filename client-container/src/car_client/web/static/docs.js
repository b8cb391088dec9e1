// Shows /openapi.json to people.
import { byId, make } from "./dom.js";

const api = await (await fetch("/openapi.json")).json();
byId("origin").textContent = location.origin;
for (const [path, methods] of Object.entries(api.paths)) {
  for (const [method, operation] of Object.entries(methods)) byId("operations").append(section(path, method, operation));
}

function section(path, method, operation) {
  const title = make("h2", {}, make("span", { className: "method" }, method), make("code", {}, path));
  const parts = [title, make("p", {}, operation.summary)];
  if (operation.description) parts.push(make("p", { className: "hint" }, operation.description));
  if (operation.parameters.length) parts.push(definitions(operation.parameters.map((p) => [p.name, p.description ?? `in the ${p.in}`])));
  parts.push(definitions(Object.entries(operation.responses).map(([status, answer]) => [status, answer.description])));
  return make("section", { className: "panel" }, ...parts);
}

function definitions(rows) {
  return make("dl", {}, ...rows.flatMap(([term, text]) => [make("dt", {}, term), make("dd", {}, text)]));
}
