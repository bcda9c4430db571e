// The options of `ehlo serve`, as the command line has them and the file of `--config`.

import { isFault } from '../syntax/fault.ts';
import { parseHost } from '../syntax/domain.ts';
import { parseMailbox } from '../syntax/mailbox.ts';
import { LENIENCIES, type LeniencyName } from '../protocol/leniency.ts';
import { LIMITS } from '../protocol/limit.ts';
import type { Admission } from '../relay/admission.ts';
import { parseCidr, type Cidr } from '../relay/cidr.ts';
import type { Usage } from './command-line.ts';
import { LISTENER, placeKey } from './listener.ts';
import { bound, choice, DIR, DURATION, FILE, integer, INTERVALS, many, one, text, type Kind, type OptionValues } from './option.ts';
import { ROUTING } from './routing.ts';

/** A domain by its key, or `*`; with the local part of the one mailbox, in lower case, that is meant. */
interface Accepted {
  readonly domain: string;
  readonly local?: string;
}

const ACCEPTED: Kind<Accepted> = {
  placeholder: 'DOMAIN',
  expected: 'a domain such as example.org (as xn--… where it is not ASCII), * for every domain, or a mailbox such as alice@example.org',
  parse(written) {
    if (written === '*') return { domain: written };
    const host = parseHost(written);
    if (!isFault(host)) return { domain: host.key };
    const mailbox = parseMailbox(written, { utf8: true });
    return isFault(mailbox) || isFault(parseHost(mailbox.domain.key)) ? undefined : { domain: mailbox.domain.key, local: mailbox.unquoted.toLowerCase() };
  },
};

/** Returns the domains that are accepted whole, and the mailboxes of others. */
export function admissionOf(accepted: readonly Accepted[]): Pick<Admission, 'accept'> & Required<Pick<Admission, 'mailboxes'>> {
  const accept = new Set<string>();
  const mailboxes = new Map<string, Set<string>>();
  for (const { domain, local } of accepted) {
    if (local === undefined) accept.add(domain);
    else mailboxes.set(domain, (mailboxes.get(domain) ?? new Set()).add(local));
  }
  return { accept, mailboxes };
}

const CIDR: Kind<Cidr> = { placeholder: 'CIDR', expected: 'a range of addresses such as 192.0.2.0/24 or 2001:db8::/32', parse: parseCidr };

/** The same, as it was written. */
const RANGE: Kind<string> = { ...CIDR, parse: (written) => (parseCidr(written) === undefined ? undefined : written) };

/** Octets of the largest mail that is taken: a little less than the queue can hold, since a Received field is added. */
const LARGEST_MAIL = 4_000_000_000;

const SIZE = integer('OCTETS', 0, LARGEST_MAIL);
const LARGEST: Kind<number> = { ...SIZE, parse: (written) => (SIZE.parse(written) === 0 ? LARGEST_MAIL : SIZE.parse(written)) };

const LENIENT = Object.keys(LENIENCIES) as readonly LeniencyName[];

/** The options of `ehlo serve`. */
export const OPTIONS = {
  listen: many(LISTENER, 'listen here, for smtp, smtps, submission, submissions or lmtp: SCHEME://HOST:PORT, SCHEME:/PATH or SCHEME:fd/N; default: where systemd says, or smtp://127.0.0.1:2525', [], placeKey),
  queue: one(DIR, 'the durable queue; made on first use', './queue'),
  maildir: one(DIR, 'deliver mail for the domains of --accept into this Maildir instead of relaying it'),
  accept: many(ACCEPTED, 'take mail for this domain from anyone; or for this mailbox, and then only for the mailboxes of its domain that are named'),
  relayFrom: many(CIDR, 'clients that may send to any domain', ['127.0.0.0/8', '::1/128']),
  ...ROUTING,
  smarthostUser: one(text('NAME', 'the name of a user'), 'authenticate to the smarthost as this user'),
  smarthostPasswordFile: one(FILE, 'file whose first line is the password; read again on SIGHUP'),
  tlsCert: one(FILE, 'PEM file with the certificate and its chain: offers STARTTLS; read again on SIGHUP'),
  tlsKey: one(FILE, 'PEM file with its key'),
  users: one(FILE, 'who may authenticate: lines made by ehlo passwd; read again on SIGHUP'),
  maxSize: one(LARGEST, 'largest mail; 0: the largest that the queue can hold, 4 GB', String(LIMITS.mailData)),
  maxRecipients: one(integer('N', 1), 'most recipients of a mail', String(LIMITS.recipients)),
  maxConnections: one(integer('N', 1), 'most connections at a time', '1000'),
  maxConnectionsPerClient: one(integer('N', 1), 'most of them from one IPv4 address, or one /64 of IPv6', '50'),
  lenient: many({ ...choice(...LENIENT), placeholder: 'NAME' }, `take what the RFC forbids and some software does: ${LENIENT.join(', ')}`),
  proxyFrom: many(RANGE, 'proxies whose connections begin with a PROXY header'),
  retry: one(INTERVALS, 'intervals between attempts; the last one is repeated', '450s,30m,1h,2h,3h'),
  expire: one(DURATION, 'age at which mail is given up and returned', '5d'),
  delayWarning: one(DURATION, 'age at which the sender of mail that still waits is told', '4h'),
  workers: one(integer('N', 1, 256), 'processes that share the listeners, each with its own part of the queue and an Nth of --max-connections and --max-connections-per-client', '1'),
  user: one(text('NAME', 'the name of a user'), 'become this user once the ports are bound and the key is read; start it as root'),
  metrics: one(bound('HOST:PORT, such as 127.0.0.1:9125'), 'answer GET /metrics here for Prometheus; there is no password, so keep it on loopback'),
  log: one(choice<'text' | 'json'>('text', 'json'), 'one line for each event', 'text'),
  trace: one(DIR, 'write every session, with clients and with servers, into this folder as a transcript, secrets struck out; made on first use'),
  config: one(FILE, 'JSON file with values for these options'),
};

export const USAGE = {
  name: 'ehlo serve',
  operands: '',
  operandCount: { least: 0, most: 0 },
  about: 'Receives mail by SMTP, keeps it in a durable queue, and relays it by MX. Anyone may send to the domains of --accept,\nthe clients of --relay-from to all others. SIGTERM and SIGINT end it: what is in hand is finished first. SIGHUP reads certificate, key, users and password again, and no other option.',
  examples: [
    'ehlo serve',
    "ehlo serve --maildir ./Maildir --accept '*'",
    'ehlo serve --listen smtp://0.0.0.0:25 --hostname mx.example.org --accept example.org --route example.org=10.0.0.5:25 --route mx.example.org=10.0.0.5:25',
    'ehlo serve --listen submissions://0.0.0.0:465 --users users --tls-cert cert.pem --tls-key key.pem --hostname mail.example.org',
    'ehlo serve --smarthost smtps://mail.example.net --smarthost-user alice --smarthost-password-file password',
    'ehlo serve --config ehlo.json --log json --workers 4 --user ehlo',
  ],
  options: OPTIONS,
} as const satisfies Usage<typeof OPTIONS>;

export type GivenOptions = OptionValues<typeof OPTIONS>;

/** The same with the name of the machine, where no other was given. */
export type ServeOptions = GivenOptions & { readonly hostname: string };
