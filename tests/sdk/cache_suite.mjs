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

function openai(slug) {
  const api = new OpenAI({
    apiKey: `key-${slug}`, baseURL: base + slug, maxRetries: 0, fetch: watched,
  }).chat.completions;
  const ask = { model: 'model-x', messages };
  return {
    chat: () => api.create(ask),
    stream: () => collect(api.create({ ...ask, stream: true })),
    helper: () => api.stream({ ...ask, seed: 1 }).finalChatCompletion(),
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
for (const [slug, library] of Object.entries({ openai, grok: openai, anthropic })) {
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
