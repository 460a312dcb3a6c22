
"use strict";
(() => {
  const body = document.querySelector("#book tbody");
  const rows = [...body.rows];
  const search = document.querySelector("#search");
  const found = document.querySelector("#found");

  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      row.hidden = !words.every((word) => row.dataset.words.includes(word));
      shown += row.hidden ? 0 : 1;
    }
    found.textContent = words.length ? `${shown} of ${rows.length}` : "";
  });

  const heads = [...document.querySelectorAll("#book thead th")];
  heads.forEach((head, column) => {
    const button = head.querySelector("button");
    const isNumber = button.dataset.kind === "number";
    const value = (row) => {
      const text = row.cells[column].textContent.trim();
      return isNumber ? (text === "" ? -1 : Number(text)) : text;
    };
    button.addEventListener("click", () => {
      const first = isNumber ? "descending" : "ascending";
      const other = isNumber ? "ascending" : "descending";
      const way = head.getAttribute("aria-sort") === first ? other : first;
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", way);
      const sign = way === "ascending" ? 1 : -1;
      const compare = isNumber ? (a, b) => a - b : (a, b) => a.localeCompare(b, undefined, { numeric: true });
      rows.sort((a, b) => sign * compare(value(a), value(b)));
      body.append(...rows);
    });
  });

  const hardest = document.querySelector("#by-hardness");
  if (hardest) {
    const list = document.querySelector("#checks");
    hardest.addEventListener("click", () => {
      const on = hardest.getAttribute("aria-pressed") !== "true";
      hardest.setAttribute("aria-pressed", String(on));
      const key = (item) => Number(on ? item.dataset.percent : item.dataset.order);
      list.append(...[...list.children].sort((a, b) => key(a) - key(b)));
    });
  }
})();
