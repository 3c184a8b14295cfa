"use strict";
(() => {
  const all = (selector, root = document) => Array.from(root.querySelectorAll(selector));

  /* A slider with a button that moves through n moments; show(i) shows one and says when it is of. */
  function player(figure, n, show) {
    const controls = figure.querySelector(".controls");
    if (!controls) return;
    const [button, slider, output] = ["button", "input", "output"].map((name) => controls.querySelector(name));
    let timer = 0;
    const at = (i) => {
      slider.value = String(i);
      const label = show(i);
      output.textContent = label;
      slider.setAttribute("aria-valuetext", label);
    };
    const stop = () => { clearInterval(timer); timer = 0; button.textContent = "Play"; };
    button.addEventListener("click", () => {
      if (timer) return stop();
      let i = Number(slider.value);
      if (n - 1 <= i) { i = 0; at(0); }
      button.textContent = "Stop";
      timer = setInterval(() => { i += 1; at(i); if (n - 1 <= i) stop(); }, Math.max(60, Math.min(600, 6000 / n)));
    });
    slider.addEventListener("input", () => { stop(); at(Number(slider.value)); });
    controls.hidden = false;
    at(n - 1);
  }

  for (const figure of all("figure.slides:not(.gallery)")) {
    const items = all("li", figure);
    if (items.length < 2) continue;
    figure.classList.add("one");
    player(figure, items.length, (i) => {
      items.forEach((item, j) => { item.hidden = i !== j; });
      return items[i].dataset.label;
    });
  }

  for (const figure of all("figure.strip")) {
    const rows = Number(figure.dataset.rows);
    const film = figure.querySelector(".film");
    const whole = figure.querySelector("img");
    if (rows < 2 || !film || !whole) continue;
    const moving = new Image();
    moving.src = whole.src;
    moving.alt = "One moment of the picture below";
    film.append(moving);
    film.hidden = false;
    player(figure, rows, (i) => {
      moving.style.objectPosition = `0 ${(100 * i) / (rows - 1)}%`;
      return `${i + 1} of ${rows}`;
    });
  }

  for (const figure of all("figure.plane")) {
    const { labels, points } = JSON.parse(figure.dataset.frames);
    const paths = all(".moving path", figure);
    const dot = (frame, j) => `M${frame[2 * j]} ${frame[2 * j + 1]}h0`;
    if (points.length < 2 || !paths.length) continue;
    player(figure, points.length, (i) => {
      const frame = points[i];
      if (figure.dataset.coloured === "1") {
        paths.forEach((path, j) => path.setAttribute("d", dot(frame, j)));
      } else {
        let text = "";
        for (let j = 0; 2 * j + 1 < frame.length; j += 1) text += dot(frame, j);
        paths[0].setAttribute("d", text);
      }
      return labels[i];
    });
  }

  /* The numbers of a chart under the pointer. */
  const number = (x) => (x !== 0 && (Math.abs(x) < 1e-4 || 1e7 <= Math.abs(x)) ? x.toExponential(2) : Number(x.toPrecision(4)).toLocaleString("en", { maximumFractionDigits: 8 }));
  for (const figure of all("figure.chart")) {
    const svg = figure.querySelector(".plot > svg");
    const output = figure.querySelector(".axis output");
    const curves = all("polyline", figure).map((line) => ({
      name: line.dataset.name,
      points: (line.getAttribute("points") || "").split(" ").filter(Boolean).map((pair) => pair.split(",").map(Number)),
    })).filter((curve) => curve.points.length);
    if (!svg || !output || !curves.length) continue;
    const [left, right, low, high] = figure.dataset.range.split(" ").map(Number);
    const value = (share, from, to, log) => (log ? from * (to / from) ** share : from + share * (to - from));
    const cursor = svg.querySelector(".base").cloneNode();
    cursor.setAttribute("class", "cursor");
    cursor.setAttribute("y1", "0");
    cursor.setAttribute("y2", "100%");
    svg.addEventListener("pointermove", (event) => {
      const box = svg.getBoundingClientRect();
      const x = (1000 * (event.clientX - box.left)) / box.width;
      const near = curves.slice(0, 4).map((curve) => ({
        name: curve.name,
        point: curve.points.reduce((best, point) => (Math.abs(point[0] - x) < Math.abs(best[0] - x) ? point : best)),
      }));
      const share = near[0].point[0] / 1000;
      cursor.setAttribute("x1", `${100 * share}%`);
      cursor.setAttribute("x2", `${100 * share}%`);
      svg.append(cursor);
      const texts = near.map(({ name, point }) => `${1 < near.length ? `${name} ` : ""}${number(value(1 - point[1] / 1000, low, high, figure.dataset.log[1] === "1"))}`);
      output.textContent = `${number(value(share, left, right, figure.dataset.log[0] === "1"))}: ${texts.join(", ")}`;
    });
    svg.addEventListener("pointerleave", () => { cursor.remove(); output.textContent = ""; });
  }
})();
