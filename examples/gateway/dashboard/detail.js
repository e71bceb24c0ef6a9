// Everything about one exchange, in a dialog.

import { get, patch } from './api.js';
import { byId, html, svg } from './dom.js';
import { bytes, count, day, dollars, milliseconds, seconds } from './format.js';
import { badge } from './log.js';
import { inWords } from './operations.js';

const THUMB = 'M7 10v10H4V10zM9 20V10l4-7c1.2 0 2 .9 2 2v4h4.2c1.2 0 2 1 1.8 2.2l-1.2 7.1c-.2 1-1 1.7-2 1.7z';

export class Detail {
  #dialog = byId('detail');
  #id = null;

  constructor() {
    // A click beside the dialog's content closes it, as Escape does.
    this.#dialog.addEventListener('click', (event) => {
      if (event.target === this.#dialog) this.#dialog.close();
    });
    this.#dialog.addEventListener('close', () => { this.#id = null; });
  }

  async open(id) {
    this.#id = id;
    this.#fill(this.#head('Loading…'));
    if (!this.#dialog.open) this.#dialog.showModal();
    try {
      const record = await get(`/logs/${encodeURIComponent(id)}`);
      if (this.#id === id) this.#show(record);
    } catch (error) {
      if (this.#id === id) this.#fill(this.#head('Log entry'), html('p', { class: 'wrong' }, error.message));
    }
  }

  #fill(...children) {
    this.#dialog.replaceChildren(html('article', {}, ...children));
  }

  #head(title, ...more) {
    // A long path breaks behind its slashes.
    const pieces = title.split(/(?<=\/)/).flatMap((piece) => [piece, html('wbr')]);
    return html('header', {}, html('h2', { id: 'detail-title' }, ...pieces), ...more,
      html('button', { type: 'button', class: 'close', 'aria-label': 'Close', onclick: () => this.#dialog.close() }, '×'));
  }

  #show(record) {
    const at = new Date(record.created_at);
    this.#fill(
      this.#head(`${record.method} ${record.path}`, badge(record)),
      html('p', { class: 'when' }, `${day(at)} ${seconds(at)}, `, html('code', {}, record.id)),
      this.#feedback(record),
      part('Timings', bar(record), facts(timings(record))),
      part('Usage', facts(usage(record)), hint(record)),
      shares(record),
      part('Cost', facts([
        ['Cost', cost(record), 'detail-cost'],
        ['Source', source(record.cost_source)],
      ])),
      record.subject == null ? null : part('Caller', facts([
        ['Subject', record.subject],
        ['Groups', record.groups?.join(', ')],
        ...Object.entries(record.labels ?? {}),
      ])),
      Object.keys(record.metadata).length
        ? part('Metadata', facts(Object.entries(record.metadata).map(([key, value]) => [key, String(value)])))
        : null,
      part('Exchange', facts(exchange(record))),
      body('Request body', record.request_head, record.request_head_complete),
      body('Response body', record.response_head, record.response_head_complete),
    );
  }

  #feedback(record) {
    const said = html('span', { role: 'status' });
    const buttons = [[1, 'Good'], [-1, 'Bad']].map(([value, name]) => {
      const icon = svg('svg', { viewBox: '0 0 24 24', width: 18, height: 18, 'aria-hidden': 'true' },
        svg('path', { d: THUMB, transform: value < 0 ? 'rotate(180 12 12)' : null }));
      const button = html('button', { type: 'button', class: 'thumb', 'aria-pressed': String(record.feedback === value) }, icon, name);
      button.addEventListener('click', async () => {
        const feedback = button.getAttribute('aria-pressed') === 'true' ? null : value;
        try {
          const updated = await patch(`/logs/${encodeURIComponent(record.id)}`, { feedback });
          buttons.forEach((one, index) => one.setAttribute('aria-pressed', String(updated.feedback === [1, -1][index])));
          said.textContent = updated.feedback === null ? 'Taken back' : 'Saved';
        } catch (error) {
          said.textContent = error.message;
        }
      });
      return button;
    });
    const score = record.score == null ? null : html('span', { class: 'faint' }, `Score ${record.score}`);
    return html('div', { class: 'feedback' }, ...buttons, score, said);
  }
}

function part(title, ...content) {
  return html('section', {}, html('h3', {}, title), ...content);
}

// [name, text, id]; what is not known is left out.
function facts(pairs) {
  const known = pairs.filter(([, text]) => text != null && text !== '' && text !== '–');
  if (!known.length) return html('p', { class: 'faint' }, 'Not known.');
  return html('dl', { class: 'facts' },
    ...known.flatMap(([name, text, id]) => [html('dt', { class: name.startsWith('of them ') ? 'part' : null }, name), html('dd', { id }, text)]));
}

// The phases of an exchange, one after the other.
function phases({ duration, timings: { to_head: head, to_first_token: token, to_first_data: data } }) {
  if (head == null) return [['No response head', 'wait', duration]];
  const first = token ?? data;
  const until = first == null ? head : Math.max(head, first);
  return [
    ['Until the head', 'wait', head],
    [token == null ? 'Until the first byte' : 'Until the first token', 'first', until - head],
    ['The rest', 'rest', Math.max(0, duration - until)],
  ];
}

