// Parameters of MAIL and RCPT (RFC 5321 §4.1.2 esmtp-param): keywords with or without a value, parted by one space.
//
// Left out: what a keyword means and whether it was offered (the extension that defines it says so, §4.1.1.11).

import { ALPHA, belongs, DIGIT, ESMTP_VALUE, LDH, run } from './character.ts';
import type { SyntaxOptions } from './domain.ts';
import { fault, type Fault, isFault, unexpected } from './fault.ts';

export interface Parameter {
  /** As written; compare without regard to case (§2.4). */
  readonly keyword: string;
  /** Absent where no "=" was written; never empty. */
  readonly value: string | undefined;
}

/** Returns the parameters that `text` lists, none for an empty text. A keyword that comes twice, in any case, is a fault. */
export function parseParameters(text: string, { utf8 = false }: SyntaxOptions = {}): readonly Parameter[] | Fault {
  return text === '' ? NO_PARAMETERS : readParameters(text, 0, utf8);
}

/** Returns the parameters as they were written, parted by one space. */
export function formatParameters(parameters: readonly Parameter[]): string {
  return parameters.map(({ keyword, value }) => (value === undefined ? keyword : `${keyword}=${value}`)).join(' ');
}

export const NO_PARAMETERS: readonly Parameter[] = [];

/** Returns the parameters from `at` to the end of `text`, at least one. */
export function readParameters(text: string, at: number, utf8: boolean): readonly Parameter[] | Fault {
  const parameters: Parameter[] = [];
  // A set, made when there is a second one to compare: a line of a hundred thousand parameters must not cost their square.
  let seen: Set<string> | undefined;
  for (let next = at; ; ) {
    const parameter = readParameter(text, next, utf8);
    if (isFault(parameter)) return parameter;
    if (parameters.length > 0) {
      seen ??= new Set(parameters.map(({ keyword }) => keyword.toUpperCase()));
      const keyword = parameter.keyword.toUpperCase();
      if (seen.has(keyword)) {
        return fault('duplicate-parameter', text, next, 'each esmtp-keyword once', 'RFC 5321 §4.1.1.11');
      }
      seen.add(keyword);
    }
    parameters.push(parameter);
    next += parameter.keyword.length + (parameter.value === undefined ? 0 : 1 + parameter.value.length);
    if (next === text.length) return parameters;
    if (!text.startsWith(' ', next)) return unexpected('bad-parameter', text, next, 'SP', ESMTP_PARAM);
    next += 1;
  }
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
