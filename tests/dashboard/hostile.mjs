// Texts from requests that would like to be scripts.

import assert from 'node:assert/strict';

import { open, texts } from './browser.mjs';
import { HOSTILE, chunk, completion } from './exchanges.mjs';
import { check, until } from './harness.mjs';
import { usd } from './money.mjs';
import { shown, showing } from './numbers.mjs';

const HEADERS = {
  'cf-aig-metadata': JSON.stringify({ [HOSTILE.script]: HOSTILE.attribute, [HOSTILE.link]: HOSTILE.link }),
  'cf-aig-event-id': HOSTILE.eventId,
  'cf-aig-collect-log-payload': 'true',
  'user-agent': HOSTILE.attribute,
};

export async function checkHostile(browser, book) {
  const { gateway } = book;
  const events = [{ ...chunk(HOSTILE.link, HOSTILE.script) }, '[DONE]'];
  const path = '/v1/acct/gw/custom-local/"><img%20src=x%20onerror=window.pwned=1>/chat/completions'
    .replaceAll('<', '%3C').replaceAll('>', '%3E');
  const body = { more: { messages: [{ role: 'user', content: HOSTILE.script }] } };
  const huge = { headers: { 'cf-aig-custom-cost': '{"total_cost":1}' } };
  let entry;

  await check('hostile texts are taken in', async () => {
    entry = await book.scripted(HOSTILE.model, { json: completion(HOSTILE.model, 3) },
      { tokensIn: 7, tokensOut: 5, ticks: 3 }, { headers: HEADERS, ...body });
    await book.scripted(HOSTILE.link, { events }, {}, { headers: HEADERS });
    await book.scripted(HOSTILE.attribute, { status: 400, json: { error: { code: HOSTILE.attribute, message: HOSTILE.script } } },
      { kind: 'error' }, { headers: HEADERS });
    await book.scripted(HOSTILE.script, { json: completion(HOSTILE.script, 3) },
      { tokensIn: 7, tokensOut: 5, ticks: 3 }, { headers: HEADERS, path });
    await book.written();
  });

  const { page, context, faults, foreign } = await open(browser, `${gateway.admin}/dashboard?range=15m`);
  await showing(page, book.entries.length);

  await check('hostile names stand on the page as they were sent', async () => {
    const models = await texts(page.locator('#models tbody th:nth-child(2)'));
    for (const name of [HOSTILE.model, HOSTILE.link, HOSTILE.attribute, HOSTILE.script]) {
      assert.ok(models.includes(name), `${name} in ${models}`);
      assert.ok((await texts(page.locator('#model option'))).includes(name));
      assert.ok((await texts(page.locator('#rows .model'))).some((text) => text.startsWith(name)));
    }
  });

  await check('so do they in the details, bodies included', async () => {
    for (const record of book.entries.slice(-4)) {
      await page.locator(`#rows tr[data-id="${record.id}"] .opens`).click();
      await until('the details', async () => (await page.locator('#detail .when code').count()) && (await page.locator('#detail .when code').textContent()) === record.id);
      const all = await page.locator('#detail').textContent();
      for (const text of [HOSTILE.script, HOSTILE.attribute, HOSTILE.link, HOSTILE.eventId]) {
        assert.ok(all.includes(text), `${text} in ${all}`);
      }
      if (record === entry) {
        const bodies = await texts(page.locator('#detail pre'));
        assert.equal(bodies.length, 2);
        assert.ok(bodies.every((text) => text.includes(HOSTILE.script)));
      }
      await page.keyboard.press('Escape');
    }
  });

  await check('a hostile name can be chosen as a filter', async () => {
    await page.locator('#models').getByRole('button', { name: HOSTILE.model, exact: true }).click();
    await showing(page, 1);
    assert.equal(await shown(page, 'total-cost'), usd(3));
    await page.reload();
    await showing(page, 1);
    await page.locator('#event-id').fill(HOSTILE.eventId);
    await page.locator('#metadata-key').fill(HOSTILE.script);
    await page.locator('#metadata-value').fill(HOSTILE.attribute);
    await until('one row', async () => (await page.locator('#rows tbody tr').count()) === 1);
    await page.reload();
    await showing(page, 1);
    assert.equal(await page.locator('#event-id').inputValue(), HOSTILE.eventId);
  });

  await check('nothing of it has become an element, run, or asked for anything', async () => {
    assert.equal(await page.evaluate(() => window.pwned), undefined);
    assert.equal(await page.locator('img, iframe, script:not([src="/dashboard/app.js"]), [onerror], [onload], a').count(), 0);
    assert.deepEqual(faults, []);
    assert.deepEqual(foreign, []);
  });
  await context.close();

  await check('had it become one, the browser would not run it', async () => {
    const { page: other, context: second, faults: seen } = await open(browser, `${gateway.admin}/dashboard`);
    await other.evaluate((html) => { document.body.insertAdjacentHTML('beforeend', html); }, HOSTILE.attribute);
    await until('the browser refuses the handler', () => seen.some((text) => text.includes('violated script-src-attr')));
    await other.evaluate(() => {
      document.body.append(Object.assign(document.createElement('script'), { textContent: 'window.pwned = 1' }));
    });
    assert.equal(await other.evaluate(() => window.pwned), undefined);
    const away = await other.evaluate(() => fetch('http://127.0.0.1:1/').then(() => 'sent', () => 'refused'));
    assert.equal(away, 'refused');
    await until('the browser names the rule', () => seen.some((text) => text.includes('violated connect-src')));
    await second.close();
  });

  await check('a sum beyond what a float holds keeps its last digit', async () => {
    await book.scripted('dear', { json: completion('dear', 0) }, { tokensIn: 7, tokensOut: 5, ticks: 10n ** 10n }, huge);
    // An odd sum: the floats there are even.
    const exact = 2n ** 53n + 1n + book.sums().ticks % 2n;
    const text = JSON.stringify(completion('dear', 'TICKS')).replace('"TICKS"', String(exact));
    await book.scripted('dear', { text }, { tokensIn: 7, tokensOut: 5, ticks: exact });
    await book.written();
    const { page: other, context: second } = await open(browser, `${gateway.admin}/dashboard?range=15m`);
    await showing(other, book.entries.length);
    assert.equal(book.sums().ticks % 2n, 1n);
    assert.equal(await shown(other, 'total-cost'), usd(book.sums().ticks));
    await second.close();
  });
}