function bar(record) {
  const total = Math.max(record.duration, 0.001);
  let at = 0;
  const parts = phases(record);
  const pieces = parts.map(([, kind, length]) => {
    const x = at;
    at += (length / total) * 1000;
    return svg('rect', { class: kind, x, width: Math.max(0, at - x), height: 12 });
  });
  const label = parts.map(([name, , length]) => `${name} ${milliseconds(length)}`).join(', ');
  return html('div', { class: 'phases' },
    svg('svg', { viewBox: '0 0 1000 12', preserveAspectRatio: 'none', role: 'img', 'aria-label': label }, ...pieces),
    html('ul', { class: 'legend' }, ...parts.map(([name, kind, length]) =>
      html('li', {}, html('span', { class: `swatch ${kind}` }), `${name} `, html('b', {}, milliseconds(length))))));
}

const timings = ({ duration, timings: { to_first_token: token, inter_token: gap, overhead } }) => [
  ['Duration', milliseconds(duration), 'detail-duration'],
  ['First token after', milliseconds(token)],
  ['Between tokens', milliseconds(gap)],
  ['Gateway’s own share', milliseconds(overhead)],
];

function usage({ usage_metadata: used, metering, tokens_in: input, tokens_out: output }) {
  const of = (name) => (used?.[name] == null ? null : count(used[name]));
  return [
    ['Tokens in', count(input), 'detail-tokens-in'],
    ['of them cached', of('cache_read')],
    ['of them written to the cache', of('cache_write')],
    ['of them to be kept for longer', of('cache_write_long')],
    ['of them fresh', of('input_uncached')],
    ['of them fresh audio', of('audio_input')],
    ['of them fresh images', of('image_input')],
    ['Tokens out', count(output), 'detail-tokens-out'],
    ['of them reasoning', of('reasoning')],
    ['of them visible', of('output_visible')],
    ['of them audio', of('audio_output')],
    ['of them images', of('image_output')],
    ['Total, as reported', of('total_reported')],
    ['Tool calls', of('tool_calls')],
    ['Images', of('images')],
    ['Audio or video', milliseconds(used?.duration_ms)],
    ['Characters', of('characters')],
    ['Searches', of('search_units')],
    ['Pages', of('pages')],
    ['Service tier', used?.service_tier],
    ['Metering', used?.inconsistent ? `${metering}, but the total does not add up` : metering],
  ];
}

// What each of several models has used.
function shares({ model, usage_metadata: used }) {
  const sum = (...figures) => count(figures.reduce((all, figure) => all + (figure ?? 0), 0));
  const rows = (used?.parts ?? []).map(({ model: own, usage: share }) => [
    own ?? model ?? 'the model',
    `${sum(share.input_uncached, share.cache_read, share.cache_write)} in, ${sum(share.output_visible, share.reasoning)} out`,
  ]);
  return rows.length ? part('Usage by model', facts(rows)) : null;
}

function cost({ cost_ticks: ticks, cost_unknown: isUnknown, metering }) {
  if (ticks != null) return dollars(ticks);
  if (metering === 'free') return 'free';
  if (metering === 'repeated') return 'none: billed before';
  return isUnknown ? 'not known' : null;
}

// Streams of chat completions tell their usage only to those who ask.
function hint({ model_type: kind, stream, success, metering, tokens_in: input }) {
  const isSilent = kind === 'chat' && stream && success && metering === 'complete' && input == null;
  return isSilent
    ? html('p', { class: 'faint' }, 'The provider told none: the client can ask for it by ',
      html('code', {}, 'stream_options.include_usage'), ', or the gateway by ', html('code', {}, '--ask-for-usage'), '.')
    : null;
}

// What an answer from the cache would have used and cost.
function saved({ cached, saved_tokens: tokens, saved_cost_ticks: ticks }) {
  if (!cached || (tokens == null && ticks == null)) return null;
  return [tokens == null ? null : `${count(tokens)} tokens`, ticks == null ? null : dollars(ticks)].filter(Boolean).join(', ');
}

function source(text) {
  if (text === 'cache') return 'the cache: it costs nothing';
  if (text === 'reported') return 'the provider, in the response';
  if (text === 'custom') return 'the request, by cf-aig-custom-cost';
  return text?.startsWith('table') ? `price ${text.replace('table', 'table of')}` : text;
}

const exchange = (record) => [
  ['Outcome', record.outcome],
  ['Failure', record.failure],
  ['Gateway’s error', record.gateway_code],
  ['Provider’s error', record.provider_error === '' ? 'without a code' : record.provider_error],
  ['Status', record.status_code],
  ['Provider', record.provider],
  ['Model', record.model],
  ['Model asked for', record.request_model],
  ['Operation', inWords(record.model_type)],
  ['Account', record.account],
  ['Gateway', record.gateway],
  ['Endpoint', record.request_type],
  ['Event id', record.event_id],
  ['Provider’s request id', record.provider_request_id],
  ['Upstream calls', record.attempts],
  ['Fallback step', record.step || null],
  ['Cache', record.cache_status],
  ['Key of the entry', record.cache_entry],
  ['Saved by it', saved(record)],
  ['End of stream', record.terminal],
  ['User agent', record.user_agent],
  ['Request', `${bytes(record.request_size)}${record.request_content_type ? `, ${record.request_content_type}` : ''}`],
  ['Response', `${bytes(record.response_size)}${record.response_content_type ? `, ${record.response_content_type}` : ''}`],
].map(([name, value]) => [name, value == null ? null : String(value)]);

function body(title, text, isComplete) {
  if (text == null) return null;
  return part(title,
    isComplete === false ? html('p', { class: 'faint' }, 'Only its beginning was kept.') : null,
    html('pre', { tabindex: '0' }, text));
}
