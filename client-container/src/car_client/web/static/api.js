// The client's own API; see /docs.

/** What the API refused, with its sentence; `status` 0 means that nothing answered. */
export class ApiError extends Error {
  constructor(status, sentence) {
    super(sentence);
    this.status = status;
  }

  /** Whether the same picture may be classified later without anybody doing anything. */
  get passes() {
    return this.status === 0 || this.status === 502 || this.status === 503;
  }
}

async function ask(path, options) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new ApiError(0, "This page's server does not answer. It is tried again by itself.");
  }
  const document = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new ApiError(answer.status, document.error ?? `The server answered with status ${answer.status}.`);
  return document;
}

export const readModels = () => ask("/api/models");

export const readInferences = () => ask("/api/inferences?limit=50");

/** Classify the file `picture`, called `name`, with the model named, or with all when `model` is empty. */
export function classify(picture, name, model, signal) {
  const form = new FormData();
  if (model) form.append("model", model);
  form.append("image", picture, name);
  return ask("/api/classify", { method: "POST", body: form, signal });
}

/** Follow the server; `handlers` has one function an event, and `open` and `lost`. */
export function follow(handlers) {
  const events = new EventSource("/api/events");
  events.addEventListener("open", handlers.open);
  events.addEventListener("error", handlers.lost);
  events.addEventListener("resync", handlers.open);
  events.addEventListener("models", handlers.models);
  events.addEventListener("inference", (event) => handlers.inference(JSON.parse(event.data)));
  addEventListener("pagehide", () => events.close(), { once: true });
}
