// `ehlo serve`: receives mail, keeps it safely, relays it by MX.

import process from 'node:process';
import { isFault } from '../syntax/fault.ts';
import { parseHost } from '../syntax/domain.ts';
import { LIMITS } from '../protocol/limit.ts';
import { parseCidr, type Cidr } from '../relay/admission.ts';
import { RETRY_SCHEDULE } from '../relay/schedule.ts';
import { Users } from '../node/credential.ts';
import { ControlServer } from '../node/control.ts';
import { Journal } from '../node/journal.ts';
import type { Server } from '../node/listen.ts';
import { openLog } from '../node/log.ts';
import { machineName } from '../node/machine-name.ts';
import { Maildir } from '../node/maildir.ts';
import { operate } from '../node/operation.ts';
import { TraceFolder } from '../node/trace-folder.ts';
import { traceTo, type Tracing } from '../node/trace.ts';
import { TransferAgent } from '../node/transfer-agent.ts';
import { EXIT, runCommand, type CommandLine, type Terminal, type Usage } from './command-line.ts';
import { formatListener, LISTENER, SCHEMES } from './listener.ts';
import { misuse, type Misuse } from './misuse.ts';
import { choice, DIR, DURATION, FILE, integer, INTERVALS, many, one, type Kind } from './option.ts';
import { reason } from './reason.ts';
import { reportRecovery } from './recovery-text.ts';
import { Hangup, ReloadedFiles } from './reloading.ts';
import { resolverOf, routeOptions, ROUTING } from './routing.ts';

const ACCEPTED: Kind<string> = {
  placeholder: 'DOMAIN',
  expected: 'a domain such as example.org, or * for every domain',
  parse(written) {
    if (written === '*') return written;
    const host = parseHost(written);
    return isFault(host) ? undefined : host.key;
  },
};

const CIDR: Kind<Cidr> = { placeholder: 'CIDR', expected: 'a range of addresses such as 192.0.2.0/24 or 2001:db8::/32', parse: parseCidr };

/** The same, as it was written. */
const RANGE: Kind<string> = { ...CIDR, parse: (written) => (parseCidr(written) === undefined ? undefined : written) };

const OPTIONS = {
  listen: many(LISTENER, 'listen here', ['smtp://127.0.0.1:2525']),
  queue: one(DIR, 'the durable queue; made on first use', './queue'),
  maildir: one(DIR, 'deliver mail for the domains of --accept into this Maildir instead of relaying it'),
  accept: many(ACCEPTED, 'take mail for this domain from anyone'),
  relayFrom: many(CIDR, 'clients that may send to any domain', ['127.0.0.0/8', '::1/128']),
  ...ROUTING,
  tlsCert: one(FILE, 'PEM file with the certificate and its chain: offers STARTTLS; read again on SIGHUP'),
  tlsKey: one(FILE, 'PEM file with its key'),
  users: one(FILE, 'who may authenticate: lines made by ehlo passwd; read again on SIGHUP'),
  maxSize: one(integer('OCTETS', 0), 'largest mail; 0: no limit', String(LIMITS.mailData)),
  maxRecipients: one(integer('N', 1), 'most recipients of a mail', String(LIMITS.recipients)),
  maxConnections: one(integer('N', 1), 'most connections at a time', '1000'),
  maxConnectionsPerClient: one(integer('N', 1), 'most of them from one address', '50'),
  proxyFrom: many(RANGE, 'proxies whose connections begin with a PROXY header'),
  retry: one(INTERVALS, 'intervals between attempts; the last one stands for all further ones', '450s,30m,1h,2h,3h'),
  expire: one(DURATION, 'age at which mail is given up and returned', '5d'),
  delayWarning: one(DURATION, 'age at which the sender of mail that still waits is told', '4h'),
  log: one(choice<'text' | 'json'>('text', 'json'), 'one line for each event', 'text'),
  trace: one(DIR, 'write every session, with clients and with servers, into this folder as a transcript, secrets struck out; made on first use'),
  config: one(FILE, 'JSON file with values for these options'),
};

const USAGE = {
  name: 'ehlo serve',
  operands: '',
  operandCount: { least: 0, most: 0 },
  about: 'Receives mail by SMTP, keeps it in a durable queue, and relays it by MX. Anyone may send to the domains of --accept,\nthe clients of --relay-from to all others. SIGTERM and SIGINT end it: what is in hand is finished first.',
  examples: [
    'ehlo serve',
    "ehlo serve --maildir ./Maildir --accept '*'",
    'ehlo serve --listen smtp://0.0.0.0:25 --hostname mx.example.org --accept example.org --route example.org=10.0.0.5:25',
    'ehlo serve --listen submissions://0.0.0.0:465 --users users --tls-cert cert.pem --tls-key key.pem --hostname mail.example.org',
    'ehlo serve --config ehlo.json --log json',
  ],
  options: OPTIONS,
} as const satisfies Usage<typeof OPTIONS>;

/** Exit status when a resource is not to be had: EX_UNAVAILABLE for a port, EX_CANTCREAT for a directory (sysexits.h). */
const CANNOT_LISTEN = EXIT.unavailable;
const CANNOT_STORE = 73;
const QUEUE_FAILED = 74; // EX_IOERR
const CANNOT_READ = 66; // EX_NOINPUT

