// A log without entries, and a gateway that is gone.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { nudge, open } from './browser.mjs';
import { Gateway } from './gateway.mjs';
import { check, until } from './harness.mjs';
import { showing } from './numbers.mjs';

export async function checkStates(browser, { binary, database }) {
  await check('an empty log tells how to fill it, and the command does', async () => {
    const gateway = await Gateway.start(binary, ['--mock', '--log-db', database]);
    const { page, context, faults } = await open(browser, `${gateway.admin}/dashboard`);
    await page.locator('#empty').waitFor();
    await until('the command', async () => (await page.locator('#empty-command').textContent()).includes('curl'));
    assert.equal(await page.locator('#empty-title').textContent(), 'No requests in the last hour');
    assert.equal(await page.locator('#overview').isVisible() || await page.locator('#log').isVisible(), false);
    const command = await page.locator('#empty-command').textContent();
    const { stdout } = await promisify(execFile)('bash', ['-c', command], { env: { PATH: process.env.PATH, XAI_API_KEY: 'test-key' }, timeout: 20_000 });
    assert.match(stdout, /data: \[DONE\]/);
    await nudge(page);
    await showing(page, 1);
    assert.equal(await page.locator('#empty').isVisible(), false);
    assert.deepEqual(faults, []);
    await context.close();
    assert.equal(await gateway.stop(), 0);
  });
}

export async function checkStopped(browser, gateway) {
  await check('a gateway that does not answer is told in plain words, until it does', async () => {
    const { page, context } = await open(browser, `${gateway.admin}/dashboard`);
    await until('numbers', async () => (await page.locator('#total-requests').textContent()) !== '–');
    await page.route('**/dashboard/api/**', (route) => route.abort('connectionrefused'));
    await nudge(page);
    await page.locator('#problem').waitFor();
    assert.equal(await page.locator('#problem').textContent(),
      'The gateway does not answer. It may have been stopped; this page goes on trying.');
    await page.unroute('**/dashboard/api/**');
    await nudge(page);
    await page.locator('#problem').waitFor({ state: 'hidden' });
    await page.route('**/dashboard/api/summary*', (route) => route.fulfill({ status: 500, body: 'no' }));
    await nudge(page);
    await page.locator('#problem').waitFor();
    assert.equal(await page.locator('#problem').textContent(), 'The log could not be read (status 500).');
    await context.close();
  });
}
