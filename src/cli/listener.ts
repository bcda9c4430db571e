// Where to listen, and what is spoken there: `smtp://127.0.0.1:2525`, `submissions://[::]:465`, `lmtp:/run/ehlo.sock`, or
// `smtp:fd/3`, a listening descriptor that was inherited (systemd hands them on from 3).

import { encodeUtf8 } from '../wire/utf8.ts';
import { parseDomain } from '../syntax/domain.ts';
import { isFault } from '../syntax/fault.ts';
import { formatHostPort, parseIpv4, parseIpv6 } from '../syntax/ip-address.ts';
import type { Kind } from './option.ts';

/** A scheme's default port, and what it means: TLS at once (RFC 8314), AUTH needed to send (RFC 6409), LMTP (RFC 2033). */
export const SCHEMES = {
  smtp:        { port: 25,  tlsAtOnce: false, submission: false, lmtp: false },
  smtps:       { port: 465, tlsAtOnce: true,  submission: false, lmtp: false },
  submission:  { port: 587, tlsAtOnce: false, submission: true,  lmtp: false },
  submissions: { port: 465, tlsAtOnce: true,  submission: true,  lmtp: false },
  lmtp:        { port: 24,  tlsAtOnce: false, submission: false, lmtp: true },
} as const;

export type Scheme = keyof typeof SCHEMES;

export interface Listener {
  readonly scheme: Scheme;
  readonly place: { readonly host: string; readonly port: number } | { readonly path: string } | { readonly fd: number };
}

export const LISTENER: Kind<Listener> = {
  placeholder: 'URL',
  expected: 'SCHEME://HOST:PORT, SCHEME:/PATH (of 103 octets at most) or SCHEME:fd/N, such as smtp://127.0.0.1:2525, submissions://[::]:465 or lmtp:/run/ehlo.sock; the schemes are smtp, smtps, submission, submissions, lmtp (not on port 25)',
  parse(written) {
    const [, name = '', rest = ''] = /^([a-z]+):(.+)$/.exec(written) ?? [];
    const scheme = (Object.keys(SCHEMES) as Scheme[]).find((known) => known === name); // the keys are the table's own
    if (scheme === undefined) return undefined;
    if (/^\/[^/]/.test(rest)) return encodeUtf8(rest).length <= LONGEST_PATH ? { scheme, place: { path: rest } } : undefined;
    const [, descriptor] = /^fd\/([3-9]|[1-9]\d{1,4})$/.exec(rest) ?? []; // 0 to 2 are the terminal's
    if (descriptor !== undefined) return { scheme, place: { fd: Number(descriptor) } };
    const [, bracketed, plain, digits] = /^\/\/(?:\[([^\]]+)\]|([^:[\]/]+))(?::(\d{1,5}))?\/?$/.exec(rest) ?? [];
    const host = bracketed === undefined ? hostOf(plain) : parseIpv6(bracketed) && bracketed;
    const port = digits === undefined ? SCHEMES[scheme].port : Number(digits);
    if (scheme === 'lmtp' && port === 25) return undefined; // RFC 2033 §5: the port of SMTP must not speak it
    return host === undefined || port > 65_535 ? undefined : { scheme, place: { host, port } };
  },
};

/** Where that is, as nobody else can listen there; undefined where any free port will do. */
export function placeKey({ scheme, place }: Listener): string | undefined {
  if ('port' in place && place.port === 0) return undefined;
  return formatListener({ scheme, place }, 'port' in place ? place.port : 0).replace(/^[a-z]+:(?:\/\/)?/, '');
}

/** The first descriptor that systemd hands on. */
const FIRST_INHERITED = 3;

/**
 * The listeners that systemd hands on (sd_listen_fds(3)): none where that is meant for another process. A socket whose name
 * (`FileDescriptorName=`) is a scheme speaks that; any other speaks SMTP.
 */
export function inheritedListeners(environment: Readonly<Record<string, string | undefined>>, pid: number): readonly Listener[] {
  const { LISTEN_PID: owner, LISTEN_FDS: count = '', LISTEN_FDNAMES: names = '' } = environment;
  if (owner !== String(pid) || !/^\d{1,3}$/.test(count)) return [];
  const named = names.split(':');
  return Array.from({ length: Number(count) }, (_, index) => {
    const scheme = (Object.keys(SCHEMES) as Scheme[]).find((known) => known === named[index]) ?? 'smtp'; // the keys are the table's own
    return { scheme, place: { fd: FIRST_INHERITED + index } };
  });
}

/** Octets that the address of a Unix socket has room for, everywhere. */
const LONGEST_PATH = 103;

/** The host, where it is a domain or an IPv4 address. */
function hostOf(plain = ''): string | undefined {
  return parseIpv4(plain) === undefined && isFault(parseDomain(plain)) ? undefined : plain;
}

/** The listener's URL, with the port that was given where it asked for any. */
export function formatListener({ scheme, place }: Listener, port: number): string {
  if ('path' in place) return `${scheme}:${place.path}`;
  if ('fd' in place) return `${scheme}:fd/${place.fd}`;
  return `${scheme}://${formatHostPort(place.host, port)}`;
}
