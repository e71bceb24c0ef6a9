// How near their end limits are, and whose use that is.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { nudge, open, texts } from './browser.mjs';
import { HOSTILE } from './exchanges.mjs';
import { Gateway } from './gateway.mjs';
import { check, until } from './harness.mjs';
import { standsOut } from './looks.mjs';
import { showing } from './numbers.mjs';

const CONFIG = `
[gateways.gw]
account = "acct"
[[gateways.gw.limit]]
name = "per-team"
requests = 3
per = "month"
by = ["metadata:team"]
[[gateways.gw.limit]]
name = "spend"
usd = 50.0
per = "month"
[[gateways.gw.limit]]
name = "trial"
tokens = 10
per = "month"
shadow = true
max_output = 1
`;

const TEXTS = ['#limits h2', '#limits .note >> nth=0', '#limits-refused', '#limits tbody th >> nth=0', '#limits .tag:visible >> nth=0',
  '#limits .allowed >> nth=0', '#limits .used span >> nth=0', '#limits .used span >> nth=2', '#limits .users li >> nth=0', '#limits .number >> nth=0'];

export async function checkLimits(browser, { binary, folder, pictures }) {
  const config = join(folder, 'limits.toml');
  writeFileSync(config, CONFIG);
  const gateway = await Gateway.start(binary, ['--mock', '--config', config, '--log-db', join(folder, 'limits.db')]);
  const chat = async (team) => (await gateway.ask('/v1/acct/gw/grok/chat/completions', {
    method: 'POST', body: '{"model":"grok-4.3","messages":[{"role":"user","content":"hello"}]}',
    headers: { authorization: 'Bearer test-key', 'content-type': 'application/json', 'cf-aig-metadata': JSON.stringify({ team }) },
  })).status;
  const statuses = [];
  for (const team of ['search', 'search', 'search', 'search', 'ads', HOSTILE.attribute]) statuses.push(await chat(team));
  const { page, context, faults, foreign } = await open(browser, `${gateway.admin}/dashboard?range=15m`);
  const row = (name) => page.locator('#limit-rows tbody tr', { hasText: name });
  const cells = async (name) => texts(row(name).locator('th, td'));

  await check('the limits stand on the page, those near their end first, with who uses them', async () => {
    assert.deepEqual(statuses, [200, 200, 200, 429, 200, 200]);
    await showing(page, 6);
    await page.locator('#limits').waitFor();
    assert.equal((await texts(page.locator('#limit-rows tbody th span:first-child'))).at(-1), 'spend');
    const [, where, allowed, used, , refused, would, failures] = await cells('per-team');
    assert.deepEqual([where, allowed, used, refused, would, failures], ['acct/gw', '3 requests per month', '100%', '1', '0', '0']);
    assert.equal(await row('per-team').locator('meter').evaluate((meter) => meter.value), 1);
    assert.equal((await texts(row('per-team').locator('li')))[0], 'search: 3 requests (100%)');
    const trial = await cells('trial');
    assert.ok(await row('trial').locator('.tag').isVisible() && !(await row('per-team').locator('.tag').isVisible()));
    assert.ok(Number(trial[6]) > 0, `${trial}`);
    assert.match((await cells('spend'))[4], /^all: \$0\.\d+ \(\d/);
    assert.equal(await page.locator('#limits-refused').textContent(), '1');
    assert.equal(await page.locator('#limits-would-refuse').textContent(), trial[6]);
    assert.equal(await page.locator('#limits-store-failures').textContent(), '0');
  });

  await check('a hostile name among the users stays text', async () => {
    assert.ok((await texts(row('per-team').locator('li'))).includes(`${HOSTILE.attribute}: 1 request (33.3%)`));
    assert.equal(await page.evaluate(() => window.pwned), undefined);
    assert.equal(await page.locator('#limits img, #limits a, [onerror]').count(), 0);
  });

  await check('a reset is on the page at the next look', async () => {
    const { status } = await gateway.ask('/dashboard/api/limits/reset', {
      method: 'POST', headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ account: 'acct', gateway: 'gw', rule: 'per-team', values: ['search'] }),
    });
    assert.equal(status, 200);
    await nudge(page);
    await until('the reset shows', async () => (await cells('per-team'))[3] === '33.3%');
    assert.equal(await chat('search'), 200);
    for (let number = 0; number < 2; number += 1) await chat('search');
    await nudge(page);
    await until('it is full again', async () => (await cells('per-team'))[3] === '100%');
  });

  await check('all texts of the limits stand out from their ground', async () => {
    await standsOut(page, TEXTS, { pictures, name: 'limits' });
    assert.deepEqual([faults, foreign], [[], []]);
  });
  await context.close();
  await gateway.stop();
}
