import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { MetricServer } from '../../src/node/metric-server.ts';
import { RawPeer } from '../support/raw-peer.ts';

let server: MetricServer;
beforeEach(async () => {
  server = await MetricServer.open({ host: '127.0.0.1', port: 0 });
});
afterEach(() => server.close());

async function ask(request: string): Promise<string> {
  const peer = await RawPeer.connect(server.port);
  peer.say(`${request}\r\nHost: localhost\r\n\r\n`);
  return peer.rest();
}

describe('the metrics over HTTP', () => {
  it('are told in their own format, as they are when they are asked for', async () => {
    let asked = 0;
    server.begin(async () => `ehlo_sessions_total ${++asked}\n`);
    await ask('GET /metrics HTTP/1.1');
    const answer = await ask('GET /metrics?x=y HTTP/1.1');
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer).toContain('\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n');
    expect(answer).toContain('ehlo_sessions_total 2\n');
  });

  it.each([
    ['another path', 'GET / HTTP/1.1', /^HTTP\/1\.1 404 /],
    ['another method', 'POST /metrics HTTP/1.1', /^HTTP\/1\.1 405 [^]*\r\nAllow: GET, HEAD\r\n/],
    ['HEAD', 'HEAD /metrics HTTP/1.1', /^HTTP\/1\.1 200 [^]*\r\n\r\n$/],
    ['what is no HTTP', 'EHLO client.test', /^HTTP\/1\.1 400 /],
  ])('%s', async (_, request, answer) => {
    server.begin(async () => 'ehlo_sessions_total 1\n');
    expect(await ask(request)).toMatch(answer);
  });

  it('are 503 before there are any, and 500 where they are not to be had', async () => {
    expect(await ask('GET /metrics HTTP/1.1')).toMatch(/^HTTP\/1\.1 503 /);
    server.begin(() => Promise.reject(new Error('a secret')));
    const answer = await ask('GET /metrics HTTP/1.1');
    expect(answer).toMatch(/^HTTP\/1\.1 500 /);
    expect(answer).not.toContain('secret');
  });

  // found by trying: sixteen connections that said nothing kept everybody else out for twenty seconds
  it('are told though others have connected and ask nothing', async () => {
    server.begin(async () => 'ehlo_sessions_total 1\n');
    const idle = await Promise.all(Array.from({ length: 16 }, () => RawPeer.connect(server.port)));
    expect(await ask('GET /metrics HTTP/1.1')).toMatch(/^HTTP\/1\.1 200 /);
    for (const { socket } of idle) socket.destroy();
  });

  it('need a port of their own', async () => {
    await expect(MetricServer.open({ host: '127.0.0.1', port: server.port })).rejects.toThrow(`cannot listen on 127.0.0.1:${server.port}: the port is in use`);
  });
});
