// What a mail that is given to be sent asks of the servers on its way: the parameters of MAIL and RCPT (RFC 3461, RFC 6531, RFC 8689,
// RFC 3030, RFC 4954 §5).
//
// Rule 1: what cannot be written so that it is read as what was given is misuse: a value with CRLF in it would be a command.

import { checkLists, checkNames, checkObject, checkTexts, shown, UsageError } from '../wire/usage.ts';
import type { MailParameters, RecipientParameters } from '../protocol/mail.ts';
import { formatMailParameters, formatRecipientParameters, parseMailParameters, parseRecipientParameters } from '../protocol/parameter-text.ts';
import type { Outgoing } from './sender.ts';

/** What a mail asks for besides being delivered. */
export interface EnvelopeParameters {
  /**
   * What MAIL asks for: for example `{ ret: 'HDRS', envelopeId: 'news-17' }`, or the `parameters` of a mail that came in. SIZE and
   * 8BITMIME are found from the content instead. Recipients whose server does not offer what the mail needs fail (SMTPUTF8, BINARYMIME,
   * REQUIRETLS); what DSN has is left out there. Default: nothing.
   */
  readonly parameters?: MailParameters | undefined;
  /** What RCPT asks for, one for each recipient (RFC 3461 §4): for example `[{ notify: ['SUCCESS', 'FAILURE'] }]`. `dsn` of an outcome tells that the server was told. Default: nothing. */
  readonly recipientParameters?: readonly RecipientParameters[] | undefined;
}

/** What each of them may be. */
const MAIL: Readonly<Record<keyof MailParameters, string>> = {
  size: 'a number of octets',
  body: '"7BIT", "8BITMIME" or "BINARYMIME"',
  smtpUtf8: 'true',
  auth: 'a mailbox, or "<>"',
  ret: '"FULL" or "HDRS"',
  envelopeId: 'printable ASCII, of at most 100 characters in xtext',
  requireTls: 'true',
};
const RCPT: Readonly<Record<keyof RecipientParameters, string>> = {
  notify: 'a list of "SUCCESS", "FAILURE" and "DELAY", each once at most',
  originalRecipient: 'of a type and an address, such as { type: "rfc822", address: "bob@example.com" }',
};

/** The mail, asking for that. */
export function asking(mail: Outgoing, { parameters, recipientParameters }: EnvelopeParameters): Outgoing {
  return parameters === undefined && recipientParameters === undefined ? mail : { ...mail, parameters, recipientParameters };
}

/** Throws UsageError for what no client could ask for, or not of so many recipients. */
export function checkEnvelopeParameters({ parameters, recipientParameters }: EnvelopeParameters, recipients: number): void {
  if (parameters !== undefined) {
    checkObject(parameters, 'parameters must be an object');
    checkTexts(parameters, ['auth', 'envelopeId']);
    checkEach(parameters, MAIL, formatMailParameters, parseMailParameters);
  }
  if (recipientParameters === undefined) return;
  checkLists({ recipientParameters }, ['recipientParameters']);
  if (recipientParameters.length !== recipients) throw new UsageError(`recipientParameters must be one for each recipient, ${recipients}, not ${recipientParameters.length}`);
  for (const each of recipientParameters) {
    checkObject(each, 'the parameters of a recipient must be an object');
    checkLists(each, ['notify']);
    const { originalRecipient: original } = each;
    if (original !== undefined && (typeof original?.type !== 'string' || typeof original.address !== 'string')) throw mistaken('originalRecipient', original, RCPT);
    checkEach(each, RCPT, formatRecipientParameters, parseRecipientParameters);
  }
}

/** Each is written on its own, and has to be read as the same, and as nothing else. */
function checkEach<Parameters extends object>(asked: Parameters, rules: Readonly<Record<string, string>>, format: (parameters: Partial<Parameters>) => string, parse: (text: string) => Partial<Parameters>): void {
  checkNames(asked, rules);
  for (const name of Object.keys(rules) as (keyof Parameters & string)[]) { // they are the names of all
    if (asked[name] === undefined) continue;
    const text = format({ [name]: asked[name] } as Partial<Parameters>); // it is one of them
    const read = parse(text);
    if (format(read) !== text || Object.keys(read).length > 1) throw mistaken(name, asked[name], rules);
  }
}

function mistaken(name: string, value: unknown, rules: Readonly<Record<string, string>>): UsageError {
  return new UsageError(`${name} must be ${rules[name]}, not ${shown(value)}`);
}
