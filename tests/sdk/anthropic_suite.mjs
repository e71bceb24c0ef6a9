// The Anthropic SDK for JavaScript: examples, routes, tools, errors, streams.
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import {
  ANTHROPIC, ANTHROPIC_KEY, GROK, GROK_KEY, NATIVE, NOISE, QUESTION, REST, TOKEN, UUID_V7, UNKNOWN,
  WEATHER, ask, basic, basicEach, bigText, checkAbort, checkIncremental, collect, control, echo,
  entry, keyFor, newNonce, run, securedEach, seen, sentHeader, sha256, storedEach, test, testEach,
} from './harness.mjs';

const BASES = { plain: NATIVE, slash: `${NATIVE}/` };
const UNIFIED = {
  rest_grok: [REST, 'grok/grok'], rest_xai: [REST, 'xai/grok'], rest_slash: [`${REST}/`, 'xai/grok'],
};
const ROUTES = { native: [NATIVE, 'grok'], rest: [REST, 'grok/grok'] };
const TOOLS = [{ name: 'weather', description: 'w', input_schema: WEATHER }];
const ERRORS = {
  bad_request: [400, Anthropic.BadRequestError],
  unauthenticated: [401, Anthropic.AuthenticationError],
  too_many: [429, Anthropic.RateLimitError],
};

function client(baseURL = NATIVE, { defaultHeaders, ...more } = {}) {
  return new Anthropic({
    apiKey: keyFor(GROK_KEY), baseURL, maxRetries: 0, timeout: 25_000,
    defaultHeaders: { ...entry(), ...defaultHeaders }, ...more,
  });
}

function create(api, nonce, model, more = {}) {
  return api.messages.create({ model, max_tokens: 128, messages: ask(nonce), ...more });
}

function example(baseURL, more = {}) {
  const apiKey = keyFor(GROK_KEY);
  const anthropic = new Anthropic({ apiKey, baseURL, defaultHeaders: entry() });
  return anthropic.messages.create({
    model: 'grok-beta',
    max_tokens: 128,
    system: GROK,
    messages: [
      {
        role: 'user',
        content: QUESTION,
      },
    ],
    ...more,
  });
}

const deltas = (events, field = 'text') => events
  .filter((e) => e.type === 'content_block_delta').map((e) => e.delta[field]).join('');

basicEach('example', BASES, async (base) => {
  const { data, response } = await example(base).withResponse();
  assert.equal(data.content[0].text, 'Forty-two, as ever.');
  const facts = await seen({ id: response.headers.get('x-request-id') });
  assert.equal(`${facts.method} ${facts.target}`, 'POST /v1/messages');
  assert.equal(`${facts.provider} ${facts.model}`, 'grok grok-beta');
});

basicEach('example, streaming', BASES, async (base) => {
  const events = await collect(await example(base, { stream: true }));
  assert.equal(deltas(events), 'Forty-two, as ever.');
  assert.equal(events.at(-1).type, 'message_stop');
});

basic('stream helper', async () => {
  const nonce = newNonce();
  const stream = client().messages.stream({ model: 'grok-4', max_tokens: 9, messages: ask(nonce) });
  const message = await stream.finalMessage();
  assert.equal(message.content[0].text, echo(nonce));
  assert.equal(message.usage.output_tokens, 32);
});

basicEach('unified', UNIFIED, async ([base, model]) => {
  const nonce = newNonce();
  const message = await create(client(base), nonce, `${model}-4`);
  assert.equal(message.content[0].text, echo(nonce));
  const facts = await seen({ nonce });
  assert.equal(`${facts.target} ${facts.model}`, '/v1/messages grok-4');
});

basicEach('unified, streaming', UNIFIED, async ([base, model]) => {
  const nonce = newNonce();
  const stream = await create(client(base), nonce, `${model}-4`, { stream: true });
  assert.equal(deltas(await collect(stream)), echo(nonce));
});

basic('models list', async () => {
  const models = await collect(client().models.list());
  assert.deepEqual(models.map((m) => m.id), ['grok-4', 'grok-4-fast']);
});

basic('tool use, plain and streaming', async () => {
  const { content: [block] } = await create(client(), 'x', 'grok-4', { tools: TOOLS });
  assert.deepEqual([block.name, block.input], ['weather', { city: 'Zürich', days: 3 }]);
  const stream = await create(client(), 'x', 'grok-4', { tools: TOOLS, stream: true });
  assert.equal(deltas(await collect(stream), 'partial_json'), '{"city":"Zürich","days":3}');
});

