// The prediction of a law with its interval, as p2law's Fit.predict makes it.

// Between the names of two inputs that are far from the records together.
const TOGETHER = " with ";

// Numbers that JSON has no word for come as texts.
function numbers(value) {
  if (Array.isArray(value)) return value.map(numbers);
  return typeof value === "string" ? Number(value) : value;
}

function prepared(plan) {
  const places = plan.places.map((each) => ({
    ...each,
    values: numbers(each.values),
    chain: numbers(each.chain),
    length: numbers(each.length),
    null: numbers(each.null),
    known: numbers(each.known),
  }));
  const inputs = plan.inputs.map((each) => ({
    ...each,
    domain: { ...each.domain, low: Number(each.domain.low), high: Number(each.domain.high) },
  }));
  return {
    ...plan,
    inputs,
    places,
    values: numbers(plan.values),
    draws: plan.draws.map((each) => Float64Array.from(numbers(each))),
    noise: numbers(plan.noise),
  };
}

function allows({ low, lowOpen, high, highOpen }, value) {
  return (
    Number.isFinite(value) &&
    (lowOpen ? value > low : value >= low) &&
    (highOpen ? value < high : value <= high)
  );
}

// Inputs at which the law has no value, with words for each.
function refusals(plan, inputs) {
  return plan.inputs
    .filter((each) => !allows(each.domain, inputs[each.name]))
    .map((each) => ({ name: each.name, words: `must be ${each.domain.words}${share(each, inputs)}` }));
}

// What to write where a percentage stands in place of a share.
function share(each, inputs) {
  const value = inputs[each.name];
  const meant = each.kind === "share" && value > 1 && value <= 100;
  return meant ? `: a share, ${Number((value / 100).toPrecision(12))} for ${value} %` : "";
}

// Quantile of sorted numbers, with straight lines between them.
function quantile(sorted, share) {
  const last = sorted.length - 1;
  if (last < 0 || Number.isNaN(sorted[last])) return NaN;
  const at = share * last;
  const below = Math.min(Math.floor(at), last);
  const part = at - below;
  const low = sorted[below];
  const high = sorted[Math.min(below + 1, last)];
  return part < 0.5 ? low + (high - low) * part : high - (high - low) * (1 - part);
}

function norm(values) {
  return Math.sqrt(values.reduce((sum, each) => sum + each * each, 0));
}

function dot(one, other) {
  return one.reduce((sum, each, k) => sum + each * other[k], 0);
}

// Does a prediction stay where it is along all that the records leave free?
function settled(plan, place, given) {
  const found = values(plan.steps, given, place.values);
  const raw = place.groups.map((group) => slope(plan.steps, found, group));
  const moves = place.chain.map((row) => dot(row, raw));
  const live = moves.filter((_, k) => place.length[k] > 0);
  const idle = moves.filter((_, k) => !(place.length[k] > 0)).map(Math.abs);
  const size = norm(moves.map((each, k) => (place.length[k] > 0 ? each / place.length[k] : 0)));
  const along = norm(place.null.map((row) => dot(row, live)));
  const times = norm(place.known.map((row) => dot(row, live)));
  const height = Math.max(0, ...moves.map(Math.abs));
  return (
    along <= plan.still * size &&
    Math.max(0, ...idle) <= plan.idle * height &&
    times < plan.amplified
  );
}

function related(tie, given) {
  const expected = tie.factor * Math.pow(given[tie.names[0]], tie.power);
  return Math.abs(given[tie.names[1]] - expected) <= 1e-3 * Math.abs(expected);
}

function determined(plan, given) {
  return (
    plan.places.every((place) => settled(plan, place, given)) &&
    plan.ties.every((tie) => related(tie, given))
  );
}

// Where a value lies, from 0 at the least on record to 1 at the largest.
function place({ records: [low, high], floor }, value) {
  if (!floor) return (value - low) / (high - low);
  return (Math.log(Math.max(value, floor)) - Math.log(floor)) / (Math.log(high) - Math.log(floor));
}

// What lies outside the records: inputs, or, where none does alone, two that no records are
// near to together.
function outside(plan, given) {
  const alone = plan.inputs.filter(
    (each, k) => given[k] < each.reach[0] || given[k] > each.reach[1],
  );
  if (alone.length) return alone.map((each) => each.name);
  return plan.pairs
    .filter(({ inputs: [i, j], edges }) => {
      const x = place(plan.inputs[i], given[i]);
      const y = place(plan.inputs[j], given[j]);
      return edges.some(([a, b, c]) => a * x + b * y > c);
    })
    .map(({ inputs }) => inputs.map((k) => plan.inputs[k].name).join(TOGETHER));
}

// Value of the law at every refit, of a new run where that is asked for; sorted.
function refits(plan, given, kind) {
  const found = values(plan.steps, given, plan.draws).pop();
  const drawn = Float64Array.from(plan.noise, (noise, k) => {
    const value = element(found, k);
    if (kind !== "run") return value;
    return plan.log ? value * Math.exp(noise) : value + noise;
  });
  return drawn.sort();
}

function predict(plan, inputs, level = 0.9, kind = "mean") {
  if (!(level > 0 && level <= plan.highest)) {
    throw new RangeError(`level is a number above 0 and at most ${plan.highest}, got ${level}`);
  }
  if (kind !== "mean" && kind !== "run") {
    throw new RangeError(`kind is "mean" or "run", got ${kind}`);
  }
  const refused = refusals(plan, inputs);
  if (refused.length) {
    throw new RangeError(refused.map((each) => `${each.name} ${each.words}`).join("; "));
  }
  const given = plan.inputs.map((each) => inputs[each.name]);
  const sure = determined(plan, given);
  const estimate = values(plan.steps, given, plan.values).pop();
  const drawn = refits(plan, given, kind);
  const low = Math.min(quantile(drawn, (1 - level) / 2), estimate);
  const high = Math.max(quantile(drawn, (1 + level) / 2), estimate);
  const told = sure ? { estimate, low, high } : { estimate: NaN, low: NaN, high: NaN };
  return { ...told, determined: sure, beyond: outside(plan, given) };
}
