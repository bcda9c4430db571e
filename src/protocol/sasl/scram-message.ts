// The four messages of SCRAM (RFC 5802 §5, §7): attributes in a fixed order, parted by commas.
//
// Strict: an attribute that a message has a place for stands nowhere else in it. What is not known is ignored (§5.1), but `m=`
// and whatever it may come to mean is refused.

import { decodeBase64, encodeBase64 } from '../../wire/base64.ts';
import { decodeUtf8 } from '../../wire/utf8.ts';
import { formatSaslName, parseSaslName, readGs2Header, type Gs2Header } from './gs2.ts';

export interface ClientFirst {
  readonly type: 'client-first';
  readonly gs2: Gs2Header;
  readonly name: string;
  readonly nonce: string;
  /** Without the GS2 header, as written: part of what is signed. */
  readonly bare: string;
}

export interface ServerFirst {
  readonly type: 'server-first';
  readonly nonce: string;
  readonly salt: Uint8Array;
  readonly iterations: number;
  /** As written. */
  readonly text: string;
}

export interface ClientFinal {
  readonly type: 'client-final';
  readonly channelBinding: Uint8Array;
  readonly nonce: string;
  readonly proof: Uint8Array;
  /** As written. */
  readonly withoutProof: string;
}

export type ServerFinal =
  | { readonly type: 'server-final'; readonly signature: Uint8Array; readonly error: undefined }
  | { readonly type: 'server-final'; readonly signature: undefined; readonly error: string };

/** Why octets are not the message; it quotes none of them, since they are made of secrets. */
export interface MessageFault {
  readonly type: 'malformed';
  readonly expected: string;
}

interface Form {
  /** Attributes in the order in which they stand. */
  readonly fixed: readonly string[];
  /** One that stands behind the extensions. */
  readonly last?: string;
  readonly expected: string;
}

// RFC 5802 §7. reserved-mext, `m=`, would stand in front.
const FORMS = {
  'client-first': { fixed: ['n', 'r'],            expected: 'gs2-header "n=" saslname ",r=" c-nonce (RFC 5802 §7 client-first-message)' },
  'server-first': { fixed: ['r', 's', 'i'],       expected: '"r=" nonce ",s=" base64 ",i=" posit-number (RFC 5802 §7 server-first-message)' },
  'client-final': { fixed: ['c', 'r'], last: 'p', expected: '"c=" base64 ",r=" nonce ",p=" base64 (RFC 5802 §7 client-final-message)' },
  'server-final': { fixed: ['v'],                 expected: '"v=" base64 or "e=" server-error-value (RFC 5802 §7 server-final-message)' },
  'server-error': { fixed: ['e'],                 expected: '"v=" base64 or "e=" server-error-value (RFC 5802 §7 server-final-message)' },
} as const satisfies Readonly<Record<string, Form>>;

const EXTENSION: MessageFault = { type: 'malformed', expected: 'no mandatory extension, "m=" (RFC 5802 §5.1)' };

const PRINTABLE = /^[\x21-\x2b\x2d-\x7e]+$/; // §7 printable

export function isNonce(text: string): boolean {
  return PRINTABLE.test(text);
}

export function parseClientFirst(octets: Uint8Array): ClientFirst | MessageFault {
  const text = decodeUtf8(octets) ?? '';
  const gs2 = readGs2Header(text);
  if (gs2 === undefined) return malformed('client-first');
  const bare = text.slice(gs2.text.length);
  const attributes = readAttributes(bare, 'client-first');
  if (!Array.isArray(attributes)) return attributes;
  const [written = '', nonce = ''] = attributes;
  const name = parseSaslName(written);
  return name === undefined || !isNonce(nonce) ? malformed('client-first') : { type: 'client-first', gs2, name, nonce, bare };
}

/** Returns the message behind its GS2 header. */
export function formatClientFirstBare(name: string, nonce: string): string {
  return `n=${formatSaslName(name)},r=${nonce}`;
}

export function parseServerFirst(octets: Uint8Array): ServerFirst | MessageFault {
  const text = decodeUtf8(octets) ?? '';
  const attributes = readAttributes(text, 'server-first');
  if (!Array.isArray(attributes)) return attributes;
  const [nonce = '', base64 = '', count = ''] = attributes;
  const salt = decodeBase64(base64);
  if (salt === undefined || !isNonce(nonce) || !/^[1-9][0-9]{0,14}$/.test(count)) return malformed('server-first');
  return { type: 'server-first', nonce, salt, iterations: Number(count), text };
}

export function formatServerFirst({ nonce, salt, iterations }: Pick<ServerFirst, 'nonce' | 'salt' | 'iterations'>): string {
  return `r=${nonce},s=${encodeBase64(salt)},i=${iterations}`;
}

export function parseClientFinal(octets: Uint8Array): ClientFinal | MessageFault {
  const text = decodeUtf8(octets) ?? '';
  const attributes = readAttributes(text, 'client-final');
  if (!Array.isArray(attributes)) return attributes;
  const [binding = '', nonce = '', last = ''] = attributes;
  const channelBinding = decodeBase64(binding);
  const proof = decodeBase64(last);
  if (channelBinding === undefined || proof === undefined || !isNonce(nonce)) return malformed('client-final');
  return { type: 'client-final', channelBinding, nonce, proof, withoutProof: text.slice(0, text.lastIndexOf(',p=')) };
}

export function formatWithoutProof(channelBinding: Uint8Array, nonce: string): string {
  return `c=${encodeBase64(channelBinding)},r=${nonce}`;
}

export function formatClientFinal(withoutProof: string, proof: Uint8Array): string {
  return `${withoutProof},p=${encodeBase64(proof)}`;
}

export function parseServerFinal(octets: Uint8Array): ServerFinal | MessageFault {
  const text = decodeUtf8(octets) ?? '';
  const attributes = readAttributes(text, text.startsWith('e') ? 'server-error' : 'server-final');
  if (!Array.isArray(attributes)) return attributes;
  const [value = ''] = attributes;
  if (text.startsWith('e')) return { type: 'server-final', signature: undefined, error: value };
  const signature = decodeBase64(value);
  return signature === undefined ? malformed('server-final') : { type: 'server-final', signature, error: undefined };
}

export function formatServerFinal(signature: Uint8Array): string {
  return `v=${encodeBase64(signature)}`;
}

/** Returns the values of the attributes that the form has, in its order, the last one behind the fixed ones. */
function readAttributes(text: string, type: keyof typeof FORMS): string[] | MessageFault {
  const { fixed, last }: Form = FORMS[type];
  const attributes = text.split(',').map((attribute) => /^([A-Za-z])=([^\0]+)$/.exec(attribute));
  if (attributes[0]?.[1] === 'm') return EXTENSION;
  const own = last === undefined ? fixed : [...fixed, last];
  const least = own.length;
  const values: string[] = [];
  for (const [at, attribute] of attributes.entries()) {
    const [, name = '', value = ''] = attribute ?? [];
    const due = at < fixed.length ? fixed[at] : last !== undefined && at === attributes.length - 1 ? last : undefined;
    if (name === '') return malformed(type);
    if (name === 'm') return EXTENSION;
    if (due === undefined ? own.includes(name) : name !== due) return malformed(type);
    if (due !== undefined) values.push(value);
  }
  return values.length === least ? values : malformed(type);
}

function malformed(type: keyof typeof FORMS): MessageFault {
  return { type: 'malformed', expected: FORMS[type].expected };
}
