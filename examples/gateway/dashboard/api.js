// Asking the gateway.

const BASE = '/dashboard/api';

// What went wrong, in words for whoever looks at the page.
export class Problem extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

export async function get(path, parameters = {}, signal) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== '' && value != null) query.set(name, value);
  }
  const suffix = query.size ? `?${query}` : '';
  return ask(`${path}${suffix}`, { signal });
}

export const patch = (path, change) => send('PATCH', path, change);

export const post = (path, change) => send('POST', path, change);

function send(method, path, change) {
  const headers = { 'content-type': 'application/json' };
  return ask(path, { method, headers, body: JSON.stringify(change) });
}

async function ask(path, options) {
  let response;
  try {
    response = await fetch(BASE + path, { ...options, cache: 'no-store' });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new Problem('The gateway does not answer. It may have been stopped; this page goes on trying.');
  }
  if (!response.ok) throw new Problem(await reason(response), response.status);
  return parse(await response.text());
}

async function reason(response) {
  switch (response.status) {
    case 400: return `The gateway does not understand: ${await said(response)}.`;
    case 401: return 'The gateway wants its admin token: reload the page to give it.';
    case 403: return 'This page may be seen from the gateway’s own machine only.';
    case 503: return `The gateway could not do it: ${await said(response)}.`;
    case 404: return 'The log has no such entry any more.';
    default: return `The log could not be read (status ${response.status}).`;
  }
}

async function said(response) {
  try {
    return (await response.json()).error.message;
  } catch {
    return 'it did not say what';
  }
}

// Ticks are integers beyond what a float holds: their digits are taken as they were sent.
function parse(text) {
  return JSON.parse(text, (name, value, context) =>
    name.endsWith('cost_ticks') && value !== null ? BigInt(context?.source ?? value) : value);
}
