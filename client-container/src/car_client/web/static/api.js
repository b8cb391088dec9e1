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

const noAnswer = () => new ApiError(0, "This page's server does not answer.");

const refusal = (status, document) => new ApiError(status, document?.error ?? `The server answered with status ${status}.`);

/** The JSON that `path` answers; throws an ApiError for anything else. */
async function ask(path, { body, headers = {}, ...options } = {}) {
  let answer;
  try {
    const sent = body && { body: JSON.stringify(body), headers: { "Content-Type": "application/json", ...headers } };
    answer = await fetch(path, { ...options, ...sent });
  } catch {
    throw noAnswer();
  }
  const document = await answer.json().catch(() => null);
  if (!answer.ok || !document) throw refusal(answer.status, document);
  return document;
}

export const readModels = () => ask("/api/models");

export const readPlatform = () => ask("/api/platform");

export const readCameras = () => ask("/api/cameras");

/** Answers that were kept; `filter` are parameters as /docs has them. */
export const readHistory = (filter) => ask(`/api/history?${filter}`);

/** Pictures in review, the newest first. */
export const readReview = () => ask("/api/review");

export const readInferences = () => ask("/api/inferences?limit=50");

/** Have the sidecar change something, in the name and with the token of the operator; resolves to its sentence. */
export const change = (method, path, { by, token }, facts = {}) =>
  ask(path, { method, headers: { Authorization: `Bearer ${token}` }, body: { ...facts, by } }).then((answer) => answer.status);

/** Send the zip `body` as a new version; `query` says of what, `progress` is told the share that was sent. */
export const upload = (body, query, { token }, { progress }) =>
  post(`/api/uploads?${new URLSearchParams(query)}`, body, { headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/zip" }, progress }).then((answer) => answer.status);

/**
 * Classify the file `picture`, called `name`, with the model named, or with all when `model` is empty.
 * `progress` is told the share that was sent.
 */
export function classify(picture, name, model, { signal, progress }) {
  const form = new FormData();
  if (model) form.append("model", model);
  form.append("image", picture, name);
  return post("/api/classify", form, { signal, progress });
}

/** POST `body`; fetch could not tell how much of it was sent. */
const post = (path, body, { headers = {}, signal, progress }) =>
  new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", path);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.responseType = "json";
    request.upload.addEventListener("progress", (event) => event.lengthComputable && progress(event.loaded / event.total));
    request.addEventListener("load", () =>
      request.status >= 200 && request.status < 300 && request.response ? resolve(request.response) : reject(refusal(request.status, request.response)),
    );
    request.addEventListener("error", () => reject(noAnswer()));
    request.addEventListener("abort", () => reject(new ApiError(-1, "It is not asked about any more.")));
    signal?.addEventListener("abort", () => request.abort());
    request.send(body);
  });

/** Have the server fetch the picture at `address` and classify it, as `classify` does a file. */
export const classifyAddress = (address, model, { signal }) =>
  ask("/api/classify-address", { method: "POST", signal, body: { address, models: model ? [model] : [] } });

/**
 * Follow the server: `lost` is called when it is away, `inference` with each one; the other handlers are called
 * when what their event names is to be read again. Every stream begins with `resync`: read everything.
 */
export function follow({ lost, inference = () => {}, ...readAgain }) {
  const events = new EventSource("/api/events");
  events.addEventListener("error", lost);
  events.addEventListener("inference", (event) => inference(JSON.parse(event.data)));
  for (const [event, read] of Object.entries(readAgain)) events.addEventListener(event, () => read());
  addEventListener("pagehide", () => events.close(), { once: true });
}

/** `read` one at a time: what is asked for while it runs is done once, after it. */
export function oneAtATime(read) {
  let running = false;
  let again = false;
  return async () => {
    again = true;
    if (running) return;
    running = true;
    while (again) {
      again = false;
      await read();
    }
    running = false;
  };
}
