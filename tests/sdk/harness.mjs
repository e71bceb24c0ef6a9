// Runs the tests of a JavaScript suite and keeps the books; see run.sh.
import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';

const env = process.env;
const LIMIT = 30_000; // for one test
const SUITE_LIMIT = 150_000; // after which no further test starts

export const MODE = env.SDK_MODE; // see run.sh
export const TOKEN = env.SDK_TOKEN;
export const GROK_KEY = env.SDK_GROK_KEY;
export const OPENAI_KEY = env.SDK_OPENAI_KEY;
export const ANTHROPIC_KEY = env.SDK_ANTHROPIC_KEY;
const UNUSED_KEY = env.SDK_UNUSED_KEY;
const gateway = `${env.SDK_GATEWAY}/v1/${env.SDK_ACCOUNT}/${env.SDK_GATEWAY_NAME}`;
export const NATIVE = `${gateway}/grok`;
export const COMPAT = `${gateway}/compat`;
export const OTHER = `${gateway}/openai`;
export const ANTHROPIC = `${gateway}/anthropic`;
export const UNKNOWN = `${gateway}/nosuch`;
export const REST = `${env.SDK_GATEWAY}/client/v4/accounts/${env.SDK_ACCOUNT}/ai`;

export const UUID_V7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
export const GROK = "You are Grok, a chatbot inspired by the Hitchhiker's Guide to the Galaxy.";
export const QUESTION = 'What is the meaning of life, the universe, and everything?';
export const WEATHER = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer' } },
};
export const NOISE = {
  'cf-aig-metadata': '{"a":1}',
  'cf-aig-event-id': 'event-from-client',
  'cf-aig-collect-log': 'false',
  Cookie: 'session=client',
  'x-real-ip': '10.0.0.9',
  'x-forwarded-for': '10.0.0.9',
  forwarded: 'for=10.0.0.9',
  'x-grok-conv-id': 'conversation-7',
};

// The API key of a client that has this one of its own for the provider.
export const keyFor = (own, token = TOKEN) =>
  ({ stored: UNUSED_KEY, rest: token ?? UNUSED_KEY })[MODE] ?? own;

// The further headers of a client; the libraries leave out what is null.
export function entry(token = TOKEN) {
  const headers = {};
  if (['token', 'stored'].includes(MODE) && token) {
    headers['cf-aig-authorization'] = `Bearer ${token}`;
  }
  if (['stored', 'rest'].includes(MODE)) headers['cf-aig-gateway-id'] = env.SDK_GATEWAY_NAME;
  if (MODE === 'stored' || (MODE === 'rest' && !token)) headers.Authorization = null;
  return headers;
}

export const sha256 = (data) => createHash('sha256').update(data).digest('hex');
export const newNonce = () => randomUUID().replaceAll('-', '').slice(0, 16);
export const ask = (nonce, extra = '') => [
  { role: 'user', content: `Please say nonce:${nonce} ${extra}`.trim() },
];
export const echo = (nonce, count = 5) =>
  Array.from({ length: count }, (_, i) => `${nonce}:${i} `).join('');

export function bigText() {
  const line = '0123456789 abcdefghijklmnopqrstuvwxyz {"model":"none"} é\n';
  return line.repeat(Math.ceil((20 * 1024 * 1024) / Buffer.byteLength(line)));
}

// Asks the stand-in provider something.
export async function control(path, query = {}) {
  const url = `http://127.0.0.1:${env.SDK_CONTROL}${path}?${new URLSearchParams(query)}`;
  const reply = await fetch(url, { signal: AbortSignal.timeout(10_000) });
  return reply.json();
}

// The one request that the provider saw, by `id` or by `nonce`.
export async function seen(query) {
  const found = await control('/_seen', query);
  assert.equal(found.length, 1, `the provider saw ${found.length} requests`);
  return found[0];
}

export function sentHeader(facts, name) {
  const values = facts.headers.filter(([key]) => key.toLowerCase() === name);
  assert.ok(values.length < 2, `${name} arrived ${values.length} times`);
  return values[0]?.[1];
}

export async function collect(stream) {
  const events = [];
  for await (const event of stream) events.push(event);
  return events;
}

// Each event is here before the provider has leave to send the next.
export async function checkIncremental(stream, nonce) {
  const events = stream[Symbol.asyncIterator]();
  for (const number of [1, 2, 3]) {
    assert.equal((await events.next()).done, false);
    assert.equal((await seen({ nonce })).events_sent, number, 'events sent');
    await control('/_go', { nonce });
  }
  while (!(await events.next()).done);
  assert.equal((await control('/_ended', { nonce }))[0].finished, true);
}

// The provider noticed the client's leaving at once.
export async function checkAbort(stream, nonce) {
  const events = stream[Symbol.asyncIterator]();
  await events.next();
  await events.next();
  const left = Date.now();
  stream.controller.abort();
  await cutInTime(nonce, left);
}

export async function cutInTime(nonce, left) {
  const [facts] = await control('/_ended', { nonce });
  assert.ok(facts?.closed_at, 'the abort never reached the provider');
  const delay = facts.closed_at * 1000 - left;
  assert.ok(delay < 4000, `the abort reached the provider after ${delay} ms`);
}

const tests = [];

// On the REST routes the client's key is the token, and stored keys serve the provider.
const serves = (label) => (label.startsWith('rest') ? MODE !== 'token' : MODE !== 'rest');

const add = (modes) => (name, body, label = '') => {
  if (modes.includes(MODE) && serves(label)) tests.push({ name, body });
};

// One test per named value.
const addEach = (modes) => (name, cases, body) => {
  for (const [label, value] of Object.entries(cases)) {
    add(modes)(`${name} [${label}]`, () => body(value), label);
  }
};

const SECURED = ['token', 'stored', 'rest'];
export const test = add(['open']);
export const testEach = addEach(['open']);
// What runs in every mode, and what runs only where the gateway asks for a token.
export const basic = add(['open', ...SECURED]);
export const basicEach = addEach(['open', ...SECURED]);
export const securedEach = addEach(SECURED);
export const storedEach = addEach(['stored', 'rest']);

async function runTest(suite, { name, body }, deadline) {
  if (Date.now() > deadline) {
    console.log(`FAIL ${name}: not run, the suite took too long already`);
    return false;
  }
  const before = (await control('/_begin', { test: `${MODE} ${suite} ${name}` })).violations;
  let problem;
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`took longer than ${LIMIT} ms`)), LIMIT);
  });
  try {
    await Promise.race([body(), late]);
  } catch (error) {
    const place = error.stack?.match(/(\w+\.mjs:\d+)/)?.[1] ?? '?';
    const text = error.message.replaceAll(/\s+/g, ' ').slice(0, 700);
    problem = `${error.constructor.name}: ${text} (${place})`;
  }
  clearTimeout(timer);
  const broken = await control('/_violations', { since: before });
  if (broken.length && !problem) problem = `at the provider: ${broken[0].what}`;
  if (problem) console.log(`FAIL ${name}: ${problem}`);
  else if (env.SDK_VERBOSE === '1') console.log(`ok ${name}`);
  return !problem;
}

// Runs all tests; the last line is for run.sh.
export async function run(suite) {
  const start = Date.now();
  let passed = 0;
  for (const one of tests) passed += await runTest(suite, one, start + SUITE_LIMIT);
  const failed = tests.length - passed;
  console.log(`RESULT ${passed} ${failed} ${((Date.now() - start) / 1000).toFixed(1)}`);
  process.exitCode = passed && !failed ? 0 : 1;
  setTimeout(() => process.exit(), 100);
}
