import { decodeLatin1 } from '../wire/ascii.ts';

/** Returns PEM as text; what is no ASCII in it can only be a remark. */
export function pemText(pem: string | Uint8Array): string {
  return typeof pem === 'string' ? pem : decodeLatin1(pem);
}
