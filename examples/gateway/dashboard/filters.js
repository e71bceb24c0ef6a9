// What is looked at: a time range and filters, kept in the page's address.

import { byId, html } from './dom.js';
import { OPERATIONS } from './operations.js';

const MINUTE = 60_000;

// From how far back, and in how large steps; both in milliseconds.
const RANGES = {
  '15m': { span: 15 * MINUTE, bucket: MINUTE / 2, words: '15 minutes' },
  '1h': { span: 60 * MINUTE, bucket: MINUTE, words: 'hour' },
  '24h': { span: 24 * 60 * MINUTE, bucket: 30 * MINUTE, words: '24 hours' },
  '7d': { span: 7 * 24 * 60 * MINUTE, bucket: 180 * MINUTE, words: '7 days' },
};

const FIELDS = ['provider', 'model', 'outcome', 'operation', 'status', 'event-id', 'metadata-key', 'metadata-value', 'subject', 'by-label', 'label-value'];
const TYPING_PAUSE = 250;

export class Filters {
  #changed;
  #choices = [];
  #timer;

  constructor(changed) {
    this.#changed = changed;
    const address = new URLSearchParams(location.search);
    byId('operation').append(...OPERATIONS.map(([name, words]) => html('option', { value: name }, words)));
    const range = document.querySelector(`#ranges input[value="${CSS.escape(address.get('range') ?? '')}"]`);
    if (range) range.checked = true;
    for (const name of FIELDS) {
      const value = address.get(name) ?? '';
      const field = byId(name);
      if (field.tagName === 'SELECT' && (name === 'provider' || name === 'model') && value) field.append(option(value));
      field.value = value;
      field.addEventListener('change', () => this.#apply());
      if (field.tagName === 'INPUT') field.addEventListener('input', () => this.#applySoon());
    }
    byId('provider').addEventListener('change', () => this.#offer());
    byId('ranges').addEventListener('change', () => this.#apply());
    byId('clear').addEventListener('click', () => this.clear());
    for (const form of ['filters', 'caller']) byId(form).addEventListener('submit', (event) => event.preventDefault());
  }

  get range() {
    return RANGES[document.querySelector('#ranges input:checked').value];
  }

  // Whole buckets, so that a bar stays the same bar while time goes on.
  get window() {
    const { span, bucket } = this.range;
    const to = Math.ceil((Date.now() + 1) / bucket) * bucket;
    return { from: to - span, to, bucket };
  }

  get scope() {
    const value = byId('label-value').value;
    return {
      provider: byId('provider').value, model: byId('model').value, subject: byId('subject').value,
      ...(this.label && value ? { [`label.${this.label}`]: value } : {}),
    };
  }

  // The label by which callers are summed up.
  get label() {
    return byId('by-label').value.trim();
  }

  get log() {
    const [name, value] = byId('outcome').value.split('=');
    const status = byId('status').value.trim();
    return {
      ...this.scope,
      ...(name ? { [name]: value } : {}),
      operation: byId('operation').value,
      status: /^[1-9](\d\d|xx)$/i.test(status) ? status.toLowerCase() : '',
      event_id: byId('event-id').value.trim(),
      // One without the other asks for nothing.
      'metadata.key': byId('metadata-value').value && byId('metadata-key').value,
      'metadata.value': byId('metadata-key').value && byId('metadata-value').value,
    };
  }

  get isScoped() {
    return Object.values(this.scope).some(Boolean);
  }

  get isAny() {
    return FIELDS.some((name) => byId(name).value !== '');
  }

  // What is not in it stays as it is.
  choose(scope) {
    for (const [name, value] of Object.entries(scope)) {
      set(byId(name), value);
      if (name === 'provider') this.#offer();
    }
    this.#apply();
  }

  clear() {
    for (const name of FIELDS) byId(name).value = '';
    this.#offer();
    this.#apply();
  }

  // The providers and models that there are to choose from: [{ provider, model }].
  offer(choices) {
    this.#choices = choices;
    this.#offer();
  }

  #offer() {
    const provider = byId('provider');
    options(provider, this.#choices.map((choice) => choice.provider));
    const own = this.#choices.filter((choice) => !provider.value || choice.provider === provider.value);
    options(byId('model'), own.map((choice) => choice.model));
  }

  #applySoon() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#apply(), TYPING_PAUSE);
  }

  #apply() {
    clearTimeout(this.#timer);
    const address = new URLSearchParams({ range: document.querySelector('#ranges input:checked').value });
    for (const name of FIELDS) {
      if (byId(name).value !== '') address.set(name, byId(name).value);
    }
    history.replaceState(null, '', `?${address}`);
    this.#changed();
  }
}

const option = (value) => html('option', { value }, value);

function options(select, values) {
  const wanted = [...new Set(values.filter((value) => value != null && value !== ''))].sort();
  // What is chosen stays to be seen, even where there is nothing of it any more.
  if (select.value && !wanted.includes(select.value)) wanted.push(select.value);
  const present = [...select.options].slice(1).map((one) => one.value);
  if (JSON.stringify(present) === JSON.stringify(wanted)) return;
  const { value } = select;
  select.replaceChildren(select.options[0], ...wanted.map(option));
  select.value = value;
}

function set(field, value) {
  if (field.tagName === 'SELECT' && value && ![...field.options].some((one) => one.value === value)) field.append(option(value));
  field.value = value;
}
