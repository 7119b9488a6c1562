// @ts-check
// Comparing times on a machine that has other things to do.

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = Math.floor(sorted.length / 2);
  const [low, high] = [sorted[Math.ceil(sorted.length / 2) - 1] ?? NaN, sorted[middle] ?? NaN];
  return (low + high) / 2;
}

/**
 * How likely two samples as different as these are when nothing tells them apart: the two-sided p of the Mann–Whitney
 * test, by its normal approximation.
 *
 * @param {number[]} one
 * @param {number[]} other
 */
export function mannWhitney(one, other) {
  const all = [...one.map((value) => ({ value, first: true })), ...other.map((value) => ({ value, first: false }))];
  all.sort((left, right) => left.value - right.value);
  let ranks = 0;
  all.forEach(({ first }, index) => {
    if (first) ranks += index + 1;
  });
  const [n, m] = [one.length, other.length];
  const u = ranks - (n * (n + 1)) / 2;
  const z = Math.abs(u - (n * m) / 2) / Math.sqrt((n * m * (n + m + 1)) / 12);
  return 2 * (1 - normal(z));
}

/**
 * The normal distribution up to `z`, after Abramowitz and Stegun 26.2.17.
 *
 * @param {number} z not negative
 */
function normal(z) {
  const t = 1 / (1 + 0.2316419 * z);
  const sum = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return 1 - (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * sum;
}
