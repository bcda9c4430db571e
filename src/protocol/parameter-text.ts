// The parameters of MAIL and RCPT (RFC 5321 §4.1.2 esmtp-param) as the text that a client would write; so the journal keeps them.
//
// Rule 1: what is read back is what was given, but for SIZE, which is not kept.
// Rule 2: a parameter that this version does not know (a later one took the mail) is passed over; the others count.

import { isFault } from '../syntax/fault.ts';
import { formatParameters, parseParameters, type Parameter } from '../syntax/parameter.ts';
import { readMailParameters, readRecipientParameters, writeMailParameters, writeRecipientParameters, type Offer, type ParameterRefusal } from './extension.ts';
import type { MailParameters, RecipientParameters } from './mail.ts';
import { formatOriginalRecipient } from './parameter-value.ts';

/** Returns '' where nothing is asked for. Throws UsageError for a value that no client can have written. */
export function formatMailParameters(all: MailParameters): string {
  if (asksNothing(all)) return '';
  const { size: _, ...parameters } = all;
  return formatParameters(writeMailParameters(parameters, anything));
}

/** The same for RCPT. ORCPT above ASCII stays in the form that is as long as what came: the other may be longer than may be read. */
export function formatRecipientParameters(parameters: RecipientParameters): string {
  if (asksNothing(parameters)) return '';
  const { originalRecipient: original, ...others } = parameters;
  const written = writeRecipientParameters(others, anything);
  if (original !== undefined) written.push({ keyword: 'ORCPT', value: formatOriginalRecipient(original, { utf8: true }) });
  return formatParameters(written);
}

/** Most mail asks for nothing, and is told from the others at a glance. */
function asksNothing(parameters: object): boolean {
  for (const name in parameters) if (name !== 'size') return false;
  return true;
}

function anything(): boolean {
  return true;
}

export function parseMailParameters(text: string): MailParameters {
  return parse<MailParameters>(text, readMailParameters);
}

export function parseRecipientParameters(text: string): RecipientParameters {
  return parse<RecipientParameters>(text, readRecipientParameters);
}

/** Under which every parameter is known. */
const EVERYTHING: Offer = { maxSize: 0, maxRecipients: 100, startTls: false, secured: true, mechanisms: ['PLAIN'], without: new Set() };

function parse<Parameters extends object>(text: string, read: (parameters: readonly Parameter[], offer: Offer) => Parameters | ParameterRefusal): Partial<Parameters> {
  if (text === '') return {};
  const parameters = parseParameters(text, { utf8: true });
  if (isFault(parameters)) return {};
  let known: Partial<Parameters> = {};
  for (const parameter of parameters) {
    const value = read([parameter], EVERYTHING);
    if (!('refused' in value)) known = { ...known, ...value };
  }
  return known;
}
