// A command's options as one table, from which they are parsed and from which --help is printed.
//
//   const OPTIONS = {
//     resolver:            many(DNS_SERVER, 'ask this DNS server instead of the system\'s'),
//     mxPort:              one(PORT, 'port of the hosts that MX records name', '25'),
//     smarthost:           one(NEXT_HOP, 'next hop of all mail, instead of MX'),
//     allowPrivateTargets: flag('let MX targets be private addresses'),
//   };
//
// The key `mxPort` is written `--mx-port`. `command-line.ts` turns such a table into values under the same keys, each
// with the type of its kind. Left out on purpose: short options, abbreviations, `--no-…`.

import { type NextHop, parseNextHop, parseRoute, parseServer, type RouteEntry } from '../relay/next-hop.ts';
import { parseDuration, parseIntervals } from '../relay/schedule.ts';
import { parseHost } from '../syntax/domain.ts';
import { isFault } from '../syntax/fault.ts';
import { parseIpv4, parseIpv6 } from '../syntax/ip-address.ts';

/** What a value of an option is: its place-holder in the help, what would be right in words, how it is read. */
export interface Kind<Value> {
  readonly placeholder: string;
  readonly expected: string;
  /** Returns undefined for text that is not such a value. */
  readonly parse: (text: string) => Value | undefined;
}

/** A row of the table, made by `one`, `many` or `flag`. */
export interface Option<Value> {
  readonly kind: Kind<unknown> | undefined; // undefined: a flag, which takes no value
  readonly repeatable: boolean;
  readonly defaults: readonly string[]; // as they would be written
  readonly help: string;
  readonly combine: (values: readonly unknown[]) => Value;
  /** What each of several values is about: with two about the same, one would be lost. */
  readonly keyOf?: (value: never) => string | undefined;
}

export type OptionTable = Readonly<Record<string, Option<unknown>>>;

export type OptionValues<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends Option<infer Value> ? Value : never;
};

/** The values given to an option, as they were written, and where: `--mx-port`, or its name in a file. */
export interface Given {
  readonly place: string;
  readonly texts: readonly string[];
}

