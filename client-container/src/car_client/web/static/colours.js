// The button that chooses the colours: as the system, dark, light.
import { byId } from "./dom.js";

export function startColours() {
  const next = { "": "dark", dark: "light", light: "" };
  const words = { "": "as the system", dark: "dark", light: "light" };
  const button = byId("theme");
  const show = () => {
    const label = `Colours: ${words[document.documentElement.dataset.theme ?? ""]}`;
    button.setAttribute("aria-label", label);
    button.title = label;
  };
  button.addEventListener("click", () => {
    const theme = next[document.documentElement.dataset.theme ?? ""];
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    localStorage.setItem("theme", theme);
    show();
  });
  show();
}
