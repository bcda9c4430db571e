// Metrics in Prometheus' text format, version 0.0.4: a line `# HELP`, a line `# TYPE`, and a line for each sample.
//
// A sample is known by its key, `name{label="value",…}` as it stands in the text. So the samples of several processes are put
// together by key (`joinSamples`), and written in the order of the table of families.

/** Numbers by their keys; see `sampleKey`. */
export type Samples = ReadonlyMap<string, number>;

interface Family {
  readonly type: 'counter' | 'gauge';
  /** Of several processes: the sum, or the greatest. */
  readonly join: 'sum' | 'max';
  readonly help: string;
}

/** Units are Prometheus' base units: seconds, and bytes where the rest of this program says octets. */
export const FAMILIES = {
  ehlo_sessions_total:              { type: 'counter', join: 'sum', help: 'SMTP sessions of clients that were begun.' },
  ehlo_open_sessions:               { type: 'gauge',   join: 'sum', help: 'SMTP sessions of clients under way.' },
  ehlo_commands_total:              { type: 'counter', join: 'sum', help: 'Commands of clients by verb.' },
  ehlo_replies_total:               { type: 'counter', join: 'sum', help: 'Replies to clients by code.' },
  ehlo_mails_total:                 { type: 'counter', join: 'sum', help: 'Mails whose data had begun, by what the client was told of them; lost: it had gone, or did not send them to their end.' },
  ehlo_received_bytes_total:        { type: 'counter', join: 'sum', help: 'Octets of content of accepted mails, the Received field included.' },
  ehlo_sent_bytes_total:            { type: 'counter', join: 'sum', help: 'Octets of content that next hops took, or may have taken.' },
  ehlo_outcomes_total:              { type: 'counter', join: 'sum', help: 'Outcomes of attempts, one for each recipient; unknown: sent whole, and never answered (RFC 1047).' },
  ehlo_queue_mails:                 { type: 'gauge',   join: 'sum', help: 'Mails in the queue; held: by the operator.' },
  ehlo_queue_oldest_age_seconds:    { type: 'gauge',   join: 'max', help: 'Age of the oldest mail in the queue, held ones not counted.' },
  ehlo_queue_fdatasyncs_total:      { type: 'counter', join: 'sum', help: 'Times that files of the queue were synced.' },
  ehlo_event_loop_lag_seconds:      { type: 'gauge',   join: 'max', help: 'How late the event loop was since this was last asked for.' },
  ehlo_resident_memory_bytes:       { type: 'gauge',   join: 'sum', help: 'Resident memory of all processes.' },
  ehlo_workers:                     { type: 'gauge',   join: 'sum', help: 'Processes that serve.' },
  ehlo_worker_deaths_total:         { type: 'counter', join: 'sum', help: 'Workers that died and were replaced.' },
} as const satisfies Readonly<Record<string, Family>>;

export type FamilyName = keyof typeof FAMILIES;

/** Returns the key of a sample; quotes, backslashes and line ends in values are escaped. */
export function sampleKey(name: FamilyName, labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([label, value]) => `${label}="${value.replace(/["\\\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`))}"`);
  return pairs.length === 0 ? name : `${name}{${pairs.join(',')}}`;
}

/** Puts the samples of several processes together. */
export function joinSamples(all: Iterable<Samples>): Samples {
  const joined = new Map<string, number>();
  for (const samples of all) {
    for (const [key, value] of samples) {
      const before = joined.get(key);
      joined.set(key, before === undefined ? value : familyOf(key)?.join === 'max' ? Math.max(before, value) : before + value);
    }
  }
  return joined;
}

/** Returns those that only grow: what stays of a process that has ended. */
export function countersOf(samples: Samples): Samples {
  return new Map([...samples].filter(([key]) => familyOf(key)?.type === 'counter'));
}

/** Returns the text; a family without samples is left out. */
export function formatMetrics(samples: Samples): string {
  const lines = new Map<string, string>();
  for (const [key, value] of samples) {
    const name = nameOf(key);
    lines.set(name, `${lines.get(name) ?? ''}${key} ${formatNumber(value)}\n`);
  }
  return Object.entries(FAMILIES).map(([name, { help, type }]) => (lines.has(name) ? `# HELP ${name} ${escapeHelp(help)}\n# TYPE ${name} ${type}\n${lines.get(name)}` : '')).join('');
}

function familyOf(key: string): Family | undefined {
  const name = nameOf(key);
  return Object.hasOwn(FAMILIES, name) ? FAMILIES[name as FamilyName] : undefined; // it is one of the table's own keys
}

function nameOf(key: string): string {
  const brace = key.indexOf('{');
  return brace < 0 ? key : key.slice(0, brace);
}

function formatNumber(value: number): string {
  return value === Infinity ? '+Inf' : value === -Infinity ? '-Inf' : String(value);
}

function escapeHelp(text: string): string {
  return text.replace(/\\/g, '\\\\').replace(/\n/g, '\\n');
}
