import { describe, expect, it } from 'vitest';
import { formatListener, LISTENER, placeKey } from '../../src/cli/listener.ts';

describe('--listen', () => {
  it.each([
    ['smtp://127.0.0.1:2525', 'smtp', { host: '127.0.0.1', port: 2525 }],
    ['smtp://127.0.0.1:0', 'smtp', { host: '127.0.0.1', port: 0 }],
    ['smtp://localhost/', 'smtp', { host: 'localhost', port: 25 }],
    ['smtps://mx.example.org', 'smtps', { host: 'mx.example.org', port: 465 }],
    ['submission://0.0.0.0', 'submission', { host: '0.0.0.0', port: 587 }],
    ['submissions://[::]', 'submissions', { host: '::', port: 465 }],
    ['submissions://[2001:db8::1]:4465', 'submissions', { host: '2001:db8::1', port: 4465 }],
    ['lmtp://127.0.0.1', 'lmtp', { host: '127.0.0.1', port: 24 }],
    ['lmtp:/run/ehlo.sock', 'lmtp', { path: '/run/ehlo.sock' }],
    ['smtp:/run/ehlo 1/[a]:b.sock', 'smtp', { path: '/run/ehlo 1/[a]:b.sock' }],
    [`lmtp:/${'x'.repeat(102)}`, 'lmtp', { path: `/${'x'.repeat(102)}` }],
    ['smtp:fd/3', 'smtp', { fd: 3 }],
    ['submission:fd/12', 'submission', { fd: 12 }],
  ] as const)('takes %s', (written, scheme, place) => {
    expect(LISTENER.parse(written)).toEqual({ scheme, place });
  });

  it.each([
    '', 'smtp', 'smtp:', 'smtp:/', 'smtp://', 'smtp:///', 'smtp://:25', 'smtp:127.0.0.1:25', '127.0.0.1:25', '/run/ehlo.sock', // no scheme, no place
    'http://127.0.0.1', 'SMTP://127.0.0.1', 'toString://127.0.0.1', ' smtp://127.0.0.1', // no such scheme
    'smtp://127.0.0.1:', 'smtp://127.0.0.1:65536', 'smtp://127.0.0.1:-1', 'smtp://127.0.0.1:2x', 'smtp://127.0.0.1:000025', // no port
    'smtp://::1', 'smtp://[::1', 'smtp://::1]', 'smtp://[127.0.0.1]', 'smtp://[mx.test]', 'smtp://a b', 'smtp://-a', 'smtp://user@mx.test', // no host
    'smtp://127.0.0.1/path', 'smtp://127.0.0.1?x', 'smtp://127.0.0.1//',
    'smtp:fd/0', 'smtp:fd/2', 'smtp:fd/', 'smtp:fd/03', 'smtp:fd/x', 'smtp:fd/123456', 'smtp://fd/3', 'smtp:run/ehlo.sock',
    `smtp:/${'x'.repeat(103)}`, // longer than the address of a Unix socket
  ])('refuses %j', (written) => {
    expect(LISTENER.parse(written)).toBeUndefined();
  });
});

it('two listeners may each ask for any free port', () => {
  const keys = ['smtp://127.0.0.1:0', 'smtp://127.0.0.1:25'].map((written) => LISTENER.parse(written)).map((listener) => listener && placeKey(listener));
  expect(keys).toEqual([undefined, '127.0.0.1:25']);
});

describe('the line of a listener', () => {
  it.each([
    ['smtp://127.0.0.1:0', 2525, 'smtp://127.0.0.1:2525'],
    ['submissions://[::1]:465', 465, 'submissions://[::1]:465'],
    ['lmtp:/run/ehlo.sock', 0, 'lmtp:/run/ehlo.sock'],
    ['smtp:fd/3', 0, 'smtp:fd/3'],
  ])('of %s on port %i is %s', (written, port, line) => {
    const listener = LISTENER.parse(written);
    expect(listener && formatListener(listener, port)).toBe(line);
  });
});
