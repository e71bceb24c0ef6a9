// The gateway's own binary, as a process.

import { spawn } from 'node:child_process';
import http from 'node:http';
import { createServer } from 'node:net';

import { until } from './harness.mjs';

// Each ends with this process, and there are more of them than the usual ten.
process.setMaxListeners(100);

export class Gateway {
  static async start(binary, options, environment = {}) {
    const listen = `127.0.0.1:${await freePort()}`;
    const admin = `127.0.0.1:${await freePort()}`;
    const gateway = new Gateway();
    gateway.origin = `http://${listen}`;
    // The operator's pages have an address of their own.
    gateway.admin = `http://${admin}`;
    gateway.said = '';
    gateway.process = spawn(binary, ['--listen', listen, '--admin', admin, ...options], {
      env: { PATH: process.env.PATH, ...environment }, stdio: ['ignore', 'pipe', 'pipe'],
    });
    gateway.ended = new Promise((done) => gateway.process.on('close', done));
    for (const stream of [gateway.process.stdout, gateway.process.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => { gateway.said += text; });
    }
    process.on('exit', () => gateway.process.kill('SIGKILL'));
    await until(`the gateway listens: ${gateway.said}`, () => gateway.said.includes('dashboard at'));
    return gateway;
  }

  // Asks it to stop; the exit code, once it has.
  stop() {
    this.process.kill('SIGTERM');
    return this.ended;
  }

  // A request with just these headers: { status, headers, text }.
  ask(path, { method = 'GET', headers = {}, body, at } = {}) {
    return new Promise((done, fail) => {
      const origin = path.startsWith('/dashboard') ? this.admin : this.origin;
      const request = http.request(origin, { method, path, headers, agent: false, setHost: !('host' in headers) }, (response) => {
        at?.head?.(response, request);
        let text = '';
        response.setEncoding('utf8').on('data', (piece) => {
          text += piece;
          at?.data?.(request);
        });
        const end = () => done({ status: response.statusCode, headers: response.headers, text });
        response.on('end', end).on('error', end);
      });
      request.on('error', fail);
      request.end(body);
    });
  }

  async json(path) {
    const { status, text } = await this.ask(path);
    if (status !== 200) throw new Error(`${path}: ${status} ${text}`);
    return JSON.parse(text);
  }
}

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}
