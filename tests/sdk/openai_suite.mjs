// The OpenAI SDK for JavaScript: documented examples, routes and endpoints.
import assert from 'node:assert/strict';
import OpenAI from 'openai';
import {
  COMPAT, GROK, GROK_KEY, NATIVE, OPENAI_KEY, OTHER, QUESTION, REST, WEATHER, ask, basic,
  basicEach, collect, echo, entry, keyFor, newNonce, run, seen, sentHeader, sha256, test,
} from './harness.mjs';
import { client, textOf } from './openai_client.mjs';
import './openai_wire.mjs';
import './openai_access.mjs';

const BASES = { plain: NATIVE, slash: `${NATIVE}/`, v1: `${NATIVE}/v1`, v1_slash: `${NATIVE}/v1/` };
const UNIFIED = {
  rest_grok: [`${REST}/v1`, 'grok'],
  rest_xai: [`${REST}/v1`, 'xai'],
  rest_slash: [`${REST}/v1/`, 'grok'],
  compat_grok: [COMPAT, 'grok'],
  compat_xai: [COMPAT, 'xai'],
  compat_slash: [`${COMPAT}/`, 'xai'],
};
const TOOLS = [{ type: 'function', function: { name: 'weather', parameters: WEATHER } }];
const FLAT_TOOLS = [{ type: 'function', name: 'weather', parameters: WEATHER, strict: false }];
const ARGUMENTS = { city: 'Zürich', days: 3 };

function example(baseURL, more = {}) {
  const openai = new OpenAI({ apiKey: keyFor(GROK_KEY), baseURL, defaultHeaders: entry() });
  return openai.chat.completions.create({
    model: 'grok-4',
    messages: [
      {
        role: 'system',
        content: GROK,
      },
      {
        role: 'user',
        content: QUESTION,
      },
    ],
    ...more,
  });
}

async function checkExample(id) {
  const facts = await seen({ id });
  assert.equal(`${facts.method} ${facts.target}`, 'POST /v1/chat/completions');
  assert.equal(`${facts.provider} ${facts.model}`, 'grok grok-4');
  assert.equal(sentHeader(facts, 'authorization'), `Bearer ${GROK_KEY}`);
}

basicEach('example', BASES, async (base) => {
  const completion = await example(base);
  assert.equal(completion.choices[0].message.content, 'Forty-two, as ever.');
  await checkExample(completion._request_id);
});

basicEach('example, streaming', BASES, async (base) => {
  const { data, response } = await example(base, { stream: true }).withResponse();
  assert.equal(textOf(await collect(data)), 'Forty-two, as ever.');
  await checkExample(response.headers.get('x-request-id'));
});

test('usage chunk comes when asked for', async () => {
  const options = { stream: true, stream_options: { include_usage: true } };
  const last = (await collect(await example(NATIVE, options))).at(-1);
  assert.deepEqual([last.choices.length, last.usage.total_tokens], [0, 24]);
});

basicEach('unified chat', UNIFIED, async ([base, prefix]) => {
  const nonce = newNonce();
  const completion = await client(base).chat.completions.create({
    model: `${prefix}/grok-4`, messages: ask(nonce),
  });
  assert.equal(completion.choices[0].message.content, echo(nonce));
  const facts = await seen({ nonce });
  assert.equal(`${facts.target} ${facts.model}`, '/v1/chat/completions grok-4');
});

basicEach('unified chat, streaming', UNIFIED, async ([base, prefix]) => {
  const nonce = newNonce();
  const stream = await client(base).chat.completions.create({
    model: `${prefix}/grok-4`, messages: ask(nonce), stream: true,
  });
  assert.equal(textOf(await collect(stream)), echo(nonce));
  assert.equal((await seen({ nonce })).model, 'grok-4');
});

basicEach('unified responses and embeddings', UNIFIED, async ([base, prefix]) => {
  const nonce = newNonce();
  const model = `${prefix}/grok-4`;
  const answer = await client(base).responses.create({ model, input: `nonce:${nonce}` });
  assert.equal(answer.output_text, echo(nonce));
  assert.equal((await seen({ nonce })).target, '/v1/responses');
  const reply = await client(base).embeddings.create({ model, input: 'a' });
  assert.deepEqual(reply.data[0].embedding, [0.25, -1.5, 3, 0.125]);
});

