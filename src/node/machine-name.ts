// The name by which this machine is known, for EHLO and the banner (RFC 5321 §2.3.5, §4.1.4).

import { hostname, networkInterfaces } from 'node:os';
import { isFault } from '../syntax/fault.ts';
import { addressLiteral, parseDomain } from '../syntax/domain.ts';
import { parseIpv4 } from '../syntax/ip-address.ts';
import { nodeDns } from './on-demand.ts';
import { within, type WaitOptions } from './within.ts';

/** The fully qualified name where the system knows one; else the literal of an address of this machine, since no other host knows what a plain name means (§2.3.5). The system is asked twice, and waited for so long each time. */
export async function machineName(wait: WaitOptions = {}): Promise<string> {
  const short = hostname();
  if (short.includes('.') && isName(short)) return short;
  let found: { readonly address: string } | undefined;
  try {
    const { lookup, lookupService } = nodeDns();
    [found] = await within(lookup(short, { all: true, verbatim: true }), wait);
    const { hostname: full } = await within(lookupService(found?.address ?? '127.0.0.1', 0), wait);
    if (full.startsWith(`${short}.`) && isName(full)) return full;
  } catch {
    // the system's resolver does not know its own machine, or is long in saying so
  }
  const known = [...ownAddresses(), ...(found === undefined ? [] : [found.address])].filter((address) => !NEAR.test(address));
  const literals = [...known.filter((address) => parseIpv4(address) !== undefined), ...known].map(addressLiteral); // IPv4 first: more hosts know it
  return literals.find((literal) => literal !== undefined) ?? '[127.0.0.1]'; // §4.1.4: a client without a name says its literal
}

function ownAddresses(): readonly string[] {
  try {
    return Object.values(networkInterfaces()).flatMap((each) => each ?? []).map(({ address }) => address);
  } catch {
    return []; // it asks by a socket of AF_NETLINK, which whoever started the program may have taken from it
  }
}

/** Addresses that are another machine's elsewhere: of the loopback, and of a link of IPv6. */
const NEAR = /^(?:127\.|::1$|fe[89ab])/i;

/** What systems are called that nobody has given a name. A mail exchanger may greet by it too, and would be taken for this host. */
const NO_NAME = /\.local(?:host|domain)$/i;

const isName = (text: string): boolean => !isFault(parseDomain(text)) && parseIpv4(text) === undefined && !NO_NAME.test(text); // an address has the form of a domain, and is none
