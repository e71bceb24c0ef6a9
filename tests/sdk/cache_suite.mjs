// The SDKs for JavaScript, and whether they can tell an answer from the cache: see cache_suite.py, which
// runs this and reads what it prints, each test with its problem or null.
import assert from 'node:assert/strict';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';

const base = process.argv[2];
const messages = [{ role: 'user', content: 'Say hello to node.' }];
const said = [];

// What the answers say of the cache.
async function watched(...request) {
  const response = await fetch(...request);
  said.push(response.headers.get('cf-aig-cache-status'));
  return response;
}

async function collect(stream) {
  const events = [];
  for await (const event of await stream) events.push(event);
  return events;
}

const openaiClient = (slug) => new OpenAI({
  apiKey: `key-${slug}`, baseURL: base + slug, maxRetries: 0, fetch: watched,
});

function chats(slug) {
  const api = openaiClient(slug).chat.completions;
  const ask = { model: 'model-x', messages };
  return {
    chat: () => api.create(ask),
    stream: () => collect(api.create({ ...ask, stream: true })),
    helper: () => api.stream({ ...ask, seed: 1 }).finalChatCompletion(),
  };
}

async function bytes(speech) {
  const all = Buffer.from(await (await speech).arrayBuffer());
  assert.ok(all.length > 0);
  return all;
}

function openai(slug) {
  const api = openaiClient(slug);
  const ask = { model: 'model-x', input: 'Say hello to node.' };
  const draw = { model: 'image-x', prompt: 'a towel for node' };
  return {
    ...chats(slug),
    response: () => api.responses.create(ask),
    'response events': () => collect(api.responses.create({ ...ask, stream: true })),
    'response helper': () => api.responses.stream({ ...ask, temperature: 0.5 }).finalResponse(),
    embeddings: () => api.embeddings.create(ask),
    'embeddings as numbers': () => api.embeddings.create({ ...ask, encoding_format: 'float' }),
    image: () => api.images.generate(draw),
    'image events': () => collect(api.images.generate({ ...draw, stream: true })),
    speech: () => bytes(api.audio.speech.create({ ...ask, voice: 'alloy' })),
  };
}

function anthropic(slug) {
  const api = new Anthropic({
    apiKey: `key-${slug}`, baseURL: base + slug, maxRetries: 0, fetch: watched,
  }).messages;
  const ask = { model: 'claude-x', max_tokens: 9, messages };
  return {
    message: () => api.create(ask),
    events: () => collect(api.create({ ...ask, stream: true })),
    helper: () => api.stream({ ...ask, temperature: 0.5 }).finalMessage(),
    count: () => api.countTokens({ model: 'claude-x', messages }),
  };
}

async function twice(call) {
  said.length = 0;
  const first = await call();
  const second = await call();
  assert.deepStrictEqual(second, first);
  assert.deepStrictEqual(said, ['MISS', 'HIT']);
}

const results = {};
for (const [slug, library] of Object.entries({ openai, grok: chats, anthropic })) {
  for (const [name, call] of Object.entries(library(slug))) {
    try {
      await twice(call);
      results[`node ${slug} ${name}`] = null;
    } catch (error) {
      results[`node ${slug} ${name}`] = error.message;
    }
  }
}
console.log(JSON.stringify(results));
