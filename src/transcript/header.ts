// The header of a transcript: what it shows, whence it comes, whose session it replays and with which options.

import { EXTENSIONS } from '../protocol/extension.ts';
import { LENIENCIES } from '../protocol/leniency.ts';
import { MECHANISMS } from '../protocol/sasl/mechanism.ts';
import type { Subject } from './application.ts';
import type { TranscriptFault } from './format.ts';

export interface Header {
  /** The fields in their order, spelt as they were. */
  readonly fields: readonly Field[];
  /** A present-tense sentence about the protocol. */
  readonly title: string;
  /** An RFC's section; software with its version and date; or "hand-written". */
  readonly source: string;
  readonly subject: Subject;
  /** The sections that it shows at work: `RFC 5321 §4.5.2`; an RFC alone where its sections have no numbers. */
  readonly verifies: readonly string[];
  /** Options of the session, by their names here. */
  readonly options: ReadonlyMap<OptionName, string>;
  /** Whether it is replayed only in the segments it is written in. */
  readonly asWritten: boolean;
}

export interface Field {
  readonly name: FieldName;
  readonly value: string;
}

const FIELDS = ['Title', 'Source', 'Subject', 'Verifies', 'Shows', 'Options', 'Segments'] as const;
export type FieldName = (typeof FIELDS)[number];

/** Several of the words, with a space between. */
const someOf = (table: object): RegExp => {
  const word = `(?:${Object.keys(table).join('|')})`;
  return new RegExp(`^${word}(?: ${word})*$`);
};

/** A name or an address literal, as an option can have it. */
export const HOST_WORD = /^(?:[A-Za-z0-9._-]+|\[[A-Za-z0-9.:-]+\])$/;

/** To the millisecond. */
const SECONDS = /^(?=.*[1-9])(?:0|[1-9]\d{0,8})(?:\.\d{1,3})?$/;

/** What an option's value looks like, where it has one, and whose it is. */
const OPTIONS = {
  hostname:   { of: ['server', 'client'], value: HOST_WORD },
  size:       { of: ['server'],           value: /^(?:0|[1-9]\d{0,14})$/ },
  drain:      { of: ['server'],           value: /^(?:0|[1-9]\d{0,14})$/ }, // octets after which no end of mail data is waited for
  recipients: { of: ['server'],           value: /^[1-9]\d{0,8}$/ },
  mails:      { of: ['server'],           value: /^[1-9]\d{0,8}$/ },
  domains:    { of: ['server'],           value: /^[1-9]\d{0,8}$/ },
  rate:       { of: ['server'],           value: /^(?:0|[1-9]\d{0,8})$/ }, // octets a second of mail data
  time:       { of: ['server'],           value: SECONDS }, //                  of a session
  window:     { of: ['server'],           value: SECONDS }, //                  over which `rate` is measured
  line:       { of: ['server'],           value: /^[1-9]\d{0,8}$/ }, //        octets of a text line
  commands:   { of: ['server'],           value: /^(?:0|[1-9]\d{0,8})$/ },
  errors:     { of: ['server'],           value: /^(?:0|[1-9]\d{0,8})$/ },
  failures:   { of: ['server'],           value: /^(?:0|[1-9]\d{0,8})$/ }, //        of AUTH
  refusals:   { of: ['server'],           value: /^(?:0|[1-9]\d{0,8})$/ }, //        of recipients
  lenient:    { of: ['server'],           value: someOf(LENIENCIES) },
  'early-talk-refused': { of: ['server'], value: undefined },
  lmtp:       { of: ['server', 'client'], value: undefined },
  with:       { of: ['server'],           value: someOf(EXTENSIONS) }, //  extensions that are off by default
  without:    { of: ['server'],           value: someOf(EXTENSIONS) },
  tls:        { of: ['server'],           value: /^(?:offered|required|implicit|unavailable)$/ },
  'tls-policy': { of: ['client'],         value: /^(?:opportunistic|require|verify)$/ },
  'tls-at-once': { of: ['client'],        value: undefined },
  user:       { of: ['client'],           value: /^[!-+\--9;-~]+:[!-+\--~]+(?: [!-+\--~]+)*$/ }, // and the password
  timeout:    { of: ['server', 'client'], value: SECONDS }, //                  of any wait
  token:      { of: ['client'],           value: /^[A-Za-z0-9._~+/-]+=*$/ },
  'secret-in-clear': { of: ['client'],    value: undefined },
  'own-name': { of: ['client'],           value: HOST_WORD },
  auth:       { of: ['server'],           value: someOf(MECHANISMS) },
  'auth-required': { of: ['server'],      value: undefined },
  'auth-in-clear': { of: ['server'],      value: undefined }, //           mechanisms that show the secret, without TLS
  nonce:      { of: ['server', 'client'],         value: /^[!-+\--~]+$/ }, //      of SCRAM and CRAM-MD5
} as const satisfies Readonly<Record<string, { readonly of: readonly Subject[]; readonly value: RegExp | undefined }>>;
export type OptionName = keyof typeof OPTIONS;

