// Exchanges through the gateway, and a book of what each of them must come to.

import { until } from './harness.mjs';

const CHAT = 'chat/completions';

// The provider that says what a test wants.
export const SCRIPTED = 'custom-local';

export const HOSTILE = {
  model: '<img src=x onerror="window.pwned=1">',
  script: '<script>window.pwned=1</script>',
  attribute: '"><img src=x onerror=window.pwned=1>',
  link: 'javascript:window.pwned=1',
  eventId: '"><svg/onload=window.pwned=1>',
};

export class Book {
  entries = [];

  constructor(gateway) {
    this.gateway = gateway;
  }

  async #send(provider, endpoint, body, { headers = {}, at, path } = {}) {
    const sent = typeof body === 'string' ? body : JSON.stringify(body);
    const answer = await this.gateway.ask(path ?? `/v1/acct/gw/${provider}/${endpoint}`, {
      method: 'POST', body: sent, at,
      headers: { authorization: 'Bearer test-key', 'content-type': 'application/json', ...headers },
    });
    return { ...answer, id: answer.headers['cf-aig-log-id'] };
  }

  #enter(answer, entry) {
    const full = {
      kind: 'ok', stream: false, tokensIn: null, tokensOut: null, ticks: null,
      id: answer.id, status: answer.status, ...entry,
    };
    full.unknown = full.status === 200 && full.ticks === null;
    if (!full.id) throw new Error(`no log id: ${answer.status} ${answer.text}`);
    this.entries.push(full);
    return full;
  }

  // Through the stand-in, which says in its answer what was used.
  async standIn(model, endpoint, body, { headers, prices } = {}) {
    const answer = await this.#send('grok', endpoint, { model, ...body }, { headers });
    if (answer.status !== 200) throw new Error(`${endpoint}: ${answer.status} ${answer.text}`);
    const stream = answer.headers['content-type'].startsWith('text/event-stream');
    const last = stream ? lastUsage(answer.text) : JSON.parse(answer.text);
    return this.#enter(answer, { provider: 'grok', stream, headers, ...account(last, endpoint, prices) });
  }

  // Through a provider that says whatever `script` says.
  async scripted(model, script, expected = {}, { headers, at, path, more } = {}) {
    const answer = await this.#send(SCRIPTED, CHAT, { model, script, ...more }, { headers, at, path });
    return this.#enter(answer, { provider: SCRIPTED, model, stream: Boolean(script.events), headers, ...expected });
  }

  async refusedBy(who, status, provider, endpoint, body, entry, options) {
    const answer = await this.#send(provider, endpoint, body, options);
    if (answer.status !== status) throw new Error(`${answer.status} instead of ${status}: ${answer.text}`);
    return this.#enter(answer, { provider, kind: who, ...entry });
  }

  // A stream that the client leaves once `leave` is called; resolves when it has begun.
  async left(model) {
    let begun;
    let request;
    const answer = await new Promise((done, fail) => {
      begun = this.#send(SCRIPTED, CHAT, { model, script: { events: [chunk('left', 'Hello')], then: 'hang' } }, {
        at: { head: (response, sent) => { request = sent; done({ status: response.statusCode, id: response.headers['cf-aig-log-id'] }); } },
      }).catch(fail);
    });
    return async () => {
      request.destroy();
      await begun;
      return this.#enter(answer, { provider: SCRIPTED, model, stream: true, kind: 'cancelled' });
    };
  }

  // Until everything in the book is in the log.
  async written() {
    const path = '/dashboard/api/summary';
    await until('all exchanges are in the log', async () =>
      (await this.gateway.json(path)).totals.requests === this.entries.length);
  }

  // The sums that the page must show.
  sums(select = () => true) {
    const entries = this.entries.filter(select);
    const of = (kind) => entries.filter((entry) => entry.kind === kind).length;
    const add = (field) => entries.reduce((sum, entry) => sum + BigInt(entry[field] ?? 0), 0n);
    return {
      requests: entries.length, ok: of('ok'), errors: of('error'), rejected: of('rejected'), cancelled: of('cancelled'),
      streams: entries.filter(({ stream }) => stream).length,
      tokensIn: add('tokensIn'), tokensOut: add('tokensOut'), ticks: add('ticks'),
      unknown: entries.filter(({ unknown }) => unknown).length,
    };
  }
}

export const chunk = (model, content) => ({ id: 'c', object: 'chat.completion.chunk', model, choices: [{ index: 0, delta: { content } }] });

export const completion = (model, ticks) => ({
  id: 'c', object: 'chat.completion', model,
  choices: [{ index: 0, message: { role: 'assistant', content: HOSTILE.script }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 7, completion_tokens: 5, total_tokens: 12, cost_in_usd_ticks: ticks },
});

function lastUsage(text) {
  const events = text.split('\n').filter((line) => line.startsWith('data: {')).map((line) => JSON.parse(line.slice(6)));
  const model = events.map((event) => event.model ?? event.message?.model ?? event.response?.model).find(Boolean);
  const usages = events.map((event) => event.usage ?? event.message?.usage ?? event.response?.usage).filter(Boolean);
  return { model, usage: Object.assign({}, ...usages) };
}

// What the provider's own words come to.
function account({ model, usage = {} }, endpoint, prices) {
  const known = { model, ticks: usage.cost_in_usd_ticks ?? null };
  if (endpoint === 'messages') {
    const fresh = usage.input_tokens;
    const cached = usage.cache_read_input_tokens;
    const { prompt_text_token_price: full, cached_prompt_text_token_price: less, completion_text_token_price: out } = prices;
    return {
      ...known, tokensIn: fresh + cached, tokensOut: usage.output_tokens,
      ticks: fresh * full + cached * less + usage.output_tokens * out,
    };
  }
  if (endpoint === 'responses') return { ...known, tokensIn: usage.input_tokens, tokensOut: usage.output_tokens };
  const reasoning = usage.completion_tokens_details?.reasoning_tokens ?? 0;
  return {
    ...known, tokensIn: usage.prompt_tokens ?? null,
    tokensOut: usage.completion_tokens == null ? null : usage.completion_tokens + reasoning,
  };
}
