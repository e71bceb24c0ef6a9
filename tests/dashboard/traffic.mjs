// One exchange of every kind, some of them several times.

import assert from 'node:assert/strict';

import { chunk, completion } from './exchanges.mjs';

const hello = { messages: [{ role: 'user', content: 'What is a gateway?' }] };
const streamed = { ...hello, stream: true, stream_options: { include_usage: true } };

export async function trade(book) {
  const { gateway } = book;
  const listed = await gateway.ask('/v1/acct/gw/grok/v1/models/grok-4.3', { headers: { authorization: 'Bearer test-key' } });
  const prices = JSON.parse(listed.text);
  book.entries.push({ id: listed.headers['cf-aig-log-id'], provider: 'grok', model: null, kind: 'ok', status: 200, stream: false, tokensIn: null, tokensOut: null, ticks: null });

  const long = { messages: [{ role: 'user', content: 'tell me more '.repeat(60) }] };
  const team = { 'cf-aig-metadata': '{"team":"search","seat":7,"trial":true}', 'cf-aig-event-id': 'event-of-the-search-team' };
  await Promise.all([
    book.standIn('grok-4.3', 'chat/completions', hello, { headers: team }),
    book.standIn('grok-4.3', 'chat/completions', long),
    book.standIn('grok-4', 'chat/completions', hello),
    book.standIn('grok-4.7', 'chat/completions', hello, { headers: { 'cf-aig-metadata': '{"team":"ads"}' } }),
    book.standIn('grok-4.3', 'chat/completions', streamed),
    book.standIn('grok-4.7', 'chat/completions', streamed),
    book.standIn('grok-4.3', 'responses', { input: 'hello' }),
    book.standIn('grok-4.3', 'responses', { input: 'hello', stream: true }),
    book.standIn('grok-4.3', 'messages', { ...long, max_tokens: 50 }, { prices }),
    book.standIn('grok-4.3', 'messages', { ...hello, max_tokens: 50, stream: true }, { prices }),
    book.standIn('grok-embedding-small', 'embeddings', { input: 'hello' }),
    image(book),
  ]);

  // What the client says it costs goes before what the provider says: here, less than a cent by far.
  const custom = { headers: { 'cf-aig-custom-cost': '{"total_cost":0.0000162}' } };
  await book.scripted('custom', { json: completion('custom', 5) }, { tokensIn: 7, tokensOut: 5, ticks: 162_000 }, custom);
  await book.scripted('one-tick', { json: completion('one-tick', 1) }, { tokensIn: 7, tokensOut: 5, ticks: 1 });

  await book.refusedBy('error', 404, 'grok', 'chat/completions', { model: 'someone-elses', ...hello }, { model: 'someone-elses' });
  await book.refusedBy('error', 422, 'grok', 'chat/completions', { model: 'grok-4.3' }, { model: 'grok-4.3' });
  await book.refusedBy('error', 502, 'dead', 'chat/completions', { model: 'unreachable', ...hello }, { provider: 'custom-dead', model: null });
  await book.scripted('rated', { status: 429, json: { error: { message: 'slow down', code: 'rate_limited' } } }, { kind: 'error' });
  await book.scripted('broken', { events: [chunk('broken', 'Hel')], then: 'break' }, { kind: 'error' });
  await book.refusedBy('rejected', 400, 'nobody', 'chat/completions', hello, { provider: null, model: null });
  await book.refusedBy('rejected', 400, 'grok', 'chat/completions', { model: 'grok-4.3', ...hello }, { model: null }, { headers: { 'cf-aig-cache-ttl': '7' } });
  await (await book.left('left'))();
  await book.written();
  assert.ok(book.entries.every(({ id }) => /^[0-9a-f-]{36}$/.test(id)));
}

async function image(book) {
  const entry = await book.standIn('grok-imagine-image', 'images/generations', { prompt: 'a gate', n: 2 });
  // Its answer names no model: the request's counts.
  entry.model = 'grok-imagine-image';
  assert.equal(entry.ticks, 400_000_000);
}