/** Returns the option's name as it is written: `--mx-port` for `mxPort`. */
export function dashed(name: string): string {
  return `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** An option with at most one value; where it is given again, the last one counts. Without a default it may be undefined. */
export function one<Value>(kind: Kind<Value>, help: string, byDefault: string): Option<Value>;
export function one<Value>(kind: Kind<Value>, help: string): Option<Value | undefined>;
export function one<Value>(kind: Kind<Value>, help: string, byDefault?: string): Option<Value | undefined> {
  const defaults = byDefault === undefined ? [] : [byDefault];
  return { kind, repeatable: false, defaults, help, combine: (values) => values.at(-1) as Value | undefined };
}

/** An option that may be given again and again, though once only for each key; the defaults hold only where it is not given at all. */
export function many<Value>(kind: Kind<Value>, help: string, defaults: readonly string[] = [], keyOf?: (value: Value) => string | undefined): Option<readonly Value[]> {
  return { kind, repeatable: true, defaults, help, combine: (values) => values as readonly Value[], ...(keyOf === undefined ? {} : { keyOf }) };
}

/** An option without a value. */
export function flag(help: string): Option<boolean> {
  return { kind: undefined, repeatable: false, defaults: [], help, combine: (values) => values.length > 0 };
}

// The kinds. Those that only one command has (a listener's URL, say) stand with that command.

/** Any text but the empty one, and what was no text. */
export function text(placeholder: string, expected: string): Kind<string> {
  return { placeholder, expected, parse: (written) => (written === '' || isMalformed(written) ? undefined : written) };
}

export function choice<Word extends string>(...words: readonly Word[]): Kind<Word> {
  return { placeholder: words.join('|'), expected: `one of ${words.join(', ')}`, parse: (written) => words.find((word) => word === written) };
}

export function integer(placeholder: string, least: number, most: number = Number.MAX_SAFE_INTEGER): Kind<number> {
  const expected = most === Number.MAX_SAFE_INTEGER ? `an integer, ${least} or more` : `an integer from ${least} to ${most}`;
  return {
    placeholder,
    expected,
    parse(written) {
      const value = /^\d{1,16}$/.test(written) ? Number(written) : NaN;
      return value >= least && value <= most ? value : undefined;
    },
  };
}

/** As many as a timer of Node's can wait for. */
export const SECONDS: Kind<number> = integer('SECONDS', 1, 2_147_483);

export const FILE: Kind<string> = text('FILE', 'the name of a file, in UTF-8');
export const DIR: Kind<string> = text('DIR', 'the name of a directory, in UTF-8');
export const PORT: Kind<number> = integer('PORT', 1, 65535);

/** Milliseconds. */
export const DURATION: Kind<number> = { placeholder: 'DURATION', expected: 'a duration such as 90s, 30m, 2h or 5d, up to 36500d', parse: parseDuration };

/** Milliseconds each. */
export const INTERVALS: Kind<readonly number[]> = { placeholder: 'LIST', expected: 'durations parted by commas, such as 7m,30m,1h,3h, each up to 36500d', parse: parseIntervals };

/** Tells whether an argument was no UTF-8, of which Node makes U+FFFD: as an address or a path it would be another one than was meant. */
export function isMalformed(written: string): boolean {
  return written.includes('\ufffd');
}

/** What a host calls itself in EHLO and in its banner (RFC 5321 §4.1.1.1). */
export const HOSTNAME: Kind<string> = {
  placeholder: 'NAME',
  expected: 'a domain such as mx.example.org, or an address literal such as [192.0.2.1]',
  parse: (written) => (isFault(parseHost(written)) || parseIpv4(written) !== undefined ? undefined : written), // an address is no domain, though it has the form of one
};

/** Where to listen: port 0 is any free one. */
export function bound(expected: string): Kind<NextHop> {
  return {
    placeholder: 'HOST:PORT',
    expected,
    parse(written) {
      const [, host, port] = /^(.+):(\d{1,5})$/.exec(written) ?? [];
      const place = host === undefined ? undefined : parseNextHop(`${host}:${port === '0' ? 1 : port}`);
      return place === undefined ? undefined : { host: place.host, port: Number(port) };
    },
  };
}

export const HOST_PORT: Kind<NextHop> = {
  placeholder: 'HOST:PORT',
  expected: 'HOST:PORT, such as mx.example.org:25, 192.0.2.1:25 or [2001:db8::1]:25',
  parse: (written) => parseNextHop(written, 25),
};

export const NEXT_HOP: Kind<NextHop> = {
  placeholder: 'HOST:PORT',
  expected: `${HOST_PORT.expected}, perhaps behind smtp://, smtps:// (TLS at once, not on port 25 or 587) or lmtp:// (not on port 25)`,
  parse: parseServer,
};

export const ROUTE: Kind<RouteEntry> = {
  placeholder: 'DOMAIN=HOST:PORT',
  expected: 'DOMAIN=HOST:PORT, DOMAIN=smtps://HOST:PORT (TLS at once, not on port 25 or 587) or DOMAIN=lmtp://HOST:PORT (not on port 25), where DOMAIN, as xn--… where it is not ASCII, may also be .DOMAIN for all that is below it, or *',
  parse: parseRoute,
};

/** The address and port as `dns.setServers` takes them: `192.0.2.1:53`, `[2001:db8::1]:53`. */
export const DNS_SERVER: Kind<string> = {
  placeholder: 'IP[:PORT]',
  expected: 'the address of a DNS server, such as 192.0.2.1, 127.0.0.1:5353 or [2001:db8::1]:53',
  parse(written) {
    const server = parseNextHop(written.includes('::') && !written.includes('[') ? `[${written}]` : written, 53);
    if (server === undefined) return undefined;
    if (parseIpv4(server.host) !== undefined) return `${server.host}:${server.port}`;
    return parseIpv6(server.host) === undefined ? undefined : `[${server.host}]:${server.port}`;
  },
};