test('headers both ways', async () => {
  const nonce = newNonce();
  const api = client(NATIVE, { defaultHeaders: { ...NOISE, 'anthropic-beta': 'one,two' } });
  const { response: { headers } } = await create(api, nonce, 'grok-4').withResponse();
  const facts = await seen({ nonce });
  for (const name of ['anthropic-version', 'x-stainless-lang', 'x-grok-conv-id']) {
    assert.ok(sentHeader(facts, name), `${name} did not arrive`);
  }
  assert.equal(sentHeader(facts, 'anthropic-beta'), 'one,two');
  assert.match(sentHeader(facts, 'user-agent'), /^Anthropic\/JS /);
  assert.match(headers.get('cf-aig-log-id') ?? '', UUID_V7);
  assert.equal(headers.get('cf-aig-event-id'), 'event-from-client');
  assert.equal(headers.get('x-request-id'), facts.id);
  assert.equal(headers.get('set-cookie'), null);
});

testEach('provider error', ERRORS, async ([status, kind]) => {
  for (const stream of [false, true]) {
    const nonce = newNonce();
    const error = await create(client(), nonce, `grok-${status}`, { stream }).catch((e) => e);
    assert.equal(error.constructor, kind);
    assert.deepEqual(Object.keys(error.error), ['code', 'error']);
    assert.equal(error.headers.get('x-request-id'), (await seen({ nonce })).id);
  }
});

test('retries arrive', async () => {
  const nonce = newNonce();
  const message = await create(client(NATIVE, { maxRetries: 2 }), nonce, 'grok-flaky');
  assert.equal(message.content[0].text, echo(nonce));
  assert.equal((await control('/_seen', { nonce })).length, 3);
});

testEach('gateway refuses', {
  unknown: [REST, 'nosuch/grok-4'], missing: [REST, 'grok-4'], provider: [UNKNOWN, 'grok-4'],
}, async ([base, model]) => {
  const nonce = newNonce();
  const error = await create(client(base, { maxRetries: 2 }), nonce, model).catch((e) => e);
  assert.equal(error.constructor, Anthropic.BadRequestError);
  assert.equal(error.error.gateway.code, 2008);
  assert.equal(error.error.type, 'error');
  assert.equal(typeof error.error.error.message, 'string');
  assert.deepEqual(await control('/_seen', { nonce }), []);
});

testEach('twenty megabytes', ROUTES, async ([base, model]) => {
  const nonce = newNonce();
  const text = bigText();
  const messages = [...ask(nonce), { role: 'user', content: text }];
  const message = await client(base).messages.create({
    messages, max_tokens: 9, model: `${model}-4`,
  });
  assert.equal(message.content[0].text, echo(nonce));
  const facts = await seen({ nonce });
  assert.deepEqual([facts.text_length, facts.text_sha256], [text.length, sha256(text)]);
});

basicEach('streams event by event', ROUTES, async ([base, model]) => {
  const nonce = newNonce();
  const stream = await create(client(base), nonce, `${model}-gate`, { stream: true });
  await checkIncremental(stream, nonce);
});

testEach('abort', {
  idle: [NATIVE, 'grok-idle'], busy: [NATIVE, 'grok-busy'], rest: [REST, 'xai/grok-idle'],
}, async ([base, model]) => {
  const nonce = newNonce();
  await checkAbort(await create(client(base), nonce, model, { stream: true }), nonce);
});

test('broken stream does not end cleanly', async () => {
  await assert.rejects(create(client(), newNonce(), 'grok-break', { stream: true }).then(collect));
});

securedEach('wrong token', {
  native: [NATIVE, 'grok-4'], rest: [REST, 'grok/grok-4'],
}, async ([baseURL, model]) => {
  for (const token of [`${TOKEN}x`, TOKEN.slice(0, -1), null]) {
    const nonce = newNonce();
    let requests = 0;
    const counting = (...call) => {
      requests += 1;
      return fetch(...call);
    };
    const api = new Anthropic({
      apiKey: keyFor(GROK_KEY, token), baseURL, maxRetries: 2, fetch: counting,
      defaultHeaders: entry(token),
    });
    const error = await create(api, nonce, model).catch((e) => e);
    assert.equal(error.constructor, Anthropic.AuthenticationError);
    assert.match(error.message, /This gateway requires a token/);
    assert.deepEqual([error.status, error.error.error.type], [401, 'authentication_error']);
    assert.equal(error.error.gateway.code, 2009);
    assert.equal(requests, 1, 'requests of the client');
    assert.deepEqual(await control('/_seen', { nonce }), []);
  }
});

storedEach('stored key is in the header of its provider', {
  native: [ANTHROPIC, 'claude-test'], rest: [REST, 'anthropic/claude-test'],
}, async ([base, model]) => {
  const nonce = newNonce();
  await create(client(base), nonce, model);
  const facts = await seen({ nonce });
  assert.equal(`${facts.provider} ${facts.model}`, 'anthropic claude-test');
  assert.equal(sentHeader(facts, 'x-api-key'), ANTHROPIC_KEY);
});

await run('anthropic-node');
