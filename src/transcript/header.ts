// The header of a transcript: what it shows, whence it comes, whose session it replays and with which options.

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

const FIELDS = ['Title', 'Source', 'Subject', 'Verifies', 'Options', 'Segments'] as const;
export type FieldName = (typeof FIELDS)[number];

/** What an option's value looks like, and whose it is. */
const OPTIONS = {
  hostname:   { of: ['server', 'client'], value: /^[A-Za-z0-9.-]+$/ },
  size:       { of: ['server'],           value: /^(?:0|[1-9]\d{0,14})$/ },
  recipients: { of: ['server'],           value: /^[1-9]\d{0,8}$/ },
} as const satisfies Readonly<Record<string, { readonly of: readonly Subject[]; readonly value: RegExp }>>;
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

  const given = found.get('Options');
  const options = new Map<OptionName, string>();
  for (const option of given?.value.split(', ') ?? []) {
    const fault = addOption(options, option, subject.value);
    if (given && fault !== undefined) return { line: given.line, expected: fault, found: option };
  }
  return { fields, title: title.value, source: source.value, subject: subject.value, verifies: sections, options, asWritten: segments !== undefined };
}

/** Puts `name=value` among the options; returns what was expected when it is none. */
function addOption(options: Map<OptionName, string>, option: string, subject: Subject): string | undefined {
  const [, key = '', value = ''] = /^(\w+)=(.+)$/.exec(option) ?? [];
  const names = Object.keys(OPTIONS) as OptionName[]; // keys of its own literal
  const known = names.filter((name) => (OPTIONS[name].of as readonly Subject[]).includes(subject));
  const name = known.find((one) => one === key);
  if (name === undefined) return `an option of a ${subject} (${known.join(', ')})`;
  if (!OPTIONS[name].value.test(value)) return `${name}=VALUE with VALUE like ${OPTIONS[name].value.source}`;
  if (options.has(name)) return `one option ${name}`;
  options.set(name, value);
  return undefined;
}
