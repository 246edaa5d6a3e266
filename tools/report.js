"use strict";
// The corner plot of a report: rows on a canvas, with the values of the one that is pointed at.
(() => {
  const data = JSON.parse(document.getElementById("rows").textContent);
  const copy = document.getElementById("copy");
  copy.addEventListener("click", () => {
    const range = document.createRange();
    range.selectNodeContents(document.getElementById("command"));
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    // Pages from files may not use the clipboard's newer interface.
    copy.textContent = document.execCommand("copy") ? "Copied" : "Press Ctrl+C";
  });
  document.body.dataset.state = "ready";
  if (!data) return;

  const bytes = (code) => Uint8Array.from(atob(code), (letter) => letter.charCodeAt(0)).buffer;
  const values = data.values.map((code) => new Uint16Array(bytes(code)));
  const labels = new Int32Array(bytes(data.labels));
  const rows = new Float64Array(bytes(data.rows));
  const margins = data.margins && new Float32Array(bytes(data.margins));
  const canvas = document.querySelector("#corner canvas");
  const tip = document.getElementById("tip");
  const pen = canvas.getContext("2d");
  const n = values.length;
  const STEPS = 65535, LEFT = 62, BOTTOM = 46, GAP = 6, REACH = 10, BINS = 60;
  let panels = [], enlarged = null;

  const digits = (x) => String(Number(x.toPrecision(5)));
  const label = (i) => data.names[i] + (data.units[i] ? ` [${data.units[i]}]` : "");
  const valueOf = (column, row) => {
    const [low, high] = data.ranges[column];
    return low + values[column][row] / STEPS * (high - low);
  };
  const shareOf = (column, value) => {
    const [low, high] = data.ranges[column];
    return (value - low) / (high - low);
  };
  // Pixels of a share of an axis, in a panel.
  const across = (panel, share) => panel.left + share * panel.width;
  const down = (panel, share) =>
    panel.top + (data.downwards[panel.y] ? share : 1 - share) * panel.height;

  function ticks(low, high, most) {
    const step = 10 ** Math.floor(Math.log10((high - low) / most));
    const wide = [1, 2, 5, 10].map((f) => f * step).find((s) => (high - low) / s <= most);
    const found = [];
    for (let i = Math.ceil(low / wide); i * wide <= high; i++) found.push(i * wide);
    return found;
  }

  function layOut(width) {
    const pairs = [];
    if (enlarged) return [{ ...enlarged, left: LEFT, top: GAP, width: width - LEFT - GAP,
      height: Math.min(width, 700) - BOTTOM - GAP, isLeft: true, isBottom: true }];
    const size = (width - LEFT) / n;
    for (let y = 0; y < n; y++)
      for (let x = 0; x <= y; x++)
        pairs.push({ x, y, left: LEFT + x * size, top: y * size + GAP, width: size - GAP,
          height: size - GAP, isLeft: x === 0 && (y > 0 || n === 1), isBottom: y === n - 1 });
    return pairs;
  }

  function drawHistogram(panel) {
    const counts = data.colours.map(() => new Float64Array(BINS));
    for (let i = 0; i < labels.length; i++)
      counts[labels[i]][Math.min(BINS - 1, Math.floor(values[panel.x][i] / (STEPS + 1) * BINS))]++;
    const most = Math.max(...counts.map((line) => Math.max(...line)), 1);
    counts.forEach((line, cluster) => {
      pen.fillStyle = data.colours[cluster];
      pen.globalAlpha = 0.5;
      line.forEach((count, bin) => {
        const height = count / most * panel.height;
        pen.fillRect(panel.left + bin / BINS * panel.width, panel.top + panel.height - height,
          panel.width / BINS, height);
      });
    });
    pen.globalAlpha = 1;
  }

  function drawRows(panel) {
    const size = panel.width > 300 ? 3 : 2;
    pen.globalAlpha = labels.length > 5000 ? 0.35 : 0.7;
    for (let i = 0; i < labels.length; i++) {
      pen.fillStyle = data.colours[labels[i]];
      pen.fillRect(across(panel, values[panel.x][i] / STEPS) - size / 2,
        down(panel, values[panel.y][i] / STEPS) - size / 2, size, size);
    }
    pen.globalAlpha = 1;
    if (data.colours.length > 40) return;
    const radius = Math.max(3, Math.min(8, panel.width / 18)), isNumbered = radius >= 6;
    pen.font = "bold 10px sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    data.places.forEach((place, cluster) => {
      if (place[panel.x] === null || place[panel.y] === null) return;
      const x = across(panel, shareOf(panel.x, place[panel.x]));
      const y = down(panel, shareOf(panel.y, place[panel.y]));
      if (x < panel.left || x > panel.left + panel.width || y < panel.top ||
          y > panel.top + panel.height) return;
      pen.beginPath();
      pen.arc(x, y, radius, 0, 2 * Math.PI);
      pen.fillStyle = data.colours[cluster];
      pen.fill();
      pen.strokeStyle = "#fff";
      pen.stroke();
      pen.fillStyle = data.letters[cluster];
      if (isNumbered) pen.fillText(cluster, x, y);
    });
  }

  function drawAxes(panel) {
    pen.strokeStyle = "#8a8f98";
    pen.strokeRect(panel.left, panel.top, panel.width, panel.height);
    pen.fillStyle = "#30343b";
    pen.font = "11px sans-serif";
    if (panel.isBottom) {
      pen.textAlign = "center";
      pen.textBaseline = "top";
      for (const tick of ticks(...data.ranges[panel.x], Math.max(2, panel.width / 60)))
        pen.fillText(digits(tick), across(panel, shareOf(panel.x, tick)),
          panel.top + panel.height + 5);
      pen.fillText(label(panel.x), panel.left + panel.width / 2, panel.top + panel.height + 24,
        panel.width);
    }
    if (!panel.isLeft || panel.x === panel.y) return;
    pen.textAlign = "right";
    pen.textBaseline = "middle";
    for (const tick of ticks(...data.ranges[panel.y], Math.max(2, panel.height / 40)))
      pen.fillText(digits(tick), panel.left - 5, down(panel, shareOf(panel.y, tick)));
    pen.save();
    pen.translate(panel.left - LEFT + 10, panel.top + panel.height / 2);
    pen.rotate(-Math.PI / 2);
    pen.textAlign = "center";
    pen.fillText(label(panel.y), 0, 0, panel.height);
    pen.restore();
  }

  function draw() {
    const width = canvas.parentElement.clientWidth, sharp = window.devicePixelRatio || 1;
    panels = layOut(width);
    const height = Math.max(...panels.map((panel) => panel.top + panel.height)) + BOTTOM;
    canvas.width = width * sharp;
    canvas.height = height * sharp;
    canvas.style.height = `${height}px`;
    pen.setTransform(sharp, 0, 0, sharp, 0, 0);
    pen.clearRect(0, 0, width, height);
    for (const panel of panels) {
      if (panel.x === panel.y) drawHistogram(panel); else drawRows(panel);
      drawAxes(panel);
    }
  }

  const panelAt = (x, y) => panels.find((panel) => x >= panel.left && y >= panel.top &&
    x <= panel.left + panel.width && y <= panel.top + panel.height);

  function nearest(panel, x, y) {
    let best = -1, least = REACH * REACH;
    for (let i = 0; i < labels.length; i++) {
      const dx = across(panel, values[panel.x][i] / STEPS) - x;
      const dy = down(panel, values[panel.y][i] / STEPS) - y;
      if (dx * dx + dy * dy < least) {
        least = dx * dx + dy * dy;
        best = i;
      }
    }
    return best;
  }

  function describe(i) {
    const lines = [`row ${rows[i]}`, `cluster ${labels[i]}`];
    if (data.ids) lines.splice(1, 0, `id ${data.ids[i]}`);
    values.forEach((_, column) => lines.push(`${label(column)}: ${digits(valueOf(column, i))}`));
    if (margins) lines.push(`d1/d2: ${margins[i].toFixed(3)}`);
    return lines.join("\n");
  }

  function point(event) {
    const box = canvas.getBoundingClientRect();
    const x = event.clientX - box.left, y = event.clientY - box.top;
    const panel = panelAt(x, y);
    const row = panel && panel.x !== panel.y ? nearest(panel, x, y) : -1;
    tip.hidden = row < 0;
    if (row < 0) return;
    tip.textContent = describe(row);
    tip.style.left = `${Math.max(0, Math.min(x + 14, box.width - tip.offsetWidth))}px`;
    tip.style.top = `${y + 14}px`;
  }

  canvas.addEventListener("pointermove", point);
  canvas.addEventListener("pointerdown", point);
  canvas.addEventListener("pointerleave", () => { tip.hidden = true; });
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    const panel = panelAt(event.clientX - box.left, event.clientY - box.top);
    enlarged = !enlarged && panel && panel.x !== panel.y ? { x: panel.x, y: panel.y } : null;
    draw();
    point(event);
  });
  window.addEventListener("resize", draw);
  draw();
})();
