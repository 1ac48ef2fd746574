// A law as a list of elementary steps: its value, and its derivatives by coefficients.

const OPERATIONS = {
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  pow: (a, b) => (a === 1 ? 1 : Math.pow(a, b)),
  neg: (a) => -a,
  abs: Math.abs,
  sign: Math.sign,
  exp: Math.exp,
  expm1: Math.expm1,
  log: Math.log,
  log1p: Math.log1p,
  sqrt: Math.sqrt,
  tanh: Math.tanh,
  max: (a, b) => Math.max(a, b),
  min: (a, b) => Math.min(a, b),
  lt: (a, b) => Number(a < b),
  le: (a, b) => Number(a <= b),
  gt: (a, b) => Number(a > b),
  ge: (a, b) => Number(a >= b),
  eq: (a, b) => Number(a === b),
  ne: (a, b) => Number(a !== b),
  and: (a, b) => Number(Boolean(a) && Boolean(b)),
  or: (a, b) => Number(Boolean(a) || Boolean(b)),
  not: (a) => Number(!a),
  where: (a, b, c) => (a ? b : c),
};

// How much an operation moves when what it works on moves by da, db, dc; v is its value.
const SLOPES = {
  add: (v, a, b, c, da, db) => da + db,
  sub: (v, a, b, c, da, db) => da - db,
  mul: (v, a, b, c, da, db) => da * b + a * db,
  div: (v, a, b, c, da, db) => (da - v * db) / b,
  pow: (v, a, b, c, da, db) =>
    (da === 0 ? 0 : b * Math.pow(a, b - 1) * da) + (db === 0 ? 0 : v * Math.log(a) * db),
  neg: (v, a, b, c, da) => -da,
  abs: (v, a, b, c, da) => Math.sign(a) * da,
  exp: (v, a, b, c, da) => v * da,
  expm1: (v, a, b, c, da) => (v + 1) * da,
  log: (v, a, b, c, da) => da / a,
  log1p: (v, a, b, c, da) => da / (1 + a),
  sqrt: (v, a, b, c, da) => da / (2 * v),
  tanh: (v, a, b, c, da) => (1 - v * v) * da,
  max: (v, a, b, c, da, db) => (a >= b ? da : db),
  min: (v, a, b, c, da, db) => (a <= b ? da : db),
  where: (v, a, b, c, da, db, dc) => (a ? db : dc),
};

// Values of all steps; a coefficient is a number, or one number for each refit.
function values(steps, inputs, coefficients) {
  const found = [];
  for (const [kind, ...at] of steps) {
    if (kind === "const") found.push(Number(at[0]));
    else if (kind === "input") found.push(inputs[at[0]]);
    else if (kind === "coefficient") found.push(coefficients[at[0]]);
    else found.push(applied(OPERATIONS[kind], at.map((place) => found[place])));
  }
  return found;
}

function applied(operation, given) {
  const long = given.find((each) => typeof each !== "number");
  if (long === undefined) return operation(...given);
  const out = new Float64Array(long.length);
  const [a, b, c] = given;
  for (let k = 0; k < out.length; k++) {
    out[k] = operation(element(a, k), element(b, k), element(c, k));
  }
  return out;
}

function element(value, k) {
  return typeof value === "object" ? value[k] : value;
}

// Derivative of the last step by coefficients that move together.
function slope(steps, found, moving) {
  const moved = [];
  steps.forEach(([kind, a, b, c], k) => {
    if (kind === "coefficient") moved.push(Number(moving.includes(a)));
    else if (!(kind in SLOPES)) moved.push(0);
    else {
      const still = [a, b, c].every((place) => place === undefined || moved[place] === 0);
      moved.push(
        still
          ? 0
          : SLOPES[kind](found[k], found[a], found[b], found[c], moved[a], moved[b], moved[c]),
      );
    }
  });
  return moved[moved.length - 1];
}
