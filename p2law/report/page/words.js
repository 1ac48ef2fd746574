// Numbers and verdicts in words.

// To so many significant digits, without a needless exponent.
function number(value, digits = 4) {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "unknown" : value > 0 ? "∞" : "−∞";
  const short = Number(value.toPrecision(digits));
  const size = Math.abs(short);
  if (size !== 0 && (size >= 1e5 || size < 1e-4)) {
    return short.toExponential().replace("e+", "e").replace("-", "−");
  }
  return String(short).replace("-", "−");
}

// An estimate and its interval, to two digits of how far its nearer end lies off.
function together(estimate, low, high) {
  const every = [estimate, low, high];
  const width = high - low;
  const most = Math.max(...every.map(Math.abs));
  if (!(width > 0 && Number.isFinite(width)) || most >= 1e6) return every.map((v) => number(v, 5));
  const nearer = Math.min(...[estimate - low, high - estimate].filter((each) => each > 0));
  const room = Math.max(2 * nearer, width / 50);
  const decimals = Math.min(Math.max(1 - Math.floor(Math.log10(room)), 0), 9);
  return every.map((v) => v.toFixed(decimals).replace("-", "−"));
}

function listed(words) {
  if (words.length < 2) return words.join("");
  return `${words.slice(0, -1).join(", ")} and ${words[words.length - 1]}`;
}

const named = (name) => name.replaceAll("_", " ");

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
  const far = beyond.length
    ? `Beyond the records: ${listed(beyond.map(named))}. The answer rests on the form of the law.`
    : "";
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
    why: "All inputs lie within what the records cover.",
  };
}
