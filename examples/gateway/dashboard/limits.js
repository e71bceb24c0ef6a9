// The limits of gateways: those near their end first, with whom they count.

import { get } from './api.js';
import { byId, html, setChildren, setText, show } from './dom.js';
import { count, dollars, percent } from './format.js';

// Of a build without limits, there are none.
const NONE = { rules: [], refused: 0, would_refuse: 0, store_failures: 0 };
const NEAR = 0.8;

export class Limits {
  #body = byId('limit-rows').tBodies[0];

  async refresh(signal) {
    const limits = await get('/limits', {}, signal).catch((error) => {
      if (error.status === 404) return NONE;
      throw error;
    });
    show(byId('limits'), limits.rules.length > 0);
    setText(byId('limits-refused'), count(limits.refused));
    setText(byId('limits-would-refuse'), count(limits.would_refuse));
    setText(byId('limits-store-failures'), count(limits.store_failures));
    const known = new Map([...this.#body.rows].map((row) => [row.dataset.key, row]));
    const rows = limits.rules.map((rule) => {
      const key = JSON.stringify([rule.account, rule.gateway, rule.rule, rule.measure, rule.window]);
      const row = known.get(key) ?? newRow(rule, key);
      fill(row, rule);
      return row;
    });
    setChildren(this.#body, rows);
  }
}

const share = (used, { capacity }) => Math.min(1, used / Math.max(1, capacity));

function newRow(rule, key) {
  const cell = (name) => html('td', { class: name });
  const row = html('tr', {}, html('th', { scope: 'row' }, html('span', {}, rule.rule), html('span', { class: 'tag' }, 'shadow')),
    cell('gateway'), cell('allowed'), html('td', { class: 'used' }, html('meter', { min: 0, max: 1, high: NEAR }), html('span', {})),
    html('td', {}, html('ul', { class: 'users' })), cell('number'), cell('number'), cell('number'));
  row.dataset.key = key;
  return row;
}

function fill(row, rule) {
  const [head, gateway, allowed, used, users, refused, wouldRefuse, failures] = row.cells;
  show(head.lastChild, rule.shadow);
  setText(gateway, rule.account == null ? rule.gateway : `${rule.account}/${rule.gateway}`);
  setText(allowed, `${amount(rule.limit, rule)} per ${rule.window}`);
  const most = rule.top.length ? share(rule.top[0].used, rule) : 0;
  used.firstChild.value = most;
  used.firstChild.setAttribute('aria-label', `${percent(most)} of ${rule.rule} used`);
  setText(used.lastChild, percent(most));
  used.classList.toggle('bad', most >= NEAR);
  const list = users.firstChild;
  const texts = rule.top.map((counter) => `${whom(counter.values)}: ${amount(counter.used, rule)} (${percent(share(counter.used, rule))})`);
  setChildren(list, texts.map((text, index) => {
    const item = list.children[index] ?? html('li', {});
    setText(item, text);
    return item;
  }));
  setText(refused, count(rule.refused));
  setText(wouldRefuse, count(rule.would_refuse));
  setText(failures, count(rule.store_failures));
}

// A rule that counts by nothing counts all together.
const whom = (values) => (values.length ? values.map((value) => value || 'none').join(', ') : 'all');

const UNITS = { requests: 'request', tokens: 'token', input_tokens: 'input token', output_tokens: 'output token' };

// Money is in ticks.
const amount = (value, { measure }) =>
  measure === 'cost' ? dollars(value) : `${count(value)} ${UNITS[measure] ?? measure}${value === 1 ? '' : 's'}`;
