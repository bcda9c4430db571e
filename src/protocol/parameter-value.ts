// The values of the parameters of MAIL and RCPT, as the RFCs of their extensions have them (RFC 6152, 3030, 4954, 3461, 6533): text in,
// typed values out, and ORCPT the other way too.
//
// Which extension a parameter belongs to, and whether it is offered, is in extension.ts; SIZE, and keywords without a value, too.

import { isAsciiText } from '../wire/ascii.ts';
import { decodeXtext, encodeXtext, escapeUnicode } from '../wire/xtext.ts';
import { isFault } from '../syntax/fault.ts';
import { parseMailbox } from '../syntax/mailbox.ts';
import type { MailParameters, RecipientParameters } from './mail.ts';

/** Reads what stands behind the keyword and "="; undefined: the keyword stands alone. */
export type Read<Parameters> = (value: string | undefined) => Parameters | 'malformed';

/** RFC 6152 §3, RFC 3030 §3. */
export function readBody(value: string | undefined): ReturnType<Read<MailParameters>> {
  const body = capitals(value);
  return body === '7BIT' || body === '8BITMIME' || body === 'BINARYMIME' ? { body } : 'malformed';
}

/**
 * RFC 4954 §5: a mailbox in xtext, or `<>`. Choice: xtext that is no mailbox names nobody who submitted the mail, and counts as
 * `<>`, as does all that a client is not trusted with: some submission services put the name of their user there (`AUTH=bob`).
 */
export function readAuth(value: string | undefined): ReturnType<Read<MailParameters>> {
  const auth = value === undefined ? undefined : decodeXtext(value);
  if (auth === undefined) return 'malformed';
  return { auth: isFault(parseMailbox(auth)) ? '<>' : auth };
}

/** RFC 3461 §4.3. */
export function readRet(value: string | undefined): ReturnType<Read<MailParameters>> {
  const ret = capitals(value);
  return ret === 'FULL' || ret === 'HDRS' ? { ret } : 'malformed';
}

/**
 * RFC 3461 §4.4: printable, at most 100 characters as it stands encoded. Departs: §5.2.1 has ENVID and ORCPT passed on as they came; they are
 * kept decoded, and written anew for the next hop, which means the same: `+41` goes on as `A`. Postfix does so too.
 */
export function readEnvelopeId(value: string | undefined): ReturnType<Read<MailParameters>> {
  const envelopeId = value === undefined || value.length > 100 ? undefined : decodeXtext(value);
  return envelopeId !== undefined && /^[ -~]+$/.test(envelopeId) ? { envelopeId } : 'malformed';
}

/** RFC 3461 §4.1: NEVER stands alone. */
export function readNotify(value: string | undefined): ReturnType<Read<RecipientParameters>> {
  const words = capitals(value)?.split(',') ?? [];
  if (words.length === 1 && words[0] === 'NEVER') return { notify: [] };
  const notify = words.filter((word) => word === 'SUCCESS' || word === 'FAILURE' || word === 'DELAY');
  return words.length > 0 && notify.length === words.length && new Set(words).size === words.length ? { notify } : 'malformed';
}

/** Returns a value without case in capitals; undefined also for one above ASCII, which SMTPUTF8 lets come: of U+017F the capital is in ASCII. */
function capitals(value: string | undefined): string | undefined {
  return value !== undefined && isAsciiText(value) ? value.toUpperCase() : undefined;
}

/** Characters of the value of ORCPT. */
const LONGEST_ORIGINAL = 500;

/**
 * RFC 3461 §4.2: at most 500 characters, and of xtext maybe none (§4). Choice: octets above 127 are taken, and passed on as they
 * came, even if the type is not utf-8: some say rfc822 of an address in UTF-8.
 */
export function readOriginalRecipient(value: string | undefined): ReturnType<Read<RecipientParameters>> {
  const [, type = '', encoded = ''] = /^([A-Za-z0-9-]+);(.*)$/u.exec(value ?? '') ?? [];
  const long = (value?.length ?? 0) > LONGEST_ORIGINAL;
  const address = long ? undefined : type.toLowerCase() === 'utf-8' ? decodeUtf8Address(encoded) : decodeXtext(encoded);
  return type !== '' && address !== undefined && (/^[ -~\x80-\xff]*$/.test(address) || type.toLowerCase() === 'utf-8') ? { originalRecipient: { type, address } } : 'malformed';
}

/** Returns the value of ORCPT: xtext, and of the type utf-8 what next hops take that speak no SMTPUTF8, or with `utf8` the form that is not ASCII (RFC 6533 §3). */
export function formatOriginalRecipient({ type, address }: OriginalRecipient, { utf8 = false }: { readonly utf8?: boolean } = {}): string {
  if (type.toLowerCase() !== 'utf-8') return `${type};${encodeXtext(address)}`;
  return `${type};${escapeUnicode(address, utf8 ? /[^!-*,-<>-[\]-~\u{80}-\u{10ffff}]/gu : /[^!-*,-<>-[\]-~]/gu)}`;
}

/** The same for a next hop, which need not take a longer one: undefined. Above ASCII each character may have become ten. */
export function passOnOriginalRecipient(original: OriginalRecipient): string | undefined {
  const value = formatOriginalRecipient(original);
  return value.length > LONGEST_ORIGINAL ? undefined : value;
}

type OriginalRecipient = NonNullable<RecipientParameters['originalRecipient']>;

/**
 * Returns the address of the type utf-8 (RFC 6533 §3), `\x{HEXPOINT}` read as the character; undefined where it is malformed.
 * It takes what utf-8-addr-xtext and utf-8-addr-unitext have in common: whether UTF-8 may stand here the command has decided.
 */
function decodeUtf8Address(encoded: string): string | undefined {
  let address = '';
  for (const [all, point, plain] of encoded.matchAll(/\\x\{([0-9A-F]{2,6})\}|([!-*,-<>-[\]-~\u{80}-\u{10ffff}])|[^]/gu)) {
    const code = point === undefined ? undefined : Number.parseInt(point, 16);
    if (code === undefined ? plain === undefined : code < 0x20 || (code >= 0xd800 && code <= 0xdfff) || code > 0x10ffff || (code > 0x7e && code < 0xa0)) return undefined;
    address += code === undefined ? all : String.fromCodePoint(code);
  }
  return address === '' ? undefined : address;
}
