// How the page writes times, rule by rule.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';

import { check } from './harness.mjs';

const source = readFileSync(new URL('../../examples/gateway/dashboard/format.js', import.meta.url), 'utf8');

export async function checkFormat() {
  await check('times are written in the unit that shows them', async () => {
    const { milliseconds } = await import(`data:text/javascript,${encodeURIComponent(source)}`);
    for (const [value, text] of [
      [null, '–'], [0, '0 ms'], [0.0032, '3 µs'], [0.0401, '40 µs'], [0.9994, '999 µs'], [0.9996, '1 ms'],
      [1, '1 ms'], [1.256, '1.26 ms'], [10.4, '10 ms'], [999.6, '1 s'], [60_000, '1 min'],
    ]) assert.equal(milliseconds(value), text, String(value));
  });
}
