// The OpenAI SDK for JavaScript: headers, bytes, errors, aborts, many streams.
import assert from 'node:assert/strict';
import OpenAI, { toFile } from 'openai';
import {
  COMPAT, GROK_KEY, NATIVE, NOISE, REST, UUID_V7, UNKNOWN, ask, basic, basicEach, bigText, checkAbort,
  checkIncremental, collect, control, cutInTime, echo, newNonce, seen, sentHeader, sha256,
  test, testEach,
} from './harness.mjs';
import { client, rawChat, recording, textOf } from './openai_client.mjs';

const ROUTES = {
  native: [NATIVE, 'grok'], compat: [COMPAT, 'xai/grok'], rest: [`${REST}/v1`, 'grok/grok'],
};
const ERRORS = {
  bad_request: [400, OpenAI.BadRequestError],
  unauthenticated: [401, OpenAI.AuthenticationError],
  too_many: [429, OpenAI.RateLimitError],
};
const BINARY = Buffer.concat([...Array(400).fill(Buffer.from([...Array(256).keys()])),
  Buffer.from('\r\n--not-a-boundary\r\n\0')]);

function openChat([base, model], mode, nonce, options = {}) {
  const body = { model: `${model}-${mode}`, messages: ask(nonce), stream: true };
  return client(base).chat.completions.create(body, options);
}

test('noise headers stop here and the rest arrives', async () => {
  const { nonce, headers } = await rawChat(NATIVE, 'grok-4', { defaultHeaders: NOISE });
  const facts = await seen({ nonce });
  assert.equal(sentHeader(facts, 'x-grok-conv-id'), 'conversation-7');
  assert.equal(sentHeader(facts, 'x-stainless-lang'), 'js');
  assert.equal(sentHeader(facts, 'x-stainless-retry-count'), '0');
  assert.match(sentHeader(facts, 'user-agent'), /^OpenAI\/JS /);
  assert.equal(headers.get('cf-aig-event-id'), 'event-from-client');
});

basicEach('response headers', ROUTES, async ([base, model]) => {
  const { nonce, headers } = await rawChat(base, `${model}-4`);
  assert.match(headers.get('cf-aig-log-id') ?? '', UUID_V7);
  assert.notEqual(headers.get('cf-aig-event-id') ?? 'forged', 'forged');
  assert.equal(headers.get('x-request-id'), (await seen({ nonce })).id);
  assert.equal(headers.get('x-ratelimit-limit-requests'), '1800');
  assert.equal(headers.get('set-cookie'), null);
  assert.equal(headers.get('x-provider-hop'), null);
});

test('gzip answer', async () => {
  const { nonce, data } = await rawChat(NATIVE, 'grok-gzip');
  assert.equal(data.choices[0].message.content, echo(nonce));
});

basic('file upload is byte-exact', async () => {
  const reply = await client().files.create({
    file: await toFile(BINARY, 'data.bin'), purpose: 'assistants',
  });
  assert.deepEqual([reply.bytes, reply.sha256], [BINARY.length, sha256(BINARY)]);
  const { parts } = await seen({ id: reply._request_id });
  assert.deepEqual(parts.map((p) => p.name).sort(), ['file', 'purpose']);
});

test('multipart body is byte-exact', async () => {
  const { kept, fetch } = recording();
  const reply = await client(NATIVE, { fetch }).files.create({
    file: await toFile(BINARY, 'data.bin'), purpose: 'assistants',
  });
  const facts = await seen({ id: reply._request_id });
  assert.deepEqual([facts.body_length, facts.body_sha256], [kept.body.length, sha256(kept.body)]);
});

basicEach('unified body loses only the prefix', { compat: COMPAT, rest: `${REST}/v1` }, async (base) => {
  const { kept, fetch } = recording();
  const reply = await client(base, { fetch }).chat.completions.create({
    messages: [{ role: 'user', content: '"model":"xai/grok-4" é \u2028' }],
    nested: { model: 'grok/inner' }, model: 'xai/grok-4', after: [1.5, null],
  });
  const expected = kept.body.toString().replace('"model":"xai/grok-4"', '"model":"grok-4"');
  assert.equal((await seen({ id: reply._request_id })).body_sha256, sha256(expected));
});

