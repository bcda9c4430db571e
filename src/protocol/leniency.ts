// Leniencies: what the RFC forbids and some software does all the same. Each has a name, is off unless an option names it, and
// is reported when it is used, with the rule that was broken.
//
// None of them moves the end of mail data or of a chunk: the octets that end those are the same with every leniency and without.

import type { SyntaxLeniency } from '../syntax/leniency.ts';

export const LENIENCIES = {
  /** A LF alone ends a command. Needed by: scripts, embedded devices. Invites: a proxy in front that sees one line sees two here. */
  bareLfInCommand:      { source: 'RFC 5321 §2.3.8' },
  /** `MAIL FROM: <…>`. Needed by: old Windows programs, hand-written clients. Invites: nothing that is known. */
  spaceAroundColon:     { source: 'RFC 5321 §3.3' },
  /** `RCPT TO:bob@example.com`. Needed by: hand-written clients. Invites: what looks like a parameter to one system is address to another. */
  missingAngleBrackets: { source: 'RFC 5321 §4.1.2' },
  /** `first..last@…`, `first.@…`. Needed by: some Japanese mobile carriers, whose users have such addresses. Is passed on quoted. */
  oddDotsInLocalPart:   { source: 'RFC 5321 §4.1.2' },
  /** Parameters of MAIL and RCPT that no extension known here defines are ignored. Invites: what the client relies on is not done. */
  unknownParameters:    { source: 'RFC 5321 §4.1.1.11' },
  /** Text lines of more than 1000 octets. Needed by: mailers that write HTML in one line. Invites: systems behind that cut such lines. */
  longTextLines:        { source: 'RFC 5321 §4.5.3.1.6' },
  /** A CR or LF alone in mail data is made CRLF, in place of a refusal. Needed by: `mail`-like scripts. Breaks DKIM signatures. */
  repairLineEnds:       { source: 'RFC 5321 §2.3.8' },
} as const satisfies Readonly<Record<string, { readonly source: string }>> & Readonly<Record<SyntaxLeniency, { readonly source: string }>>;

/** The name of a leniency: what the RFC forbids and a server can be told to take. */
export type LeniencyName = keyof typeof LENIENCIES;
