// The OpenAI client that the JavaScript tests share, and a way to see its bytes.
import OpenAI from 'openai';
import { GROK_KEY, NATIVE, ask, entry, keyFor, newNonce } from './harness.mjs';

export function client(baseURL = NATIVE, { apiKey = GROK_KEY, defaultHeaders, ...more } = {}) {
  return new OpenAI({
    apiKey: keyFor(apiKey), baseURL, maxRetries: 0, timeout: 25_000,
    defaultHeaders: { ...entry(), ...defaultHeaders }, ...more,
  });
}

export async function rawChat(base, model, more = {}) {
  const nonce = newNonce();
  const request = client(base, more).chat.completions.create({ model, messages: ask(nonce) });
  const { data, response } = await request.withResponse();
  return { nonce, data, headers: response.headers };
}

export const textOf = (chunks) =>
  chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');

// A fetch for the SDK that keeps the exact bytes of the last body.
export function recording() {
  const kept = {};
  const fetchAndKeep = async (url, init) => {
    const wrapped = new Response(init.body);
    const type = wrapped.headers.get('content-type');
    kept.body = Buffer.from(await wrapped.arrayBuffer());
    const headers = new Headers(init.headers);
    if (init.body instanceof FormData) headers.set('content-type', type);
    return fetch(url, { ...init, headers, body: kept.body });
  };
  return { kept, fetch: fetchAndKeep };
}
