// Runs where the picture is opened by itself: cursor with values, wheel zooms, dragging moves, double click resets.
(() => {
  const root = document.documentElement, $ = (q) => [...root.querySelectorAll(q)];
  const meta = JSON.parse(root.querySelector("metadata").textContent), {left, width, start, end} = meta;
  const plot = root.querySelector("#plot"), cursor = root.querySelector("#cursor"), hint = root.querySelector("#hint");
  const [, , , height] = plot.getAttribute("viewBox").split(" ").map(Number);
  const text = (ns) => (ns / 1e9).toFixed(6) + " s";
  const lanes = $("path[data-lane]").map((path) => {
    let x = 0, y = NaN;
    const steps = [];
    for (const [, kind, a, b] of path.getAttribute("d").matchAll(/([MHV])([-\d.]+)(?: ([-\d.]+))?/g)) {
      if (kind === "M") { steps.push([x, NaN]); x = +a; y = +b; }
      else if (kind === "H") x = +a; else y = +a;
      steps.push([x, y]);
    }
    return {...meta.lanes[path.dataset.lane], steps, out: root.querySelector("#v" + path.dataset.lane)};
  });
  const value = (lane, x) => {
    let y = NaN;
    for (const step of lane.steps) { if (step[0] > x) break; y = step[1]; }
    if (isNaN(y) || x > lane.steps.at(-1)[0] + 0.5) return "no data";
    let v = lane.low + (lane.bottom - y) / lane.scale;
    if (lane.labels) return lane.labels[Math.round(v)];
    if (lane.step) v = Math.round(v / lane.step) * lane.step;
    return +v.toPrecision(5) + (lane.unit ? " " + lane.unit : "");
  };
  let from = 0, span = width, drag = null;
  const at = (event) => {
    const m = root.getScreenCTM();
    return (event.clientX - m.e) / m.a - left;
  };
  const time = (x) => start + (end - start) * x / width;
  const draw = () => {
    plot.setAttribute("viewBox", `${from} 0 ${span} ${height}`);
    $("[data-x]").forEach((label) => {
      const x = (label.dataset.x - from) / span * width;
      label.setAttribute("x", left + x);
      label.style.display = x < 0 || x > width ? "none" : "";
    });
    $("[data-tick]").forEach((label) => { label.textContent = text(time(from + span * label.dataset.tick / width)); });
  };
  const move = (event) => {
    const x = at(event);
    if (drag !== null) { from = Math.min(width - span, Math.max(0, from - (x - drag) * span / width)); drag = x; draw(); }
    if (x < 0 || x > width) return;
    const u = from + x * span / width, ref = meta.reference;
    cursor.style.display = "block";
    cursor.setAttribute("x1", left + x); cursor.setAttribute("x2", left + x);
    for (const lane of lanes) lane.out.textContent = value(lane, u);
    hint.textContent = text(time(u)) + (ref === null ? "" : `, ${((time(u) - ref) / 1e6).toFixed(3)} ms after the window's start`);
  };
  root.addEventListener("pointermove", move);
  root.addEventListener("pointerdown", (event) => { drag = at(event); });
  root.addEventListener("pointerup", () => { drag = null; });
  root.addEventListener("dblclick", () => { from = 0; span = width; draw(); });
  root.addEventListener("wheel", (event) => {
    event.preventDefault();
    const x = Math.min(width, Math.max(0, at(event))), u = from + x * span / width;
    span = Math.min(width, Math.max(width / 500, span * (event.deltaY > 0 ? 1.25 : 0.8)));
    from = Math.min(width - span, Math.max(0, u - x * span / width));
    draw(); move(event);
  }, {passive: false});
  hint.textContent = "move: values; wheel: zoom; drag: shift; double click: all";
})();