/** The header that the lines are, the first being line 1 of the text; or the first fault. */
export function parseHeader(lines: readonly string[]): Header | TranscriptFault {
  const fields: Field[] = [];
  const found = new Map<FieldName, { readonly value: string; readonly line: number }>();
  for (const [index, text] of lines.entries()) {
    const line = index + 1;
    const [, key, value = ''] = /^([A-Za-z]+): (\S.*)$/.exec(text) ?? [];
    const name = FIELDS.find((known) => known === key);
    if (name === undefined) return { line, expected: `a field of the header (${FIELDS.join(', ')})`, found: text };
    if (found.has(name)) return { line, expected: `one field ${name}`, found: 'a second one' };
    found.set(name, { value, line });
    fields.push({ name, value });
  }

  const [title, source, subject] = [found.get('Title'), found.get('Source'), found.get('Subject')];
  if (!title || !source || !subject) {
    return { line: 1, expected: 'Title, Source and Subject in the header', found: fields.map(({ name }) => name).join(', ') || 'none' };
  }
  if (subject.value !== 'server' && subject.value !== 'client') {
    return { line: subject.line, expected: 'Subject: server or client', found: subject.value };
  }

  const segments = found.get('Segments');
  if (segments && segments.value !== 'as written') return { line: segments.line, expected: 'Segments: as written', found: segments.value };

  const verifies = found.get('Verifies');
  const sections = verifies?.value.split(', ') ?? [];
  const wrong = sections.find((section) => !/^RFC \d+(?: §[A-Z\d]+(?:\.\d+)*)?$/.test(section));
  if (verifies && wrong !== undefined) return { line: verifies.line, expected: 'Verifies: RFC N §N.N, …', found: wrong };

  const shows = found.get('Shows');
  const unknown = shows?.value.split(', ').find((id) => !/^RFC\d+:[A-Z\d.]+-\d+$/.test(id));
  if (shows && unknown !== undefined) return { line: shows.line, expected: 'Shows: RFC5321:N.N-N, …', found: unknown };

  const given = found.get('Options');
  const options = new Map<OptionName, string>();
  for (const option of given?.value.split(', ') ?? []) {
    const fault = addOption(options, option, subject.value);
    if (given && fault !== undefined) return { line: given.line, expected: fault, found: option };
  }
  return { fields, title: title.value, source: source.value, subject: subject.value, verifies: sections, options, asWritten: segments !== undefined };
}

/** Puts `name=value`, or `name`, among the options; returns what was expected when it is none. */
function addOption(options: Map<OptionName, string>, option: string, subject: Subject): string | undefined {
  const [, key = '', value] = /^([a-z-]+)(?:=(.+))?$/.exec(option) ?? [];
  const names = Object.keys(OPTIONS) as OptionName[]; // keys of its own literal
  const known = names.filter((name) => (OPTIONS[name].of as readonly Subject[]).includes(subject));
  const name = known.find((one) => one === key);
  if (name === undefined) return `an option of a ${subject} (${known.join(', ')})`;
  const form: RegExp | undefined = OPTIONS[name].value;
  if (form === undefined && value !== undefined) return `${name} without a value`;
  if (form?.test(value ?? '') === false) return `${name}=VALUE with VALUE like ${form.source}`;
  if (options.has(name)) return `one option ${name}`;
  options.set(name, value ?? '');
  return undefined;
}
