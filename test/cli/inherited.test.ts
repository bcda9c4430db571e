import { describe, expect, it } from 'vitest';
import { inheritedListeners } from '../../src/cli/listener.ts';

describe('the sockets that systemd hands on', () => {
  it.each([
    ['one without a name speaks SMTP', { LISTEN_PID: '7', LISTEN_FDS: '1' }, ['smtp 3']],
    ['each speaks what it is named after', { LISTEN_PID: '7', LISTEN_FDS: '3', LISTEN_FDNAMES: 'submissions:ehlo.socket:lmtp' }, ['submissions 3', 'smtp 4', 'lmtp 5']],
    ['those of another process are none', { LISTEN_PID: '8', LISTEN_FDS: '1' }, []],
    ['what is no number is none', { LISTEN_PID: '7', LISTEN_FDS: '1e3' }, []],
    ['without any there are none', {}, []],
    ['a name that every object has is no scheme', { LISTEN_PID: '7', LISTEN_FDS: '1', LISTEN_FDNAMES: 'constructor' }, ['smtp 3']],
  ])('%s', (_, environment, listeners) => {
    expect(inheritedListeners(environment, 7).map(({ scheme, place }) => `${scheme} ${'fd' in place ? place.fd : ''}`)).toEqual(listeners);
  });
});
