"use strict";
// Verdicts as they arrive: the server says when the page has changed; what is open, focused and read stays so.
(() => {
  const news = document.getElementById("news");
  const say = (text) => { const live = document.getElementById("live"); if (live) live.textContent = text; };
  const rows = () => new Map([...document.querySelectorAll(".check")].map((row) => [row.dataset.key, row]));

  function swap(text) {
    const fresh = new DOMParser().parseFromString(text, "text/html");
    const before = rows();
    const folds = new Map([...document.querySelectorAll("details[id]")].map((fold) => [fold.id, fold.open]));
    const was = new Map([...before].map(([key, row]) => [key, row.dataset.state]));
    const focused = document.activeElement;
    const anchor = focused && (focused.id || focused.closest("details[id]")?.id);
    document.getElementById("page").replaceWith(document.adoptNode(fresh.getElementById("page")));
    document.title = fresh.title;
    const arrived = [];
    for (const [key, row] of rows()) {
      const fold = row.querySelector("details[id]");
      const changed = was.get(key) !== row.dataset.state;
      if (changed && row.dataset.state !== "waiting") { arrived.push(row); row.classList.add("news"); }
      if (fold && !changed && folds.has(fold.id)) fold.open = folds.get(fold.id);
    }
    for (const fold of document.querySelectorAll("details[id]")) {
      if (!fold.closest(".check") && folds.has(fold.id)) fold.open = folds.get(fold.id) || fold.open;
      if (fold.matches(".hint, .numbers") && folds.has(fold.id)) fold.open = folds.get(fold.id);
    }
    const again = anchor && document.getElementById(anchor);
    if (again) (again.matches("details") ? again.querySelector("summary") : again).focus({ preventScroll: true });
    if (arrived.length) news.textContent = arrived.map((row) => row.dataset.says).join("; ");
    document.dispatchEvent(new Event("lab:arrived"));
  }

  const source = new EventSource("events");
  source.addEventListener("page", async () => {
    const answer = await fetch("page", { cache: "no-store" });
    if (answer.ok) swap(await answer.text());
    say("updated " + new Date().toLocaleTimeString());
  });
  source.addEventListener("open", () => say("watching for a save"));
  source.addEventListener("error", () => say("lab watch has stopped; this is its last page"));
})();
