// How the page must write numbers, told apart from how it does.

export const grouped = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ',');

// 10^10 ticks are a dollar.
export function usd(ticks) {
  if (ticks == null) return '–';
  const digits = String(ticks).padStart(11, '0');
  const cents = digits.slice(-10).replace(/0{0,8}$/, '');
  return `$${grouped(digits.slice(0, -10))}.${cents}`;
}

// The least of the values that a share of them does not exceed.
export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(share * sorted.length) - 1];
}

// Reads what the page says of a time back, in milliseconds, with the half of its last digit.
export function duration(text) {
  const [, number, unit] = text.match(/^([\d.]+) (µs|ms|s|min)$/) ?? [];
  const scale = { µs: 0.001, ms: 1, s: 1000, min: 60_000 }[unit];
  // Trailing zeros are not written, so a time from 1 to 10 ms or in seconds has two digits, others none.
  const last = unit === 's' || (unit === 'ms' && Number(number) < 10) ? 0.005 : 0.5;
  return { value: Number(number) * scale, slack: last * scale * 1.0001 };
}