export function serve(args: readonly string[], terminal: Terminal): Promise<number> {
  return runCommand(USAGE, args, terminal, (line) => run(line, terminal));
}

async function run({ options }: CommandLine<typeof OPTIONS>, terminal: Terminal): Promise<number | Misuse> {
  const { tlsCert, tlsKey } = options;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) return misuse('--tls-cert and --tls-key: expected both or neither');
  for (const { scheme } of options.listen) {
    if (SCHEMES[scheme].tlsAtOnce && tlsCert === undefined) return misuse(`--listen ${scheme}: expected --tls-cert and --tls-key with it`);
    if (SCHEMES[scheme].submission && options.users === undefined) return misuse(`--listen ${scheme}: expected --users with it, since nobody may submit without AUTH`);
  }
  const complain = (text: string, status: number): number => {
    terminal.err(`ehlo: ${text}\n`);
    return status;
  };
  const hangup = new Hangup();
  let files: ReloadedFiles;
  try {
    files = await ReloadedFiles.read({ tlsCert, tlsKey, users: options.users });
  } catch (error) {
    return complain(reason(error), CANNOT_READ);
  }
  const ending = new Ending();
  let queue: Journal;
  let maildir: Maildir | undefined;
  try {
    queue = await Journal.open(options.queue, { failed: (error) => ending.fail(error) });
  } catch (error) {
    return complain(`cannot open the queue ${options.queue}: ${reason(error)}`, CANNOT_STORE);
  }
  try {
    maildir = options.maildir === undefined ? undefined : await Maildir.open(options.maildir);
  } catch (error) {
    await queue.close();
    return complain(`cannot open the Maildir ${options.maildir ?? ''}: ${reason(error)}`, CANNOT_STORE);
  }
  reportRecovery(terminal, options.queue, queue.report);

  let trace: Tracing | undefined;
  try {
    trace = options.trace === undefined ? undefined : traceTo(new TraceFolder(options.trace, (text) => terminal.err(`ehlo: ${text}\n`)), 'ehlo serve');
  } catch (error) {
    await queue.close();
    return complain(`cannot write traces to ${options.trace ?? ''}: ${reason(error)}`, CANNOT_STORE);
  }
  const log = openLog(options.log);
  const agent = new TransferAgent({
    hostname: options.hostname ?? (await machineName()),
    queue,
    maildir,
    admission: { accept: new Set(options.accept), relayFrom: options.relayFrom },
    routing: routeOptions(options),
    resolver: resolverOf(options),
    schedule: { ...RETRY_SCHEDULE, intervals: options.retry, expire: options.expire, expireBounce: Math.min(options.expire, RETRY_SCHEDULE.expireBounce), delayWarning: options.delayWarning },
    maxSize: options.maxSize,
    maxRecipients: options.maxRecipients,
    maxConnections: options.maxConnections,
    maxConnectionsPerClient: options.maxConnectionsPerClient,
    proxyFrom: options.proxyFrom,
    log,
    trace,
    tls: files.tls,
    users: options.users === undefined ? undefined : () => files.users ?? NOBODY,
  });
  const servers: Server[] = [];
  try {
    for (const { scheme, place } of options.listen) servers.push(await agent.listen({ place, ...SCHEMES[scheme] }));
  } catch (error) {
    await agent.close(0);
    return complain(reason(error), CANNOT_LISTEN);
  }
  let control: ControlServer | undefined;
  try {
    control = await ControlServer.open(options.queue, (request) => operate(queue, request, agent.relaying));
  } catch (error) {
    log('error', { text: `ehlo queue cannot reach this relay: ${reason(error)}` });
  }
  agent.start();
  hangup.onEach(() =>
    files.reload().then(
      () => log('reloaded', {}),
      (error: unknown) => log('error', { text: `not reloaded, the old ones stay: ${reason(error)}` }),
    ),
  );
  for (const [index, listener] of options.listen.entries()) {
    const { host = '', port = 0 } = servers[index] ?? {};
    terminal.err(`ehlo: listening on ${formatListener('host' in listener.place ? { ...listener, place: { host, port } } : listener, port)}\n`);
  }
  const failure = await ending.awaited;
  await control?.close();
  await agent.close(failure === undefined ? undefined : 0);
  return failure === undefined ? EXIT.ok : complain(`the queue ${options.queue} has failed, nothing more was acknowledged; start again to recover: ${reason(failure)}`, QUEUE_FAILED);
}

const NOBODY = new Users(new Map());

/** What ends the program: SIGTERM or SIGINT (a second SIGINT at once), or a queue that has failed. */
class Ending {
  #end: (failure: Error | undefined) => void = () => undefined;
  /** Resolves with the failure, or undefined where a signal asked for the end. */
  readonly awaited = new Promise<Error | undefined>((resolve) => (this.#end = resolve));

  constructor() {
    let asked = false;
    process.on('SIGTERM', () => this.#end(undefined));
    process.on('SIGINT', () => {
      if (asked) process.exit(130);
      asked = true;
      this.#end(undefined);
    });
  }

  fail(error: Error): void {
    this.#end(error);
  }
}
