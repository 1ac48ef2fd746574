// Numbers and verdicts in words.

// To so many significant digits, without a needless exponent. As `p2law.text.views.number` has it.
function number(value, digits = 4) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "unknown" : value > 0 ? "∞" : "−∞";
  const short = Number(value.toPrecision(digits));
  const long = short.toExponential();
  const power = Number(long.split("e")[1]);
  const text = power < -4 || power >= Math.max(digits, 4) ? long.replace("e+", "e") : String(short);
  return text.replaceAll("-", "−");
}

// Powers of ten that letters stand for.
const POWERS = { "": 0, k: 3, m: 6, b: 9, t: 12, "%": -2 };
const LETTERS = [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]];

// A value of an input in short, as tables and pictures have it: 8B, 250k, 30 %.
function amount(each, value, digits = 4) {
  if (each.kind === "share") return `${number(100 * value, digits)} %`;
  if (each.kind !== "count" || Math.abs(value) >= 1e15) return number(value, digits);
  const rounded = Number(value.toPrecision(digits));
  const found = LETTERS.find(([step]) => Math.abs(rounded) >= step);
  return found ? `${number(rounded / found[0], digits)}${found[1]}` : number(value, digits);
}

// An estimate and its interval, to two digits of how far its nearer end lies off; an end that
// would be written as 0 so, and is none, keeps a digit. As `p2law.text.views.together` has it.
function together(estimate, low, high) {
  const every = [estimate, low, high];
  const width = high - low;
  const most = Math.max(...every.map(Math.abs));
  if (!(width > 0 && Number.isFinite(width))) return every.map((v) => number(v, 5));
  const nearer = Math.min(...[estimate - low, high - estimate].filter((each) => each > 0));
  const last = Math.floor(Math.log10(Math.max(2 * nearer, width / 50))) - 1;
  const write = most >= 1e6 || most < 1e-3 ? withExponent : plainly;
  return every.map((v) => write(v, last).replace("-", "−"));
}

// A number up to a power of ten, three to nine digits.
function withExponent(value, last) {
  const size = value ? Math.floor(Math.log10(Math.abs(value))) : 0;
  return number(value, Math.min(Math.max(size - last + 1, 3), 9));
}

// A number up to a power of ten, or to one digit where that would make it 0.
function plainly(value, last) {
  const step = 10 ** Math.max(last, 0);
  const text = (Math.round(value / step) * step).toFixed(0);
  const rounded = last > 0 ? text : value.toFixed(Math.min(-last, 100));
  return Number(rounded) === 0 && value !== 0 ? number(value, 1) : rounded;
}

function listed(words) {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}

const named = (name) => name.replaceAll("_", " ");

// Which inputs no record reaches, alone or together.
function strayed(beyond) {
  const pairs = beyond.filter((each) => each.includes(TOGETHER));
  if (!pairs.length) return `Beyond the records: ${listed(beyond.map(named))}.`;
  const such = pairs.map((each) => `such ${named(each).replace(TOGETHER, " with such ")}`);
  return `No records lie near ${such.join(" or ")}, though each alone is covered.`;
}

// What has been looked at where nothing lies outside.
function within(plan) {
  const alone = plan.inputs.length < 2;
  const left = plan.inputs.some((each) => each.name === "base_loss") ? ", the base loss apart" : "";
  const pairs = plan.pairs.length ? `, and so does every pair of them${left}` : "";
  return alone
    ? "The input lies within what the records cover."
    : `Each input lies within what the records cover${pairs}.`;
}

// What to think of an answer: a class for its looks, a mark, words, and the reason.
function verdict(plan, found) {
  if (!found.determined) {
    return {
      name: "free",
      mark: "✕",
      words: "Not determined",
      why: plan.free || "The prediction moves with what the records leave free.",
    };
  }
  const { beyond } = found;
  const far = beyond.length ? `${strayed(beyond)} The answer rests on the form of the law.` : "";
  if (Number.isNaN(found.low) || Number.isNaN(found.high)) {
    return {
      name: "unknown",
      mark: "?",
      words: beyond.length ? "Extrapolated, interval unknown" : "Interval unknown",
      why: `Nothing tells the noise of these records. ${far}`.trim(),
    };
  }
  if (beyond.length) return { name: "beyond", mark: "△", words: "Extrapolated", why: far };
  return {
    name: "sound",
    mark: "●",
    words: "Within the records",
    why: within(plan),
  };
}
