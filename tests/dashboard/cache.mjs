// What the cache is worth, and the button that purges it.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { nudge, open } from './browser.mjs';
import { HOSTILE } from './exchanges.mjs';
import { Gateway } from './gateway.mjs';
import { check, until } from './harness.mjs';
import { standsOut } from './looks.mjs';
import { showing } from './numbers.mjs';

const CONFIG = `
[gateways.gw]
account = "acct"
[gateways.gw.cache]
ttl_seconds = 3600
`;

const TEXTS = ['#cache h2', '#cache .note >> nth=0', '#cache-rate', '#cache-cost', '#cache-hits', '#purge label >> nth=0', '#purge-now'];

export async function checkCache(browser, { binary, folder, pictures }) {
  const config = join(folder, 'cache.toml');
  writeFileSync(config, CONFIG);
  const gateway = await Gateway.start(binary, ['--mock', '--config', config, '--log-db', join(folder, 'cache.db')]);
  const chat = async (content = 'hello') => (await gateway.ask('/v1/acct/gw/grok/chat/completions', {
    method: 'POST', body: JSON.stringify({ model: 'grok-4.3', messages: [{ role: 'user', content }] }),
    headers: { authorization: 'Bearer test-key', 'content-type': 'application/json' },
  })).headers['cf-aig-cache-status'];
  const cache = () => gateway.json('/dashboard/api/cache');
  const statuses = [];
  for (const content of ['hello', 'hello', 'hello', 'hello', 'bye']) statuses.push(await chat(content));
  const { page, context, faults, foreign } = await open(browser, `${gateway.admin}/dashboard?range=15m`);
  const text = (id) => page.locator(`#cache-${id}`).textContent();
  const said = () => page.locator('#purge-said').textContent();
  const button = page.locator('#purge-now');
  const choose = async (what, fields = {}) => {
    await page.locator('#purge-what').selectOption(what);
    for (const [name, value] of Object.entries(fields)) await page.locator(`#purge-${name}`).fill(value);
  };
  const purge = async () => {
    await button.click();
    assert.match(await button.textContent(), /^Really purge .+\?$/);
    await button.click();
    await until('the purge is done', async () => (await said()).startsWith('Purged: '));
  };

  await check('the dashboard says what the cache is worth', async () => {
    assert.deepEqual(statuses, ['MISS', 'HIT', 'HIT', 'HIT', 'MISS']);
    await showing(page, 5);
    await page.locator('#cache').waitFor();
    assert.deepEqual([await text('rate'), await text('hits'), await text('misses'), await text('entries')], ['60%', '3', '2', '2']);
    const { saved_tokens: tokens, saved_cost_ticks: ticks, bytes } = await cache();
    assert.ok(tokens > 0 && ticks > 0 && bytes > 0);
    assert.equal(await text('tokens'), tokens.toLocaleString('en-US'));
    assert.match(await text('cost'), /^\$0\.0\d+$/);
    assert.match(await text('bytes'), /^\d[\d.]* (B|KiB)$/);
    assert.equal(await text('failures'), '0');
  });

  await check('a record of the cache says what was saved', async () => {
    await page.locator('#rows tbody tr', { hasText: 'cached' }).first().click();
    const detail = page.locator('#detail');
    await detail.locator('dt', { hasText: 'Saved by it' }).waitFor();
    const facts = await detail.locator('.facts').allTextContents();
    assert.ok(facts.some((all) => /HIT/.test(all) && /\d tokens, \$0\.0\d+/.test(all)), `${facts}`);
    assert.ok(facts.some((all) => /Key of the entry[0-9a-f]{80}/.test(all)), `${facts}`);
    await page.keyboard.press('Escape');
  });

  await check('a purge asks once more, and forgets what is named', async () => {
    await choose('gateway');
    assert.ok(await page.locator('#purge-gateway').isVisible() && !(await page.locator('#purge-name').isVisible()));
    await button.click();
    assert.equal(await said(), 'A gateway is needed.');
    await choose('model', { account: 'acct', gateway: 'gw', name: 'grok-4' });
    await purge();
    assert.equal(await chat(), 'HIT');
    await choose('model', { name: 'grok-4.3' });
    await button.click();
    await page.locator('#purge-name').fill('grok-4.3 ');
    assert.equal(await button.textContent(), 'Purge', 'another name is to be asked for again');
    assert.equal(await chat(), 'HIT');
    await purge();
    assert.equal(await said(), 'Purged: grok-4.3 of acct/gw');
    assert.equal(await chat(), 'MISS');
    assert.equal(await chat(), 'HIT');
    await choose('everything');
    assert.ok(!(await page.locator('#purge-gateway').isVisible()));
    await purge();
    assert.equal(await chat(), 'MISS');
    await until('each purge is told', () => gateway.said.split('the cache was purged').length === 4);
  });

  await check('one answer is purged by the key that its record shows', async () => {
    const { logs: [{ cache_entry: entry }] } = await gateway.json('/dashboard/api/logs?limit=1');
    assert.match(entry, /^[0-9a-f]{80}$/);
    assert.equal(await chat(), 'HIT');
    await choose('entry', { account: 'acct', gateway: 'gw', name: entry });
    await purge();
    assert.equal(await chat(), 'MISS');
  });

  await check('a name that is no key is refused in words, and a hostile one stays text', async () => {
    await choose('entry', { account: 'acct', gateway: 'gw', name: '12' });
    await button.click();
    await button.click();
    await until('it says why', async () => (await said()).includes('80 hexadecimal digits'));
    await choose('key', { name: HOSTILE.attribute });
    await purge();
    assert.equal(await page.evaluate(() => window.pwned), undefined);
    assert.equal(await page.locator('#cache img, #cache a, [onerror]').count(), 0);
    // The browser tells its console of the refusal.
    assert.deepEqual(faults.splice(0).filter((fault) => !fault.includes('status of 400')), []);
  });

  await check('a cache that others share can be purged before it is used here', async () => {
    const unused = { ...await cache(), entries: null, bytes: null, evicted: null, hits: 0, stale: 0, misses: 0, bypasses: 0 };
    await page.route('**/dashboard/api/cache', (route) => route.fulfill({ json: unused }));
    await nudge(page);
    await until('it is shown', async () => await text('misses') === '0');
    assert.ok(await button.isVisible());
    await page.unroute('**/dashboard/api/cache');
  });

  await check('all texts of the cache stand out from their ground', async () => {
    await nudge(page);
    await standsOut(page, TEXTS, { pictures, name: 'cache' });
    assert.deepEqual([faults, foreign], [[], []]);
  });
  await context.close();
  await gateway.stop();
}
