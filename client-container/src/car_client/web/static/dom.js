// Building elements without HTML strings, so that no label or file name is ever read as markup.

/** The element with this id. */
export const byId = (id) => document.getElementById(id);

/** A new element; `properties` are set on it, `children` are nodes or texts. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name === "dataset") Object.assign(element.dataset, value);
    else if (name.startsWith("aria-") || name === "role" || name === "scope") element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children);
  return element;
}

/** Show what is hidden until it is known, so that nothing on the page moves; `parts` is a selector. */
export function reveal(parts = ".asking") {
  for (const element of document.querySelectorAll(parts)) element.classList.remove("asking");
}

/** `name` as nodes that may be broken after its underscores, where a narrow column needs it. */
export const breakable = (name) =>
  name.split(/(?<=_)/).flatMap((part, place) => (place ? [document.createElement("wbr"), part] : [part]));

export const percent = (share) => `${(share * 100).toFixed(1)} %`;

export const milliseconds = (value) => (value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`);

const timeOfDay = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });

export const clock = (iso) => timeOfDay.format(new Date(iso));

const dayAndTime = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/** The time of day, and the day where it is not today, as an element that has the whole of it. */
export function moment(iso) {
  const date = new Date(iso);
  const today = date.toDateString() === new Date().toDateString();
  return make("time", { dateTime: iso, title: date.toLocaleString() }, (today ? timeOfDay : dayAndTime).format(date));
}
