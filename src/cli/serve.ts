// `ehlo serve`: receives mail, keeps it safely, relays it by MX.
//
// What needs a privilege comes first: files are read, ports bound. Then the program becomes the user of `--user`; then the queue is
// opened, by this process (service.ts) or by its workers (supervisor.ts). Who connects in between waits for the banner.

import cluster from 'node:cluster';
import process from 'node:process';
import { clearTimeout, setTimeout } from 'node:timers';
import { formatMetrics } from '../relay/metric.ts';
import { formatNextHop, type NextHop } from '../relay/next-hop.ts';
import { locate } from '../relay/route.ts';
import { ON_DUTY } from '../node/duty.ts';
import { ListeningEntrance } from '../node/entrance.ts';
import { EXIT } from '../node/exit-status.ts';
import { openLog } from '../node/log.ts';
import { machineName } from '../node/machine-name.ts';
import type { MetricServer } from '../node/metric-server.ts';
import { become, expectProgram, findUser, giveDirectory, ownerOf, type User } from '../node/privilege.ts';
import { runCommand, type CommandLine, type Terminal } from './command-line.ts';
import { Ending } from './ending.ts';
import { formatListener, inheritedListeners, SCHEMES, type Listener } from './listener.ts';
import { misuse, type Misuse } from './misuse.ts';
import { overlapOf } from './overlap.ts';
import { reason } from './reason.ts';
import { Hangup, ReloadedFiles } from './reloading.ts';
import { nextHops, routeOptions } from './routing.ts';
import { openStatus, ServeError } from './serve-error.ts';
import { OPTIONS, USAGE, type GivenOptions } from './serve-option.ts';
import type { Service } from './service.ts';
import type { Supervisor, SupervisorSettings } from './supervisor.ts';

export async function serve(args: readonly string[], terminal: Terminal): Promise<number> {
  if (cluster.isWorker && process.env[ON_DUTY] !== undefined) return process.exit(await (await import('./worker.ts')).work(terminal)); // the primary would keep it
  if (cluster.isWorker) {
    terminal.err(`ehlo serve: ${OF_ANOTHER}\n`);
    return EXIT.usage;
  }
  return runCommand(USAGE, args, terminal, (line) => run(line, terminal));
}

/** It would wait for a duty, without a word. */
const OF_ANOTHER = 'it is run as a worker of node:cluster by another program: expected a process of its own, in which --workers N makes workers';

const DEFAULT_LISTENER: Listener = { scheme: 'smtp', place: { host: '127.0.0.1', port: 2525 } };

/** What is hardly meant; all else that such options do is as it is told. */
const MAILDIR_FOR_NOBODY = '--maildir without --accept DOMAIN: no mail is delivered into it but that for <postmaster>';

async function run({ options: given }: CommandLine<typeof OPTIONS>, terminal: Terminal): Promise<number | Misuse> {
  const inherited = inheritedListeners(process.env, process.pid);
  const options: GivenOptions = { ...given, listen: given.listen.length > 0 ? given.listen : inherited.length > 0 ? inherited : [DEFAULT_LISTENER] };
  const wrong = misuseOf(options) ?? (options.maildir === undefined ? undefined : await overlapOf(options.maildir, options.queue));
  if (wrong !== undefined) return misuse(wrong);
  const unserved = given.listen.length === 0 ? [] : inherited.filter((each) => !given.listen.some(({ place }) => 'fd' in place && 'fd' in each.place && place.fd === each.place.fd));
  if (unserved.length > 0) terminal.err(`ehlo: ${unservedText(unserved)}\n`); // before the ports are bound: they may be those
  const hangup = new Hangup();
  const bound = new Bound();
  try {
    return await serveAt(options, bound, hangup, terminal);
  } catch (error) {
    await bound.close();
    if (!(error instanceof ServeError)) throw error;
    terminal.err(`ehlo: ${error.message}\n`);
    return error.status;
  }
}

/** RFC 5321 §4.5.1: anybody may write to the postmaster of this host, as he may learn its name from the banner. */
function postmasterText(hostname: string): string {
  return `mail for postmaster@${hostname} goes by MX, and is returned where that leads back here: --route ${hostname}=HOST:PORT sends it elsewhere, --maildir DIR keeps it`;
}

