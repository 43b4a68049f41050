// Board and metric pickers, table sorting, theme, copy. The page reads well without it.
(() => {
  "use strict";
  const root = document.documentElement;
  addEventListener("error", (e) => { root.dataset.error = e.message; });

  const picked = {};
  const show = () => {
    for (const pane of document.querySelectorAll("[data-when]")) {
      pane.hidden = !pane.dataset.when.split(" ").every((pair) => {
        const [key, value] = pair.split("=");
        return picked[key] === value;
      });
    }
  };
  for (const select of document.querySelectorAll("select[data-picks]")) {
    const pick = () => { picked[select.dataset.picks] = select.value; };
    select.addEventListener("change", () => { pick(); show(); });
    pick();
  }
  show();

  const value = (row, column) => {
    const text = row.cells[column].dataset.value;
    return text === undefined ? null : Number(text);
  };
  for (const table of document.querySelectorAll("table.sortable")) {
    const headings = [...table.tHead.rows[0].cells];
    headings.forEach((heading, column) => heading.querySelector("button").addEventListener("click", () => {
      const up = heading.getAttribute("aria-sort") !== "ascending";
      headings.forEach((h) => h.removeAttribute("aria-sort"));
      heading.setAttribute("aria-sort", up ? "ascending" : "descending");
      const body = table.tBodies[0];
      // Rows without a figure stay last in either direction.
      const order = (a, b) => {
        const [x, y] = [value(a, column), value(b, column)];
        if (x === null || y === null) return (x === null) - (y === null);
        return up ? x - y : y - x;
      };
      body.append(...[...body.rows].sort(order));
    }));
  }

  const remembered = (theme) => {
    try {
      if (theme) localStorage.setItem("mote-theme", theme);
      return localStorage.getItem("mote-theme");
    } catch {
      return theme; // Local files may have no storage.
    }
  };
  const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const before = remembered();
  if (before) root.dataset.theme = before;
  document.getElementById("theme").addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    remembered(root.dataset.theme);
  });

  const copy = document.getElementById("copy");
  copy?.addEventListener("click", async () => {
    const command = copy.previousElementSibling;
    try {
      await navigator.clipboard.writeText(command.textContent);
      copy.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(command); // No clipboard: leave it selected to copy by hand.
    }
  });

  root.dataset.ready = "true";
})();
