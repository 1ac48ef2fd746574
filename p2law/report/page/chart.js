// The predicted curve with its band, along one input; drawn as SVG.

const POINTS = 97;
const EDGE = { left: 58, right: 14, top: 14, bottom: 44 };

// Of a logarithmic axis, which has no 0: a strip at its left, and where in that 0 stands.
const STRIP = { width: 36, zero: 12 };

function scale(from, to, log, start, end) {
  const [a, b] = log ? [Math.log(from), Math.log(to)] : [from, to];
  return (value) => start + ((end - start) * ((log ? Math.log(value) : value) - a)) / (b - a);
}

// Where values stand along the axis; the strip is there where 0 is on record or asked about.
function across(axis, { from, to, zero, width }) {
  const start = EDGE.left + (zero ? STRIP.width : 0);
  const x = scale(from, to, axis.log, start, width - EDGE.right);
  return (value) => (zero && value <= 0 ? EDGE.left + STRIP.zero : x(value));
}

// Inputs along an axis, the ends of the records and the chosen point among them.
function stations(axis, here) {
  const [from, to] = span(axis, here);
  const at = Array.from({ length: POINTS }, (_, k) => {
    const share = k / (POINTS - 1);
    return axis.log ? from * Math.pow(to / from, share) : from + (to - from) * share;
  });
  return [...at, ...axis.records, here].filter((x) => x >= from && x <= to).sort((a, b) => a - b);
}

function span(axis, here) {
  const inside = (x) => allows(axis.domain, x) && (!axis.log || x > 0);
  return [inside(here) ? Math.min(axis.from, here) : axis.from, Math.max(axis.to, here)];
}

// Round numbers for an axis.
function ticks(from, to, log, about) {
  if (log && to / from >= 20) {
    const first = Math.ceil(Math.log10(from) - 1e-9);
    const count = Math.floor(Math.log10(to) + 1e-9) - first + 1;
    const step = Math.max(1, Math.ceil(count / about));
    return Array.from({ length: Math.ceil(count / step) }, (_, k) => 10 ** (first + k * step));
  }
  const raw = (to - from) / about;
  const unit = 10 ** Math.floor(Math.log10(raw));
  const step = unit * [1, 2, 5, 10].find((each) => each * unit >= raw);
  const first = Math.ceil(from / step - 1e-9);
  const count = Math.floor(to / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, k) => Number(((first + k) * step).toPrecision(12)));
}