/** Root has begun it as if the queue were its own. */
function ownerText({ name }: User, { queue }: GivenOptions): string {
  return `the queue ${queue} belongs to the user ${name}, who could not read what root writes there: going on as ${name} (--user root to stay root)`;
}

/** Whether servers of other machines may connect. */
function isPublic({ scheme, entrance: { host } }: Bound['doors'][number]): boolean {
  return !SCHEMES[scheme].submission && host !== '' && !/^(?:127\.|::1$)/.test(host);
}

/** Milliseconds after which it is said what the start waits for. */
const LONG_LOOKUP = 2_000;

async function nameOfMachine(terminal: Terminal): Promise<string> {
  const timer = setTimeout(() => terminal.err('ehlo: the DNS is asked what this machine is called, and does not answer yet: --hostname NAME would spare that\n'), LONG_LOOKUP);
  const name = await machineName();
  clearTimeout(timer);
  return name;
}

/** Users whose password is right, and who may be refused all the same. */
function leftOutText(names: readonly string[]): string {
  const some = `${names.slice(0, 3).join(', ')}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`;
  return `--users: SCRAM-SHA-256 is offered, which ${some} cannot use: many clients try nothing else; ehlo passwd makes lines that serve PLAIN and LOGIN too`;
}

/** It is minutes until no greeting has come. */
function silentText(hop: NextHop): string {
  return `${formatNextHop(hop)}: servers on port 465 wait for TLS as a rule, and do not greet before: smtps://${formatNextHop(hop)} begins with it`;
}

/** Sockets that systemd holds open, and nobody answers at. */
function unservedText(unserved: readonly Listener[]): string {
  return `--listen is given, without what systemd hands on, ${unserved.map((each) => formatListener(each, 0)).join(', ')}: whoever connects there is not answered`;
}

/** What only the options together can show. */
function misuseOf({ accept, listen, tlsCert, tlsKey, users, smarthost, smarthostUser, smarthostPasswordFile }: GivenOptions): string | undefined {
  if ((tlsCert === undefined) !== (tlsKey === undefined)) return '--tls-cert and --tls-key: expected both or neither';
  if ((smarthostUser === undefined) !== (smarthostPasswordFile === undefined)) return '--smarthost-user and --smarthost-password-file: expected both or neither';
  if (smarthostUser !== undefined && smarthost === undefined) return '--smarthost-user: expected --smarthost with it';
  const whole = new Set(accept.filter(({ local }) => local === undefined).map(({ domain }) => domain));
  const idle = accept.find(({ domain, local }) => local !== undefined && (whole.has('*') || whole.has(domain)));
  if (idle !== undefined) return `--accept ${idle.local}@${idle.domain}: expected no --accept ${whole.has('*') ? '\'*\'' : idle.domain} with it, which takes mail for all mailboxes there`;
  for (const { scheme } of listen) {
    if (SCHEMES[scheme].tlsAtOnce && tlsCert === undefined) return `--listen ${scheme}: expected --tls-cert and --tls-key with it`;
    if (SCHEMES[scheme].submission && users === undefined) return `--listen ${scheme}: expected --users with it, since nobody may submit without AUTH`;
  }
  return undefined;
}

/** What is bound before anything else is done. */
class Bound {
  readonly doors: { readonly scheme: Listener['scheme']; readonly entrance: ListeningEntrance }[] = [];
  metrics: MetricServer | undefined;

  async open({ listen, metrics, workers }: GivenOptions): Promise<void> {
    for (const { scheme, place } of listen) this.doors.push({ scheme, entrance: await ListeningEntrance.open(place, { unread: workers > 1 }) });
    if (metrics !== undefined) this.metrics = await (await import('../node/metric-server.ts')).MetricServer.open(metrics);
  }

  async close(): Promise<void> {
    await Promise.all([...this.doors.map(({ entrance }) => entrance.close()), this.metrics?.close()]);
  }
}

