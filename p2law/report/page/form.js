// The planner's form: reads inputs, shows the answer, and draws the curve.

// A number as people write it: 4e6, 4M, 4,000,000, 0.3 or 30 %.
function readNumber(text) {
  const plain = text.trim().replaceAll("_", "").replaceAll("−", "-").replace(/^\+/, "");
  const found = /^(-?(?:\d+\.?\d*|\.\d+|\d{1,3}(?:,\d{3})+(?:\.\d*)?)(?:e[-+]?\d+)?)\s*([kmbt%]?)$/i.exec(plain);
  if (!found) return NaN;
  const [digits, power] = found[1].replaceAll(",", "").toLowerCase().split("e");
  return Number(`${digits}e${Number(power || 0) + POWERS[found[2].toLowerCase()]}`);
}

// The same number to the last bit, as the tables write it where that is possible.
function exactly(each, value) {
  const short = amount(each, value, 15).replaceAll("−", "-");
  if (readNumber(short) === value) return short;
  const [plain, power] = [String(value), value.toExponential().replace("e+", "e")];
  return power.length < plain.length && Math.abs(value) >= 1e5 ? power : plain;
}

// Where a value stands on its slider of 0 to 1000, and back.
function position(each, value) {
  const share = each.log
    ? Math.log(value / each.from) / Math.log(each.to / each.from)
    : (value - each.from) / (each.to - each.from);
  return Math.round(1000 * Math.min(1, Math.max(0, share)));
}

function fromPosition(each, place) {
  const share = place / 1000;
  const value = each.log
    ? each.from * Math.pow(each.to / each.from, share)
    : each.from + (each.to - each.from) * share;
  return Number(value.toPrecision(3));
}

function planner(plan, form) {
  const part = (name) => form.querySelector(`[data-part="${name}"]`);
  const field = (name) => form.querySelector(`input[type="text"][data-input="${name}"]`);
  const slide = (name) => form.querySelector(`input[type="range"][data-input="${name}"]`);

  let planned = 0;

  function asked() {
    const inputs = {};
    for (const each of plan.inputs) inputs[each.name] = readNumber(field(each.name).value);
    const kind = form.querySelector('input[name="kind"]:checked').value;
    return { inputs, kind, level: readNumber(part("level").value) / 100, along: part("along").value };
  }

  // Says below each field what is wrong with it; true where nothing is.
  function checked({ inputs, level }) {
    const wrong = new Map(refusals(plan, inputs).map((each) => [each.name, each.words]));
    for (const each of plan.inputs) {
      const isNumber = !Number.isNaN(inputs[each.name]);
      const words = isNumber ? wrong.get(each.name) : "write a number, for instance 4e6, 4M, 0.3 or 30 %";
      blame(field(each.name), form.querySelector(`[data-error="${each.name}"]`), words);
    }
    const sound = level > 0 && level <= plan.highest;
    const words = `above 0 and at most ${100 * plan.highest}: more takes more refits, made in Python`;
    blame(part("level"), part("level-error"), sound ? "" : words);
    return sound && wrong.size === 0;
  }

  function blame(input, place, words) {
    input.setAttribute("aria-invalid", words ? "true" : "false");
    place.textContent = words || "";
  }

  // What a reader of screens says of a slider: the number beside it, not a place from 0 to 1000.
  function tell() {
    for (const each of plan.inputs) {
      slide(each.name).setAttribute("aria-valuetext", field(each.name).value);
    }
  }

  function update() {
    tell();
    const question = asked();
    if (!checked(question)) return refuse();
    const found = predict(plan, question.inputs, question.level, question.kind);
    answer(verdict(plan, found), found, question);
    draw({ ...question, found });
  }

  function refuse() {
    cancelAnimationFrame(planned);
    part("chart").replaceChildren();
    const why = "Correct the marked inputs.";
    answer({ name: "none", mark: "✕", words: "No answer", why });
  }

  // A slider that is dragged changes more often than a screen can show.
  function draw(question) {
    cancelAnimationFrame(planned);
    planned = requestAnimationFrame(() => {
      part("kept").hidden = !chart(plan, part("chart"), question);
    });
  }

  function answer({ name, mark, words, why }, found, question) {
    part("answer").dataset.verdict = name;
    part("mark").textContent = mark;
    part("verdict").textContent = words;
    part("why").textContent = why;
    const told = found && found.determined;
    const [estimate, low, high] = told ? together(found.estimate, found.low, found.high) : ["no number"];
    part("estimate").textContent = estimate;
    part("asked").textContent = plan.inputs
      .map((each) => `${named(each.name)} ${field(each.name).value}`)
      .join(", ");
    part("unit").textContent = told ? plan.unit : "";
    const about = question && question.kind === "run" ? "a single new run" : "the law";
    const level = question ? number(100 * question.level) : "";
    const known = told && Number.isFinite(found.low) && Number.isFinite(found.high);
    part("interval").textContent = known
      ? `${low} to ${high} (${level} % interval of ${about})`
      : told ? "interval unknown" : "";
  }

  function fill(inputs) {
    for (const each of plan.inputs) {
      if (!(each.name in inputs)) continue;
      field(each.name).value = exactly(each, inputs[each.name]);
      slide(each.name).value = position(each, inputs[each.name]);
    }
  }

  form.addEventListener("submit", (event) => event.preventDefault());
  function changed({ target }) {
    const each = plan.inputs.find(({ name }) => name === target.dataset.input);
    if (each && target.type === "range") {
      field(each.name).value = exactly(each, fromPosition(each, Number(target.value)));
    } else if (each) {
      const value = readNumber(target.value);
      if (allows(each.domain, value)) slide(each.name).value = position(each, value);
    }
    if (target.dataset.part === "case" && target.value !== "") {
      fill(plan.cases[target.value].inputs);
    } else if (each && part("case")) part("case").value = "";
    update();
  }

  form.addEventListener("input", changed);
  form.addEventListener("change", changed);
  new ResizeObserver(() => update()).observe(part("chart"));
  fill(plan.start);
  update();
}

// What scrolls can be reached by keys; what does not, is no stop on the way.
function reachable() {
  for (const each of document.querySelectorAll(".wide, .paper")) {
    const scrolls = each.scrollWidth > each.clientWidth;
    each.classList.toggle("scrolls", scrolls);
    if (scrolls) each.setAttribute("tabindex", "0");
    else each.removeAttribute("tabindex");
  }
}

function begin() {
  new ResizeObserver(reachable).observe(document.body);
  const data = document.getElementById("plan");
  if (data) {
    const plan = prepared(JSON.parse(data.textContent));
    window.p2law = { predict: (inputs, level, kind) => predict(plan, inputs, level, kind) };
    const form = document.getElementById("planner");
    planner(plan, form);
    form.hidden = false;
  }
  const saved = document.getElementById("saved-fit");
  const button = document.getElementById("save");
  if (saved && button) {
    button.hidden = false;
    button.addEventListener("click", () => {
      const file = new Blob([saved.textContent], { type: "application/json" });
      const link = document.createElement("a");
      link.href = URL.createObjectURL(file);
      link.download = "fit.json";
      link.click();
      URL.revokeObjectURL(link.href);
    });
  }
}

begin();
