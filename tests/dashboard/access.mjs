// Who may see the page.

import assert from 'node:assert/strict';

import { open } from './browser.mjs';
import { Gateway } from './gateway.mjs';
import { check, until } from './harness.mjs';
import { usd } from './money.mjs';
import { shown, showing } from './numbers.mjs';

const PATHS = ['/dashboard', '/dashboard/app.js', '/dashboard/style.css', '/dashboard/api/live', '/dashboard/api/logs', '/dashboard/api/summary'];
const POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
  + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const TOKEN = 'test-admin-token';

export async function checkAccess(browser, book, { binary, database }) {
  const patch = (gateway, headers) => gateway.ask(`/dashboard/api/logs/${book.entries[0].id}`, {
    method: 'PATCH', headers, body: '{"score":0.5}',
  });

  await check('without a token, only this machine under its own name is let in', async () => {
    const gateway = await Gateway.start(binary, ['--mock', '--log-db', database]);
    const port = new URL(gateway.admin).port;
    for (const path of PATHS) {
      const statuses = {};
      for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`, `rebound.example:${port}`, 'localhost.rebound.example']) {
        const { status, headers } = await gateway.ask(path, { headers: { host } });
        statuses[host.replace(`:${port}`, '')] = status;
        assert.equal(headers['content-security-policy'], POLICY);
        assert.equal(headers['x-content-type-options'], 'nosniff');
        assert.equal(headers['referrer-policy'], 'no-referrer');
        assert.equal(headers['cache-control'], 'no-store');
      }
      assert.deepEqual(statuses, { localhost: 200, '127.0.0.1': 200, '[::1]': 200, 'rebound.example': 403, 'localhost.rebound.example': 403 }, path);
      for (const name of ['x-forwarded-for', 'forwarded']) {
        assert.equal((await gateway.ask(path, { headers: { [name]: '127.0.0.1' } })).status, 403);
      }
    }
    const { status, headers } = await gateway.ask('/dashboard/');
    assert.deepEqual([status, headers.location], [308, '/dashboard']);
    assert.equal((await patch(gateway, { 'content-type': 'application/json' })).status, 200);
    assert.equal((await patch(gateway, { 'content-type': 'text/plain' })).status, 403);
    assert.equal((await patch(gateway, { 'content-type': 'application/json', 'sec-fetch-site': 'cross-site' })).status, 403);
    await gateway.stop();
  });

  await check('a page of another site can neither read nor write, whatever it tries', async () => {
    const gateway = await Gateway.start(binary, ['--mock', '--log-db', database]);
    const { page, context } = await open(browser, `${gateway.origin}/healthz`);
    // The same server by another name is another site to the browser.
    const target = gateway.admin.replace('127.0.0.1', 'localhost');
    const tried = await page.evaluate(async ([url, id]) => {
      const attempt = (options) => fetch(`${url}/dashboard/api/logs/${id}`, options).then((response) => response.type, () => 'refused');
      return [
        await attempt({}),
        await attempt({ method: 'PATCH', headers: { 'content-type': 'application/json' }, body: '{"score":9}' }),
        await attempt({ method: 'PATCH', body: '{"score":9}' }),
      ];
    }, [target, book.entries[0].id]);
    assert.deepEqual(tried, ['refused', 'refused', 'refused']);
    assert.equal((await gateway.json(`/dashboard/api/logs/${book.entries[0].id}`)).score, 0.5);
    await context.close();
    await gateway.stop();
  });

  await check('with a token, everybody needs it, and a browser asks for it', async () => {
    const gateway = await Gateway.start(binary, ['--mock', '--log-db', database], { GATEWAY_ADMIN_TOKEN: TOKEN });
    for (const path of PATHS) {
      const without = await gateway.ask(path);
      assert.equal(without.status, 401);
      assert.equal(without.headers['www-authenticate'], 'Basic realm="gateway admin"');
      assert.equal(without.headers['content-security-policy'], POLICY);
      const basic = (password) => `Basic ${Buffer.from(`me:${password}`).toString('base64')}`;
      for (const [authorization, status] of [
        [`Bearer ${TOKEN}`, 200], [basic(TOKEN), 200], [`Bearer ${TOKEN}x`, 401], [basic(''), 401],
      ]) {
        const answer = await gateway.ask(path, { headers: { authorization, host: 'gateway.example' } });
        assert.equal(answer.status, status, `${path} ${authorization}`);
      }
    }
    const { page, context, faults } = await open(browser, `${gateway.admin}/dashboard?range=1h`, { httpCredentials: { username: 'me', password: TOKEN } });
    // The log has outlived the gateway that wrote it.
    await showing(page, book.entries.length);
    assert.equal(await shown(page, 'total-cost'), usd(book.sums().ticks));
    await page.locator('#rows tbody .opens').first().click();
    await page.getByRole('button', { name: 'Good', exact: true }).click();
    await until('feedback is saved', async () => (await page.locator('.feedback [role=status]').textContent()) === 'Saved');
    assert.deepEqual(faults, []);
    await context.close();
    await gateway.stop();
    assert.ok(!gateway.said.includes(TOKEN), 'the token is in no log');
  });
}
