// node suite.mjs GATEWAY CHROMIUM PICTURES

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { checkAccess } from './access.mjs';
import { launch } from './browser.mjs';
import { checkCache } from './cache.mjs';
import { checkCallers } from './callers.mjs';
import { Book } from './exchanges.mjs';
import { checkFormat } from './format.mjs';
import { Gateway } from './gateway.mjs';
import { check, finish } from './harness.mjs';
import { checkHostile } from './hostile.mjs';
import { checkLimits } from './limits.mjs';
import { checkLog } from './log.mjs';
import { checkLooks } from './looks.mjs';
import { checkNumbers } from './numbers.mjs';
import { startProvider } from './provider.mjs';
import { checkStates, checkStopped } from './states.mjs';
import { trade } from './traffic.mjs';
import { checkUsage } from './usage.mjs';

const [binary, chromium, pictures] = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), 'dashboard-'));
const browser = await launch(chromium);
const provider = await startProvider();
const database = join(folder, 'gateway.db');
const gateway = await Gateway.start(binary, [
  '--mock', '--log-db', database, '--client-controls', 'all',
  '--provider', `local=${provider.url}`, '--provider', 'dead=http://127.0.0.1:1/v1',
]);
const book = new Book(gateway);

try {
  await checkFormat();
  await checkStates(browser, { binary, database: join(folder, 'empty.db') });
  await check('exchanges of every kind are sent and logged', () => trade(book));
  await checkNumbers(browser, book);
  await checkLooks(browser, book, pictures);
  await checkLog(browser, book);
  await checkHostile(browser, book);
  await checkStopped(browser, gateway);
  await check('stopping writes all that is queued', async () => {
    assert.equal(await gateway.stop(), 0);
    const told = `"${book.entries.length} log records written"`;
    assert.ok(gateway.said.includes(told), gateway.said.slice(-500));
  });
  await checkAccess(browser, book, { binary, database });
  await checkUsage({ binary, database });
  await checkCallers(browser, { binary, folder });
  await checkLimits(browser, { binary, folder, pictures });
  await checkCache(browser, { binary, folder, pictures });
} catch (error) {
  await check('the suite runs to its end', () => { throw error; });
} finally {
  await browser.close();
  provider.stop();
  rmSync(folder, { recursive: true, force: true });
}
process.exit(finish());
