// The name by which a host of ours makes itself known (RFC 5321 §2.3.5, §4.1.1.1, §4.3.1), as a program gives it.

import { shown, UsageError } from '../wire/usage.ts';
import { parseHost, type AddressLiteral, type Domain } from '../syntax/domain.ts';
import { isFault } from '../syntax/fault.ts';

/** Throws UsageError for what is neither a domain nor an address literal, whatever its type promised. */
export function hostOf(hostname: unknown): Domain | AddressLiteral {
  const host = typeof hostname === 'string' ? parseHost(hostname) : undefined;
  if (host === undefined || isFault(host)) throw new UsageError(`hostname must be a domain or an address literal, not ${shown(hostname)}`);
  return host;
}

/** Throws UsageError for what are no names by which a host may be known. */
export function checkOwnNames(names: readonly unknown[]): void {
  if (!names.every((name) => typeof name === 'string')) throw new UsageError(`ownNames must be host names, not ${shown(names)}`);
}
