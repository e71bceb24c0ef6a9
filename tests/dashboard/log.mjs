// The log's filters, its details and its feedback, by clicks and keys.

import assert from 'node:assert/strict';

import { nudge, open } from './browser.mjs';
import { SCRIPTED } from './exchanges.mjs';
import { check, until } from './harness.mjs';
import { duration, grouped, usd } from './money.mjs';
import { shown, showing } from './numbers.mjs';

export async function checkLog(browser, book) {
  const { gateway } = book;
  const { page, context, faults } = await open(browser, `${gateway.admin}/dashboard?range=15m`);
  await showing(page, book.entries.length);
  const ids = (entries) => entries.map(({ id }) => id).sort();
  const rows = () => page.locator('#rows tbody tr').evaluateAll((all) => all.map((row) => row.dataset.id).sort());
  const listed = async (what, select) => {
    const expected = ids(book.entries.filter(select));
    assert.ok(expected.length > 0 && expected.length < book.entries.length, `${what} is no test`);
    await until(`the log shows ${what}`, async () => JSON.stringify(await rows()) === JSON.stringify(expected));
  };
  const all = () => until('the log shows all', async () => (await rows()).length === book.entries.length);
  const clear = async () => {
    await page.locator('#clear').click();
    await all();
  };
  const searched = book.entries.find(({ headers }) => headers?.['cf-aig-event-id']);

  await check('the outcome filters the log', async () => {
    await page.locator('#outcome').selectOption({ label: 'Not successful' });
    await listed('what did not succeed', ({ kind }) => kind !== 'ok');
    await page.locator('#outcome').selectOption({ label: 'Cancelled' });
    await listed('what was cancelled', ({ kind }) => kind === 'cancelled');
    await page.locator('#outcome').selectOption({ label: 'Rejected' });
    await listed('what was rejected', ({ kind }) => kind === 'rejected');
    await clear();
  });

  await check('the operation filters the log', async () => {
    await page.locator('#operation').selectOption({ label: 'Embeddings' });
    await listed('embeddings', ({ model }) => model === 'grok-embedding-small');
    assert.equal(await page.locator('#rows .tag').getByText('Embeddings', { exact: true }).count(), 1);
    await page.locator('#operation').selectOption({ label: 'Models' });
    await listed('details of a model', ({ kind, status, model }) => kind === 'ok' && status === 200 && model === null);
    await page.locator('#rows .opens').first().click();
    assert.equal(await shown(page, 'detail-cost'), 'free');
    await page.keyboard.press('Escape');
    await clear();
  });

  await check('status, event id and metadata filter the log', async () => {
    await page.locator('#status').fill('404');
    await listed('a status', ({ status }) => status === 404);
    await page.locator('#status').fill('4xx');
    await listed('a class of status', ({ status }) => status >= 400 && status < 500);
    await clear();
    await page.locator('#event-id').fill('event-of-the-search-team');
    await listed('an event', ({ id }) => id === searched.id);
    await clear();
    await page.locator('#metadata-key').fill('team');
    await page.locator('#metadata-value').fill('ads');
    await listed('a team', ({ headers }) => headers?.['cf-aig-metadata'] === '{"team":"ads"}');
    await clear();
  });

  await check('provider and model narrow all numbers, and stay in the address', async () => {
    await page.locator('#models').getByRole('button', { name: 'grok-4.7' }).click();
    const select = ({ provider, model }) => provider === 'grok' && model === 'grok-4.7';
    const sums = book.sums(select);
    await showing(page, sums.requests);
    await listed('a model', select);
    assert.equal(await shown(page, 'total-cost'), usd(sums.ticks));
    assert.equal(await shown(page, 'total-tokens-out'), grouped(sums.tokensOut));
    await page.reload();
    await showing(page, sums.requests);
    await listed('a model, still', select);
    await page.locator('#model').selectOption('');
    await page.locator('#provider').selectOption(SCRIPTED);
    await listed('a provider', ({ provider }) => provider === SCRIPTED);
    await page.locator('#clear').click();
    await showing(page, book.entries.length);
    await all();
  });

  await check('a filter that nothing meets says so', async () => {
    await page.locator('#event-id').fill('no-such-event');
    await page.locator('#nothing').waitFor();
    assert.equal(await page.locator('#rows').isVisible(), false);
    await clear();
  });

  await check('other ranges count the same, in other steps', async () => {
    for (const [label, bars] of [['1 h', 60], ['24 h', 48], ['7 d', 56], ['15 min', 30]]) {
      const answer = page.waitForResponse((response) => {
        const { pathname, searchParams } = new URL(response.url());
        const [from, to, bucket] = ['from', 'to', 'bucket'].map((name) => Number(searchParams.get(name)));
        return pathname.endsWith('/summary') && (to - from) / bucket === bars;
      });
      await page.locator('#ranges').getByText(label, { exact: true }).click();
      const { buckets } = await (await answer).json();
      assert.equal(buckets.length, bars);
      await showing(page, book.entries.length);
    }
  });

  const row = page.locator(`#rows tr[data-id="${searched.id}"]`);
  const fact = (name) => page.locator('#detail dt', { hasText: new RegExp(`^${name}$`) }).locator('+ dd').first().textContent();

  await check('a click on a row shows everything about it', async () => {
    await row.click();
    await page.locator('#detail h3').first().waitFor();
    assert.equal(await page.locator('#detail-title').textContent(), 'POST /v1/acct/gw/grok/chat/completions');
    assert.equal(await shown(page, 'detail-cost'), usd(searched.ticks));
    assert.equal(await shown(page, 'detail-tokens-in'), grouped(searched.tokensIn));
    assert.equal(await shown(page, 'detail-tokens-out'), grouped(searched.tokensOut));
    assert.equal(await fact('Source'), 'the provider, in the response');
    assert.equal(await fact('Event id'), 'event-of-the-search-team');
    assert.equal(await fact('team'), 'search');
    assert.equal(await fact('seat'), '7');
    assert.equal(await fact('trial'), 'true');
    assert.equal(await fact('Account'), 'acct');
    const record = await gateway.json(`/dashboard/api/logs/${searched.id}`);
    assert.equal(await fact('of them reasoning'), grouped(record.usage_metadata.reasoning));
    const own = duration(await fact('Gateway’s own share'));
    assert.ok(own.value > 0 && Math.abs(own.value - record.timings.overhead) <= own.slack, `${own.value}`);
    const widths = await page.locator('.phases rect').evaluateAll((all) => all.map((one) => one.width.baseVal.value));
    assert.ok(Math.abs(widths.reduce((sum, width) => sum + width) - 1000) < 0.01, String(widths));
    assert.ok(Math.abs(widths[0] / 1000 - record.timings.to_head / record.duration) < 1e-4);
    await page.keyboard.press('Escape');
    await page.locator('#detail').waitFor({ state: 'hidden' });
  });

  await check('thumbs are kept, and taken back', async () => {
    const feedback = async () => (await gateway.json(`/dashboard/api/logs/${searched.id}`)).feedback;
    const pressed = () => page.locator('.thumb').evaluateAll((all) => all.map((one) => one.getAttribute('aria-pressed')).join());
    const open = async () => {
      await row.locator('.opens').focus();
      await page.keyboard.press('Enter');
      await page.locator('.thumb').first().waitFor();
    };
    await open();
    for (const [name, value, marks] of [['Good', 1, 'true,false'], ['Bad', -1, 'false,true']]) {
      await page.getByRole('button', { name, exact: true }).click();
      await until(`${name} is kept`, async () => (await feedback()) === value && (await pressed()) === marks);
    }
    await page.reload();
    await showing(page, book.entries.length);
    await open();
    assert.equal(await pressed(), 'false,true');
    await page.getByRole('button', { name: 'Bad', exact: true }).click();
    await until('it is taken back', async () => (await feedback()) === null && (await pressed()) === 'false,false');
    await page.getByRole('button', { name: 'Close' }).click();
    assert.equal(await row.locator('.opens').evaluate((button) => document.activeElement === button), true);
  });

  await check('a stream without usage says how to have it told', async () => {
    const silent = book.entries.find(({ kind, stream, tokensIn }) => kind === 'ok' && stream && tokensIn === null);
    for (const [entry, count] of [[silent, 1], [searched, 0]]) {
      await page.locator(`#rows tr[data-id="${entry.id}"]`).click();
      await page.locator('#detail-duration').waitFor();
      assert.equal(await page.locator('#detail', { hasText: '--ask-for-usage' }).count(), count);
      await page.keyboard.press('Escape');
    }
  });

  await check('sources of costs are named', async () => {
    const priced = book.entries.find(({ ticks }) => ticks === 162_000);
    await page.locator(`#rows tr[data-id="${priced.id}"]`).click();
    await page.locator('#detail-cost').waitFor();
    assert.equal(await shown(page, 'detail-cost'), '$0.0000162');
    assert.equal(await fact('Source'), 'the request, by cf-aig-custom-cost');
    await page.keyboard.press('Escape');
  });

  const refused = async (count) => {
    for (let sent = 0; sent < count; sent += 10) {
      await Promise.all(Array.from({ length: 10 }, () =>
        book.refusedBy('rejected', 400, 'nobody', 'chat/completions', {}, { provider: null, model: null })));
    }
    await book.written();
  };

  await check('older entries follow on demand', async () => {
    await refused(60);
    await page.reload();
    await showing(page, book.entries.length);
    assert.equal((await rows()).length, 50);
    while (await page.locator('#older').isVisible()) {
      const before = (await rows()).length;
      await page.locator('#older').click();
      await until('there are more', async () => (await rows()).length > before);
    }
    assert.deepEqual(await rows(), ids(book.entries));
  });

  await check('no gap is left where more entries came than are asked for at once', async () => {
    await refused(60);
    await nudge(page);
    await showing(page, book.entries.length);
    const newest = await gateway.json('/dashboard/api/logs?limit=50');
    await until('the newest page alone', async () => JSON.stringify(await rows()) === JSON.stringify(ids(newest.logs)));
    assert.deepEqual(faults, []);
  });
  await context.close();
}
