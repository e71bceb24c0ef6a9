// What the page says is what was sent.

import assert from 'node:assert/strict';

import { hide, open, texts } from './browser.mjs';
import { chunk } from './exchanges.mjs';
import { check, until } from './harness.mjs';
import { duration, grouped, percentile, usd } from './money.mjs';

export const shown = (page, id) => page.locator(`#${id}`).textContent();

// Until the page has asked for, and shows, so many requests.
export const showing = (page, count) =>
  until(`the page shows ${count} requests`, async () => (await shown(page, 'total-requests')) === grouped(count));

export async function checkNumbers(browser, book) {
  const { gateway } = book;
  const { page, context, faults, foreign } = await open(browser, `${gateway.admin}/dashboard?range=15m`);
  const totals = book.sums();
  await showing(page, totals.requests);

  await check('the totals are those of what was sent, the cost to its last digit', async () => {
    const expected = {
      requests: grouped(totals.requests), streams: grouped(totals.streams), errors: grouped(totals.errors),
      rejected: grouped(totals.rejected), cancelled: grouped(totals.cancelled),
      'tokens-in': grouped(totals.tokensIn), 'tokens-out': grouped(totals.tokensOut),
      cost: usd(totals.ticks), 'cost-unknown': `${totals.unknown} not known`, 'cache-rate': '0%', cached: '0',
    };
    const actual = {};
    for (const name of Object.keys(expected)) actual[name] = await shown(page, `total-${name}`);
    assert.deepEqual(actual, expected);
    assert.ok(totals.errors === 5 && totals.rejected === 2 && totals.cancelled === 1 && totals.streams === 6);
    assert.ok(totals.unknown >= 2 && totals.unknown < totals.requests);
    assert.ok(totals.ticks > 400_162_001n && totals.tokensIn > 0n);
  });

  await check('the rows by model are those of what was sent', async () => {
    const keys = new Map(book.entries.map(({ provider, model }) => [JSON.stringify([provider, model]), { provider, model }]));
    const expected = [...keys.values()].map(({ provider, model }) => {
      const sums = book.sums((entry) => entry.provider === provider && entry.model === model);
      return [provider ?? 'none', model ?? 'none', grouped(sums.requests), grouped(sums.errors),
        grouped(sums.tokensIn), grouped(sums.tokensOut), usd(sums.ticks || null) + (sums.unknown ? `${sums.unknown} not known` : ''), '0%'].join(' | ');
    });
    const rows = await page.locator('#models tbody tr').all();
    const actual = await Promise.all(rows.map(async (row) => (await texts(row.locator('th, td'))).slice(0, 8).join(' | ')));
    assert.deepEqual(actual.sort(), expected.sort());
    assert.ok(actual.length >= 10);
  });

  await check('latency and time to first token are the percentiles of the log', async () => {
    const { logs } = await gateway.json('/dashboard/api/logs?limit=1000');
    const times = {
      latency: logs.map((record) => record.duration),
      ttft: logs.map((record) => record.timings.to_first_token).filter((time) => time !== null),
    };
    assert.ok(times.ttft.length >= 5);
    for (const [name, values] of Object.entries(times)) {
      for (const [field, share] of [['p50', 0.5], ['p90', 0.9], ['p99', 0.99]]) {
        const { value, slack } = duration(await shown(page, `total-${name}-${field}`));
        const expected = percentile(values, share);
        assert.ok(Math.abs(value - expected) <= slack, `${name} ${field}: ${value} for ${expected}`);
      }
    }
  });

  await check('the bars of a chart, read by keyboard, add up to its legend', async () => {
    // So that time does not move the bars meanwhile.
    await hide(page, true);
    const chart = page.locator('.chart', { hasText: 'Requests' });
    assert.deepEqual(await texts(chart.locator('.legend b')),
      [totals.ok, totals.errors, totals.rejected, totals.cancelled].map(grouped));
    await chart.locator('.plot').focus();
    await page.keyboard.press('Home');
    const sums = [0, 0, 0, 0];
    const seen = new Set();
    for (;;) {
      const [time, ...values] = await chart.locator('.tip').evaluate((tip) => [...tip.querySelectorAll('p')]
        .map((line) => line.querySelector('b')?.textContent ?? line.textContent));
      if (seen.has(time)) break;
      seen.add(time);
      values.forEach((value, index) => { sums[index] += Number(value); });
      await page.keyboard.press('ArrowRight');
    }
    assert.equal(seen.size, 30);
    const bars = await chart.locator('svg').evaluate((drawn) => {
      const marks = [...drawn.querySelectorAll('text[text-anchor=end]')].slice(0, 2);
      const [zero, one] = marks.map((mark) => mark.y.baseVal[0].value);
      const unit = (zero - one) / Number(marks[1].textContent);
      return ['answered', 'errors', 'rejected', 'cancelled'].map((color) =>
        [...drawn.querySelectorAll(`rect.${color}`)].reduce((sum, bar) => sum + bar.height.baseVal.value, 0) / unit);
    });
    bars.forEach((height, index) => assert.ok(Math.abs(height - sums[index]) < 0.01, `${bars} for ${sums}`));
    assert.deepEqual(sums, [totals.ok, totals.errors, totals.rejected, totals.cancelled]);
    await hide(page, false);
    assert.match(await chart.locator('svg').getAttribute('aria-label'), new RegExp(`^Requests: ok ${totals.ok}, errors ${totals.errors}`));
  });

  await check('every row of the log is an exchange that was sent', async () => {
    const actual = await page.locator('#rows tbody tr').evaluateAll((rows) => rows.map((row) => {
      const cells = [...row.cells].map((cell) => cell.firstChild.textContent);
      return [row.dataset.id, cells[1].split(' ')[0], cells[2], cells[3], cells[4], cells[5], cells[6]].join(' | ');
    }));
    const known = (value) => (value == null ? '–' : grouped(value));
    const expected = book.entries.map((entry) => [entry.id, entry.status, entry.provider ?? 'none', entry.model ?? 'none',
      known(entry.tokensIn), known(entry.tokensOut), usd(entry.ticks)].join(' | '));
    assert.deepEqual([...actual].sort(), expected.sort());
    assert.deepEqual(actual, [...actual].sort().reverse(), 'newest first');
  });

  await check('a running stream is counted while it lasts, and logged when its client leaves', async () => {
    const live = async () => [await shown(page, 'live-in-flight'), await shown(page, 'live-streams')].join();
    await until('nothing is going on', async () => (await live()) === '0,0');
    const leave = await book.left('left');
    await until('a stream is going on', async () => (await live()) === '1,1');
    await leave();
    await until('nothing is going on any more', async () => (await live()) === '0,0');
    await showing(page, book.entries.length);
    assert.equal(await shown(page, 'total-cancelled'), '2');
  });

  await check('new exchanges appear by themselves, and what has the focus keeps it', async () => {
    const first = page.locator('#rows tbody .opens').first();
    await first.focus();
    const id = await first.evaluate((button) => button.closest('tr').dataset.id);
    await book.scripted('late', { events: [chunk('late', 'Hi'), '[DONE]'] });
    await showing(page, book.entries.length);
    await until('the new row', async () => (await page.locator('#rows tbody tr').count()) === book.entries.length);
    assert.equal(await page.evaluate(() => document.activeElement.closest('tr')?.dataset.id), id);
  });

  await check('a hidden page asks nothing, and asks again when it is seen', async () => {
    const { page: other, context: second } = await open(browser, page.url(), { clock: true });
    await showing(other, book.entries.length);
    await hide(other, true);
    let asked = 0;
    other.on('request', () => { asked += 1; });
    await other.clock.runFor(60_000);
    await other.evaluate(() => fetch('/dashboard/style.css').then((response) => response.text()));
    assert.equal(asked, 1, 'the one that this test made');
    await hide(other, false);
    await until('it asks again', () => asked === 6);
    await other.clock.runFor(5_000);
    await until('and goes on', () => asked >= 8);
    await second.close();
  });

  await check('the page worked without a fault, and asked nobody else', () => {
    assert.deepEqual(faults, []);
    assert.deepEqual(foreign, []);
  });
  await context.close();
}
