// The OpenAI SDK for JavaScript at gateways that ask for a token.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import {
  COMPAT, GROK_KEY, NATIVE, REST, TOKEN, ask, control, entry, keyFor, newNonce, securedEach,
} from './harness.mjs';

securedEach('wrong token', {
  native: [NATIVE, 'grok-4'], compat: [COMPAT, 'xai/grok-4'], rest: [`${REST}/v1`, 'grok/grok-4'],
}, async ([baseURL, model]) => {
  for (const token of [`${TOKEN}x`, TOKEN.slice(0, -1), TOKEN.toUpperCase(), null]) {
    const nonce = newNonce();
    const bodies = [];
    const reading = async (url, init) => {
      const reply = await fetch(url, init);
      bodies.push(await reply.clone().json());
      return reply;
    };
    const api = new OpenAI({
      apiKey: keyFor(GROK_KEY, token), baseURL, maxRetries: 2, fetch: reading,
      defaultHeaders: entry(token),
    });
    const pending = api.chat.completions.create({ model, messages: ask(nonce) });
    const error = await pending.catch((e) => e);
    assert.equal(error.constructor, OpenAI.AuthenticationError);
    assert.match(error.message, /This gateway requires a token/);
    assert.deepEqual([error.status, error.code], [401, 'invalid_gateway_token']);
    assert.deepEqual(bodies.map((body) => body.gateway.code), [2009]);
    assert.ok(!JSON.stringify(bodies).includes(TOKEN), 'the message shows the token');
    assert.deepEqual(await control('/_seen', { nonce }), []);
  }
});
