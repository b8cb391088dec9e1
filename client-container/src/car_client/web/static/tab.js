// What the browser's tab tells while another one is looked at: the verdict, and whether something is away.
const NAME = "Car classifier";
const icon = document.querySelector("link[rel=icon]");

let verdict = "";
let away = false;

/** `text` is what the models say of the picture shown; empty: nothing. */
export function tellVerdict(text) {
  verdict = text;
  show();
}

export function tellAway(isAway) {
  away = isAway;
  show();
}

function show() {
  document.title = [away ? "Away" : verdict, NAME].filter(Boolean).join(" \u00b7 ");
  const file = away ? "/static/icon-away.svg" : "/static/icon.svg";
  if (icon.getAttribute("href") !== file) icon.setAttribute("href", file);
}