/** Serves until the end; returns the exit status. Rejects with a ServeError. */
async function serveAt(given: GivenOptions, bound: Bound, hangup: Hangup, terminal: Terminal): Promise<number> {
  const { tlsCert, tlsKey, users, smarthostPasswordFile, user: name } = given;
  const user = name === undefined ? await ownerOf(given.queue, 'FORMAT') : await orElse(EXIT.noUser, async () => findUser(name));
  if (name === undefined && user !== undefined) terminal.err(`ehlo: ${ownerText(user, given)}\n`);
  const files = await orElse(EXIT.noInput, () => ReloadedFiles.read({ tlsCert, tlsKey, users, smarthostPasswordFile }));
  const ending = new Ending();
  await orElse(EXIT.unavailable, () => bound.open(given));
  const hostname = given.hostname ?? (await nameOfMachine(terminal));
  const options = { ...given, hostname };
  const begin = await beginningOf(options, terminal);
  if (user !== undefined) await turnInto(user, options);
  const log = openLog(options.log);
  const { doors, metrics } = bound;
  const running = await begin({ options, doors, files, log, ending });
  metrics?.begin(async () => formatMetrics(await running.measure()));
  hangup.onEach(() =>
    files.reload().then(
      () => {
        if ('reloaded' in running) running.reloaded();
        log('reloaded', { files: files.names.join(',') }); // not what else the options say, whatever stands in the file of --config now
      },
      (error: unknown) => log('error', { text: `not reloaded, the old ones stay: ${reason(error)}` }),
    ),
  );
  if (options.maildir !== undefined && options.accept.length === 0) terminal.err(`ehlo: ${MAILDIR_FOR_NOBODY}\n`);
  if (options.maildir === undefined && doors.some(isPublic) && locate(hostname, routeOptions(options)).type === 'ask-mx') terminal.err(`ehlo: ${postmasterText(hostname)}\n`);
  const silent = nextHops(options).find(({ port, tlsAtOnce = false }) => port === 465 && !tlsAtOnce);
  if (silent !== undefined) terminal.err(`ehlo: ${silentText(silent)}\n`);
  const leftOut = files.users?.leftOut ?? [];
  if (leftOut.length > 0) terminal.err(`ehlo: ${leftOutText(leftOut)}\n`);
  for (const [index, listener] of options.listen.entries()) {
    const { host = '', port = 0 } = doors[index]?.entrance ?? {};
    terminal.err(`ehlo: listening on ${formatListener('host' in listener.place ? { ...listener, place: { host, port } } : listener, port)}\n`);
  }
  if (metrics !== undefined && options.metrics !== undefined) terminal.err(`ehlo: metrics on http://${formatNextHop({ ...options.metrics, port: metrics.port })}/metrics\n`);
  const failure = await ending.awaited;
  await Promise.all([running.close(failure === undefined ? undefined : 0), metrics?.close()]);
  if (failure === undefined) return EXIT.ok;
  throw new ServeError(`the queue ${options.queue} has failed, nothing more was acknowledged; start again to recover: ${reason(failure)}`, EXIT.ioFailed);
}

/**
 * How what serves begins: here, or in workers. Of what it needs, the first of several processes has a fourth. It is loaded before
 * the program becomes another user, who may not be able to read it.
 */
async function beginningOf({ workers, trace }: GivenOptions, terminal: Terminal): Promise<(settings: SupervisorSettings) => Promise<Supervisor | Service>> {
  if (workers > 1) {
    const { Supervisor } = await import('./supervisor.ts');
    return (settings) => Supervisor.open(settings);
  }
  const { Service } = await import('./service.ts');
  if (trace !== undefined) await import('../node/trace.ts'); // which the service has from there
  return ({ ending, ...settings }) => Service.open({ ...settings, worker: 1, workers: 1, terminal, failed: (error) => ending.fail(error) });
}

async function turnInto(user: User, { queue, maildir, trace, workers }: GivenOptions): Promise<void> {
  for (const directory of [queue, maildir, trace]) {
    if (directory !== undefined) await giveDirectory(directory, user).catch((error: unknown) => {
      throw new ServeError(`cannot make ${directory} for the user ${user.name}: ${reason(error, directory)}`, openStatus(error));
    });
  }
  await orElse(EXIT.noPermission, async () => {
    become(user);
    if (workers > 1) await expectProgram(process.argv[1] ?? '', user); // else they would die, and be begun anew, for ever
  });
}

/** What goes wrong is a ServeError of this status. */
async function orElse<Value>(status: number, action: () => Promise<Value>): Promise<Value> {
  try {
    return await action();
  } catch (error) {
    throw new ServeError(reason(error), status);
  }
}
