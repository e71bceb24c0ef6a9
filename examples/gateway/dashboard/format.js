// Numbers and times as text.

const TICKS = 10_000_000_000n;
const NONE = '–';

const integers = new Intl.NumberFormat('en-US');

export const count = (value) => (value == null ? NONE : integers.format(value));

// Ticks to dollars, to the last digit: cents at least.
export function dollars(ticks) {
  if (ticks == null) return NONE;
  const value = BigInt(ticks);
  const fraction = (value % TICKS).toString().padStart(10, '0').replace(/0+$/, '').padEnd(2, '0');
  return `$${integers.format(value / TICKS)}.${fraction}`;
}

// Dollars for an axis, with as many digits as its step needs.
export function axisDollars(value, step) {
  const digits = Math.min(10, Math.max(2, Math.ceil(-Math.log10(step) - 1e-9)));
  return `$${value.toFixed(value === 0 ? 2 : digits)}`;
}

export function milliseconds(value) {
  if (value == null) return NONE;
  if (value > 0 && value < 0.9995) return `${Math.round(value * 1000)} µs`;
  if (value < 10) return `${trim(value.toFixed(2))} ms`;
  if (value < 999.5) return `${Math.round(value)} ms`;
  if (value < 59_995) return `${trim((value / 1000).toFixed(2))} s`;
  return `${trim((value / 60_000).toFixed(1))} min`;
}

export const percent = (rate) => (rate == null ? NONE : `${trim((rate * 100).toFixed(1))}%`);

export function compact(value) {
  for (const [size, unit] of [[1e9, 'B'], [1e6, 'M'], [1e3, 'k']]) {
    if (value >= size) return `${trim((value / size).toFixed(2))}${unit}`;
  }
  return trim(value.toFixed(2));
}

export function bytes(value) {
  if (value == null) return NONE;
  if (value < 1024) return `${value} B`;
  if (value < 1024 * 1024) return `${trim((value / 1024).toFixed(1))} KiB`;
  return `${trim((value / 1024 / 1024).toFixed(1))} MiB`;
}

const two = (number) => String(number).padStart(2, '0');

export const clock = (date) => `${two(date.getHours())}:${two(date.getMinutes())}`;

export const seconds = (date) => `${clock(date)}:${two(date.getSeconds())}`;

export const day = (date) => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;

// Today's by the time alone.
export const moment = (date) =>
  day(date) === day(new Date()) ? seconds(date) : `${day(date).slice(5)} ${seconds(date)}`;

function trim(text) {
  return text.includes('.') ? text.replace(/\.?0+$/, '') : text;
}
