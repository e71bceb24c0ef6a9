// A provider that answers what the request's `script` says, for what the stand-in never says.

import http from 'node:http';

export async function startProvider() {
  const server = http.createServer((request, response) => {
    let text = '';
    request.setEncoding('utf8').on('data', (piece) => { text += piece; });
    request.on('end', () => play(JSON.parse(text || '{}').script ?? {}, response));
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    url: `http://127.0.0.1:${server.address().port}/v1`,
    stop: () => { server.closeAllConnections(); server.close(); },
  };
}

function play({ status = 200, json, text = JSON.stringify(json), events, then }, response) {
  if (events) {
    response.writeHead(status, { 'content-type': 'text/event-stream' });
    for (const event of events) response.write(`data: ${typeof event === 'string' ? event : JSON.stringify(event)}\n\n`);
    if (then === 'break') setImmediate(() => response.destroy());
    else if (then !== 'hang') response.end();
  } else {
    response.writeHead(status, { 'content-type': 'application/json' });
    response.end(text);
  }
}