basicEach('second provider', {
  native: [OTHER, 'gpt-test'], rest: [`${REST}/v1`, 'openai/gpt-test'],
}, async ([base, model]) => {
  const nonce = newNonce();
  await client(base, { apiKey: OPENAI_KEY }).chat.completions.create({
    model, messages: ask(nonce),
  });
  const facts = await seen({ nonce });
  assert.equal(`${facts.provider} ${facts.model}`, 'openai gpt-test');
});

basic('models, list and retrieve', async () => {
  const models = await collect(client().models.list());
  assert.deepEqual(models.map((m) => m.id), ['grok-4', 'grok-4-fast']);
  assert.equal((await client().models.retrieve('grok-4')).id, 'grok-4');
});

basicEach('models of the gateway', { compat: COMPAT, rest: `${REST}/v1` }, async (base) => {
  const ids = (await collect(client(base).models.list())).map((m) => m.id);
  assert.ok(ids.some((id) => id.startsWith('grok/grok-')), `the models are ${ids}`);
  assert.equal((await client(base).models.retrieve(ids[0])).id, ids[0]);
});

basic('embeddings, default and float encoding', async () => {
  const create = (more) => client().embeddings.create({ model: 'embed', input: 'a', ...more });
  for (const more of [{}, { encoding_format: 'float' }]) {
    assert.deepEqual((await create(more)).data[0].embedding, [0.25, -1.5, 3, 0.125]);
  }
});

basic('images', async () => {
  const image = await client().images.generate({ model: 'grok-image', prompt: 'a towel' });
  assert.equal(image.data[0].url, 'https://images.invalid/1.jpg');
});

basic('responses', async () => {
  const nonce = newNonce();
  const answer = await client().responses.create({ model: 'grok-4', input: `nonce:${nonce}` });
  assert.equal(answer.output_text, echo(nonce));
});

basic('responses, streaming', async () => {
  const nonce = newNonce();
  const events = await collect(await client().responses.create({
    model: 'grok-4', input: `nonce:${nonce}`, stream: true,
  }));
  const deltas = events.filter((e) => e.type === 'response.output_text.delta');
  assert.equal(deltas.map((e) => e.delta).join(''), echo(nonce));
  assert.deepEqual(events.map((e) => e.sequence_number), [...events.keys()]);
  assert.equal(events.at(-1).type, 'response.completed');
});

test('tool call', async () => {
  const reply = await client().chat.completions.create({
    model: 'grok-4', tools: TOOLS, messages: ask('x'),
  });
  const call = reply.choices[0].message.tool_calls[0].function;
  assert.deepEqual(JSON.parse(call.arguments), ARGUMENTS);
});

basic('tool call, streaming', async () => {
  const chunks = await collect(await client().chat.completions.create({
    model: 'grok-4', tools: TOOLS, messages: ask('x'), stream: true,
  }));
  const calls = chunks.flatMap((c) => c.choices[0].delta.tool_calls ?? []);
  assert.deepEqual(JSON.parse(calls.map((c) => c.function.arguments).join('')), ARGUMENTS);
  assert.equal(chunks.at(-1).choices[0].finish_reason, 'tool_calls');
});

test('responses tool call, plain and streaming', async () => {
  const ask = { model: 'grok-4', input: 'x', tools: FLAT_TOOLS };
  const answer = await client().responses.create(ask);
  assert.deepEqual(JSON.parse(answer.output[0].arguments), ARGUMENTS);
  const events = await collect(await client().responses.create({ ...ask, stream: true }));
  const deltas = events.filter((e) => e.type === 'response.function_call_arguments.delta');
  assert.deepEqual(JSON.parse(deltas.map((e) => e.delta).join('')), ARGUMENTS);
});

basic('file download is byte-exact', async () => {
  const content = await (await client().files.content('file-1')).arrayBuffer();
  const expected = Buffer.concat(Array(64).fill(Buffer.from([...Array(256).keys()])));
  assert.equal(sha256(Buffer.from(content)), sha256(expected));
});

await run('openai-node');
