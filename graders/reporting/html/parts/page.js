"use strict";
(() => {
  const root = document.documentElement;
  const all = (selector) => [...document.querySelectorAll(selector)];
  const memory = {
    get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* a page from disk may have no memory */ } },
  };
  const isDark = () => root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;

  function label() {
    for (const button of all("button")) button.hidden = button.matches(".copy") && !navigator.clipboard;
    for (const button of all("[data-does=theme]")) button.textContent = isDark() ? "Light" : "Dark";
    const closed = all("main > .exercise > details:not([open]), .check > details:not([open])");
    for (const button of all("[data-does=unfold]")) button.textContent = closed.length ? "Open all" : "Close all";
  }

  function reveal() {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let node = target; node; node = node.parentElement) if (node.matches("details")) node.open = true;
    if (target) (target.querySelector("summary") || target).focus({ preventScroll: true });
  }

  const does = {
    theme() {
      root.dataset.theme = isDark() ? "light" : "dark";
      memory.set("lab-theme", root.dataset.theme);
    },
    unfold() {
      const folds = all("main > .exercise > details, .check > details");
      const open = folds.some((fold) => !fold.open);
      for (const fold of folds) fold.open = open;
    },
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.does) does[button.dataset.does]();
    if (button.dataset.copies) {
      await navigator.clipboard.writeText(button.dataset.copies);
      button.textContent = "copied";
      return;
    }
    label();
  });
  document.addEventListener("toggle", label, true);
  addEventListener("hashchange", reveal);
  document.addEventListener("lab:arrived", label);
  const theme = memory.get("lab-theme");
  if (theme === "dark" || theme === "light") root.dataset.theme = theme;
  label();
  reveal();
})();
