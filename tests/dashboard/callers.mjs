// Who was calling, where signed tokens say it.

import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { open, texts } from './browser.mjs';
import { Gateway } from './gateway.mjs';
import { check, until } from './harness.mjs';
import { shown, showing } from './numbers.mjs';

const ISSUER = 'https://issuer.example';
const CONFIG = `
unknown_gateways = "serve"

[identity.jwt]
issuer = "${ISSUER}"
audience = "gateway"
jwks_file = "jwks.json"
labels = { team = "team" }
`;

const encode = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

function issuer(folder) {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const key = { ...publicKey.export({ format: 'jwk' }), kid: 'a', alg: 'EdDSA', use: 'sig' };
  writeFileSync(join(folder, 'jwks.json'), JSON.stringify({ keys: [key] }));
  return (sub, team) => {
    const exp = Math.floor(Date.now() / 1000) + 600;
    const text = `${encode({ alg: 'EdDSA', kid: 'a' })}.${encode({ iss: ISSUER, aud: 'gateway', exp, sub, team })}`;
    return `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`;
  };
}

export async function checkCallers(browser, { binary, folder }) {
  const tokenOf = issuer(folder);
  const config = join(folder, 'gateway.toml');
  writeFileSync(config, CONFIG);
  const gateway = await Gateway.start(binary, ['--mock', '--config', config, '--log-db', join(folder, 'callers.db')]);
  for (const [subject, team] of [['ada', 'search'], ['ada', 'search'], ['ada', 'search'], ['bob', 'search'], ['eve', 'ads'], ['eve', 'ads']]) {
    const { status, text } = await gateway.ask('/v1/acct/gw/grok/chat/completions', {
      method: 'POST', body: '{"model":"grok-4.3","messages":[{"role":"user","content":"hello"}]}',
      headers: { authorization: 'Bearer test-key', 'content-type': 'application/json', 'cf-access-jwt-assertion': tokenOf(subject, team) },
    });
    assert.equal(status, 200, text);
  }
  const { page, context, faults } = await open(browser, `${gateway.admin}/dashboard?range=15m`);
  // The first two cells of each row: who it is, and how many requests.
  const rows = async (table) => {
    const found = await page.locator(`#${table} tbody tr`).all();
    return Promise.all(found.map(async (row) => (await texts(row.locator('th, td'))).slice(0, 2).join(' ')));
  };
  const become = async (table, expected) =>
    until(`${table} has ${expected}`, async () => (await rows(table)).join() === expected);

  await check('the rows by subject are those who have called, the busiest first', async () => {
    await showing(page, 6);
    await become('subjects', 'ada 3,eve 2,bob 1');
    assert.ok(!(await page.locator('#labels-part').isVisible()), 'nobody has asked for a label');
  });

  await check('the rows by label are those of the label that is asked for', async () => {
    await page.locator('#by-label').fill('team');
    await page.locator('#by-label').press('Enter');
    await become('labels', 'search 4,ads 2');
    assert.equal(await shown(page, 'labels-name'), 'team');
  });

  await check('a click on a label and on a subject shows their requests alone', async () => {
    await page.locator('#labels').getByRole('button', { name: 'search' }).click();
    await showing(page, 4);
    await become('subjects', 'ada 3,bob 1');
    await page.locator('#subjects').getByRole('button', { name: 'bob' }).click();
    await showing(page, 1);
    await become('subjects', 'bob 1');
    await become('labels', 'search 1');
    assert.deepEqual(faults, []);
  });
  await context.close();
  await gateway.stop();
}