testEach('twenty megabytes', ROUTES, async ([base, model]) => {
  const nonce = newNonce();
  const text = bigText();
  const reply = await client(base).chat.completions.create({
    model: `${model}-4`, user: `nonce:${nonce}`, messages: [{ role: 'user', content: text }],
  });
  assert.equal(reply.choices[0].message.content, echo(nonce));
  const facts = await seen({ nonce });
  assert.deepEqual([facts.text_length, facts.text_sha256], [text.length, sha256(text)]);
});

testEach('provider error', ERRORS, async ([status, kind]) => {
  for (const mode of [String(status), `oai-${status}`]) {
    const nonce = newNonce();
    const error = await openChat([NATIVE, 'grok'], mode, nonce).catch((e) => e);
    assert.equal(error.constructor, kind);
    assert.equal(error.requestID, (await seen({ nonce })).id);
    assert.ok(error.error, 'the body is lost');
    assert.equal(error.headers.get('retry-after'), status === 429 ? '1' : null);
  }
});

test('retries arrive', async () => {
  const nonce = newNonce();
  const reply = await client(NATIVE, { maxRetries: 2 }).chat.completions.create({
    model: 'grok-flaky', messages: ask(nonce),
  });
  assert.equal(reply.choices[0].message.content, echo(nonce));
  const counts = (await control('/_seen', { nonce }))
    .map((f) => sentHeader(f, 'x-stainless-retry-count'));
  assert.deepEqual(counts, ['0', '1', '2']);
});

testEach('gateway refuses', {
  provider: [UNKNOWN, 'grok-4'], prefix: [COMPAT, 'nosuch/grok-4'],
  rest_prefix: [`${REST}/v1`, 'nosuch/grok-4'], no_prefix: [`${REST}/v1`, 'grok-4'],
}, async ([base, model]) => {
  const nonce = newNonce();
  // The SDK keeps only `error` of the body, so the whole is read from a copy.
  let body;
  const reading = async (url, init) => {
    const reply = await fetch(url, init);
    body = await reply.clone().json();
    return reply;
  };
  const api = client(base, { maxRetries: 2, fetch: reading });
  const error = await api.chat.completions.create({ model, messages: ask(nonce) }).catch((e) => e);
  assert.equal(error.constructor, OpenAI.BadRequestError);
  assert.equal(typeof error.error.message, 'string');
  assert.equal(body.gateway.code, 2008);
  assert.deepEqual(await control('/_seen', { nonce }), []);
});

basicEach('chat streams event by event', ROUTES, async (route) => {
  const nonce = newNonce();
  await checkIncremental(await openChat(route, 'gate', nonce), nonce);
});

test('responses stream event by event', async () => {
  const nonce = newNonce();
  const body = { model: 'grok-gate', input: `nonce:${nonce}`, stream: true };
  await checkIncremental(await client().responses.create(body), nonce);
});

testEach('abort of an idle stream', ROUTES, async (route) => {
  const nonce = newNonce();
  await checkAbort(await openChat(route, 'idle', nonce), nonce);
});

testEach('abort of a busy stream', ROUTES, async (route) => {
  const nonce = newNonce();
  await checkAbort(await openChat(route, 'busy', nonce), nonce);
});

test('abort before the head', async () => {
  const nonce = newNonce();
  const controller = new AbortController();
  const { signal } = controller;
  const pending = openChat([NATIVE, 'grok'], 'hang', nonce, { signal }).catch((e) => e);
  while (!(await control('/_seen', { nonce })).length) await new Promise((r) => setTimeout(r, 20));
  const left = Date.now();
  controller.abort();
  assert.equal((await pending).constructor, OpenAI.APIUserAbortError);
  await cutInTime(nonce, left);
});

test('broken stream does not end cleanly', async () => {
  const stream = await openChat([NATIVE, 'grok'], 'break', newNonce());
  await assert.rejects(collect(stream));
});

testEach('two hundred concurrent streams', {
  native: [NATIVE, 'grok-crowd'], rest: [`${REST}/v1`, 'xai/grok-crowd'],
}, async ([base, model]) => {
  const api = new OpenAI({ apiKey: GROK_KEY, baseURL: base, maxRetries: 0, timeout: 25_000 });
  const crowd = `c${newNonce()}`;
  await Promise.all(Array.from({ length: 200 }, async () => {
    const nonce = newNonce();
    const messages = ask(nonce, `crowd:${crowd}:200`);
    const stream = await api.chat.completions.create({ model, messages, stream: true });
    assert.equal(textOf(await collect(stream)), echo(nonce, 40));
  }));
});
