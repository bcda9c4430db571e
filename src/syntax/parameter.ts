// Parameters of MAIL and RCPT (RFC 5321 §4.1.2 esmtp-param): keywords with or without a value, separated by one space.
//
// Left out: what a keyword means and whether it was offered (the extension that defines it says so, §4.1.1.11).

import { checkText, shown, UsageError } from '../wire/usage.ts';
import { ALPHA, belongs, DIGIT, ESMTP_VALUE, LDH, run } from './character.ts';
import { takesUtf8, type SyntaxOptions } from './domain.ts';
import { fault, unexpected } from './fault.ts';
import type { Fault } from './fault.ts';

/** One parameter of MAIL or RCPT as it was written (RFC 5321 §4.1.2 esmtp-param). */
export interface Parameter {
  /** As written; compare without regard to case (§2.4). */
  readonly keyword: string;
  /** Absent where no "=" was written; never empty. */
  readonly value: string | undefined;
}

/** Returns the parameters that `text` lists, none for an empty text, or what is wrong with them. A keyword that comes twice, in any case, is a fault. */
export function parseParameters(text: string, options?: SyntaxOptions): readonly Parameter[] | Fault {
  checkText(text, 'parseParameters', 'SIZE=1000 BODY=8BITMIME');
  return text === '' ? NO_PARAMETERS : readParameters(text, 0, takesUtf8(options));
}

/** Returns the parameters as they were written, separated by one space. */
export function formatParameters(parameters: readonly Parameter[]): string {
  if (!Array.isArray(parameters)) throw notParameters(parameters);
  return parameters.map((parameter: Partial<Parameter> | undefined) => {
    const { keyword, value } = parameter ?? {};
    if (typeof keyword !== 'string') throw notParameters(parameters);
    return value === undefined ? keyword : `${keyword}=${value}`;
  }).join(' ');
}

function notParameters(parameters: unknown): UsageError {
  return new UsageError(`formatParameters takes a list of { keyword, value }, not ${shown(parameters)}`);
}

export const NO_PARAMETERS: readonly Parameter[] = [];

/** Returns the parameters from `at` to the end of `text`, at least one. */
export function readParameters(text: string, at: number, utf8: boolean): readonly Parameter[] | Fault {
  const parameters: Parameter[] = [];
  for (let next = at; ; next += 1) {
    const parameter = readParameter(text, next, utf8);
    if ('fault' in parameter) return parameter;
    parameters.push(parameter);
    next += parameter.keyword.length + (parameter.value === undefined ? 0 : 1 + parameter.value.length);
    if (next === text.length) break;
    if (!text.startsWith(' ', next)) return unexpected('bad-parameter', text, next, 'SP', ESMTP_PARAM);
  }
  const index = firstRepeated(parameters);
  if (index === -1) return parameters;
  const start = at + formatParameters(parameters.slice(0, index)).length + 1;
  return fault('duplicate-parameter', text, start, 'each esmtp-keyword once', ESMTP_PARAM);
}

const ESMTP_PARAM = 'RFC 5321 §4.1.2 esmtp-param';

function readParameter(text: string, at: number, utf8: boolean): Parameter | Fault {
  if (!belongs(text, at, ALPHA | DIGIT)) return unexpected('bad-parameter', text, at, 'esmtp-keyword', ESMTP_PARAM);
  const equals = run(text, at, LDH);
  const keyword = text.slice(at, equals);
  if (!text.startsWith('=', equals)) return { keyword, value: undefined };
  const end = run(text, equals + 1, ESMTP_VALUE, utf8);
  if (end === equals + 1) return unexpected('bad-parameter', text, end, 'esmtp-value', ESMTP_PARAM);
  return { keyword, value: text.slice(equals + 1, end) };
}

/** Returns the index of the first parameter whose keyword, in any case, came before; -1 when each came once. */
function firstRepeated(parameters: readonly Parameter[]): number {
  // Two or three are the rule, and a set costs as much as the rest of the line: 1.1 million lines a second, not 2.
  // But a hundred thousand octets of parameters must not cost their square.
  if (parameters.length > 8) {
    const seen = new Set<string>();
    return parameters.findIndex(({ keyword }) => seen.size === seen.add(keyword.toUpperCase()).size);
  }
  for (let index = 1; index < parameters.length; index += 1) {
    for (let before = 0; before < index; before += 1) {
      if (sameKeyword(parameters[before], parameters[index])) return index;
    }
  }
  return -1;
}

function sameKeyword(one: Parameter | undefined, other: Parameter | undefined): boolean {
  return one?.keyword.length === other?.keyword.length && one?.keyword.toUpperCase() === other?.keyword.toUpperCase();
}
