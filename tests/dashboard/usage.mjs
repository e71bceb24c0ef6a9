// Streams whose clients do not ask for usage.

import assert from 'node:assert/strict';

import { Gateway } from './gateway.mjs';
import { check, until } from './harness.mjs';

export async function checkUsage({ binary, database }) {
  await check('where the gateway asks for usage it is logged, and the client does not see it', async () => {
    const gateway = await Gateway.start(binary, ['--mock', '--ask-for-usage', '--log-db', database]);
    const { text, headers } = await gateway.ask('/v1/acct/gw/grok/chat/completions', {
      method: 'POST', headers: { authorization: 'Bearer test-key', 'content-type': 'application/json' },
      body: '{"model":"grok-4.3","stream":true,"messages":[{"role":"user","content":"hello"}]}',
    });
    assert.ok(text.endsWith('data: [DONE]\n\n') && !text.includes('usage'), text);
    const path = `/dashboard/api/logs/${headers['cf-aig-log-id']}`;
    await until('it is logged', async () => (await gateway.ask(path)).status === 200);
    const { tokens_in: input, tokens_out: output, cost_ticks: ticks } = await gateway.json(path);
    assert.ok(input > 0 && output > 0 && ticks > 0, [input, output, ticks].join());
    assert.equal(await gateway.stop(), 0);
  });
}