function svg(name, attributes, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Neighbouring points that are equal in kind. What leads from a sound point to another one,
// or back, is not sound.
function pieces(points, kind) {
  const found = [];
  for (const each of points) {
    const last = found[found.length - 1];
    if (last && last.kind === kind(each)) last.points.push(each);
    else if (last && last.kind === "sound") {
      found.push({ kind: kind(each), points: [last.points[last.points.length - 1], each] });
    } else {
      if (last) last.points.push(each);
      found.push({ kind: kind(each), points: [each] });
    }
  }
  return found;
}

const path = (points, x, y) =>
  points.map((each, k) => `${k ? "L" : "M"}${x(each.at).toFixed(1)} ${y(each).toFixed(1)}`).join("");

function heights(points, here, seen) {
  const known = points.filter((each) => Number.isFinite(each.estimate));
  const ends = known.flatMap((each) => [each.low, each.high].filter(Number.isFinite));
  const all = [...known.map((each) => each.estimate), ...ends, here.low, here.high, here.estimate];
  const finite = all.filter(Number.isFinite).sort((a, b) => a - b);
  if (!finite.length) return null;
  // A band that opens wide far from the records must not flatten the curve.
  const curve = known.map((each) => each.estimate);
  const [least, most] = [Math.min(...curve), Math.max(...curve)];
  const room = Math.max(most - least, Math.abs(most) * 1e-3) * 0.6;
  const bottom = Math.max(finite[0], least - room);
  const top = Math.min(finite[finite.length - 1], most + room);
  const low = Math.min(bottom, here.low || bottom, ...seen);
  const high = Math.max(top, here.high || top, ...seen);
  const pad = (new Set(known.map((each) => each.at)).size < 3 ? 0.8 : 0.06) * (high - low || 1);
  return [low - pad, high + pad];
}

function axes(frame, x, y, axis, plan) {
  const { from, to, low, high, width, height } = frame;
  const right = width - EDGE.right;
  const bottom = height - EDGE.bottom;
  const group = svg("g", { class: "axes" });
  for (const each of ticks(low, high, false, 5)) {
    group.append(svg("line", { x1: EDGE.left, x2: right, y1: y(each), y2: y(each) }));
    const at = { x: EDGE.left - 8, y: y(each) + 4, "text-anchor": "end" };
    group.append(svg("text", at, number(each, 6)));
  }
  const marks = ticks(from, to, axis.log, width < 480 ? 4 : 7);
  for (const each of frame.zero ? [0, ...marks] : marks) {
    group.append(svg("line", { x1: x(each), x2: x(each), y1: bottom, y2: bottom + 5 }));
    group.append(svg("text", { x: x(each), y: bottom + 19, "text-anchor": "middle" }, amount(axis, each)));
  }
  const unit = ["", "1", axis.unit === "param" ? "param" : ""].includes(axis.unit) ? "" : axis.unit;
  const label = unit && !named(axis.name).includes(unit) ? `${named(axis.name)}, ${unit}` : named(axis.name);
  const middle = (EDGE.left + right) / 2;
  group.append(svg("text", { x: middle, y: height - 6, "text-anchor": "middle", class: "label" }, label));
  const up = { x: -(EDGE.top + bottom) / 2, y: 13, transform: "rotate(-90)", class: "label" };
  group.append(svg("text", { ...up, "text-anchor": "middle" }, `${named(plan.target)}, ${plan.unit.replace(/^in /, "")}`));
  return group;
}

function curves(points, x, y) {
  const group = svg("g", {});
  const banded = (each) => Number.isFinite(each.low) && Number.isFinite(each.high);
  for (const { kind, points: some } of pieces(points, (each) => (banded(each) ? "sound" : "free"))) {
    if (kind === "free") continue;
    const under = path([...some].reverse(), x, (each) => y(each.low)).replace("M", "L");
    group.append(svg("path", { class: "band", d: `${path(some, x, (e) => y(e.high))}${under}Z` }));
  }
  const kind = (each) => (each.determined ? (each.beyond.length ? "beyond" : "sound") : "free");
  for (const { kind: name, points: some } of pieces(points, kind)) {
    const known = some.filter((each) => each.determined);
    if (name === "free" || !known.length) continue;
    group.append(svg("path", { class: `curve ${name}`, d: path(known, x, (e) => y(e.estimate)) }));
  }
  return group;
}

function here(found, at, x, y, frame) {
  const group = svg("g", { class: "here" });
  const bottom = frame.height - EDGE.bottom;
  group.append(svg("line", { class: "rule", x1: x(at), x2: x(at), y1: EDGE.top, y2: bottom }));
  if (!found.determined) return group;
  if (Number.isFinite(found.low) && Number.isFinite(found.high)) {
    const bar = { x1: x(at), x2: x(at), y1: y(found.low), y2: y(found.high) };
    group.append(svg("line", { class: "bar", ...bar }));
  }
  group.append(svg("circle", { cx: x(at), cy: y(found.estimate), r: 5.5 }));
  return group;
}

// Draw the curve along one input through the chosen inputs; true where it has gaps.
function chart(plan, box, { inputs, level, kind, along, found }) {
  const axis = plan.inputs.find((each) => each.name === along);
  const at = inputs[along];
  const points = stations(axis, at)
    .filter((value) => allows(axis.domain, value))
    .map((value) => ({ at: value, ...predict(plan, { ...inputs, [along]: value }, level, kind) }));
  const width = Math.max(box.clientWidth, 280);
  const height = Math.round(Math.min(470, Math.max(240, width * 0.66)));
  const seen = measured(plan, along, inputs).map(([, value]) => value);
  const range = heights(points, found, seen);
  const image = svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img" });
  image.setAttribute("aria-label", told(plan, axis, points, range));
  const [from, to] = span(axis, at);
  const [low, high] = range || [0, 1];
  const zero = axis.log && Math.min(axis.records[0], at) <= 0;
  const frame = { from, to, low, high, width, height, zero };
  const x = across(axis, frame);
  const y = scale(low, high, false, height - EDGE.bottom, EDGE.top);
  const clip = svg("clipPath", { id: "plot-area" });
  const area = { x: EDGE.left, y: EDGE.top, width: width - EDGE.left - EDGE.right };
  clip.append(svg("rect", { ...area, height: height - EDGE.top - EDGE.bottom }));
  image.append(svg("defs", {}, clip));
  image.append(covered(axis, x, frame));
  if (range) image.append(axes(frame, x, y, axis, plan));
  const inside = svg("g", { "clip-path": "url(#plot-area)" });
  inside.append(curves(points, x, y), dots(measured(plan, along, inputs), x, y));
  inside.append(here(found, at, x, y, frame));
  image.append(inside);
  if (!points.some((each) => each.determined)) {
    const words = "not determined anywhere along this line";
    const middle = { x: width / 2, y: height / 2, "text-anchor": "middle", class: "label" };
    image.append(svg("text", middle, words));
  }
  box.replaceChildren(image);
  const known = points.filter((each) => each.determined);
  return known.length > 0 && known.length < points.length;
}

// What was measured in the very case that is asked about, against tokens.
function measured(plan, along, inputs) {
  const same = (each) =>
    Object.entries(each.inputs).every(([name, value]) => inputs[name] === value);
  return along === "tokens" ? plan.cases.filter(same).flatMap((each) => each.measured) : [];
}

function dots(pairs, x, y) {
  const group = svg("g", { class: "measured" });
  for (const [at, value] of pairs) group.append(svg("circle", { cx: x(at), cy: y(value), r: 3 }));
  return group;
}

// Where the records lie along the axis.
function covered(axis, x, frame) {
  const [low, high] = axis.records;
  const strip = frame.zero && low <= 0;
  const left = strip ? EDGE.left : Math.max(x(low), EDGE.left);
  const width = Math.max(x(high) - left, 2);
  const bottom = frame.height - EDGE.bottom;
  const group = svg("g", { class: "covered" });
  group.append(svg("rect", { x: left, y: EDGE.top, width, height: bottom - EDGE.top }));
  if (width > 80) {
    group.append(svg("text", { x: (strip ? x(frame.from) : left) + 6, y: bottom - 8 }, "records"));
  }
  return group;
}

function told(plan, axis, points, range) {
  const known = points.filter((each) => each.determined);
  if (!known.length || !range) return `The ${named(plan.target)} is not determined along ${named(axis.name)}.`;
  const [first, last] = [known[0], known[known.length - 1]];
  return (
    `Predicted ${named(plan.target)} against ${named(axis.name)}: ` +
    `${number(first.estimate)} at ${amount(axis, first.at)}, ` +
    `${number(last.estimate)} at ${amount(axis, last.at)}.`
  );
}
