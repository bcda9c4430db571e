// How a mail came, for the `with` of its Received field (RFC 3848 §1, RFC 6531 §4.3).

/** `SMTP` after HELO, `ESMTP` after EHLO, `LMTP` after LHLO; `S` under TLS, `A` where the client is authenticated. */
export function transmissionType({ extended, lmtp, secured, authenticated, utf8 = false }: { readonly extended: boolean; readonly lmtp: boolean; readonly secured: boolean; readonly authenticated: boolean; readonly utf8?: boolean }): string {
  const base = lmtp ? 'LMTP' : utf8 ? 'SMTP' : extended ? 'ESMTP' : 'SMTP';
  if (!extended) return base; // RFC 3848 §1: the letters are of ESMTP and LMTP
  return `${utf8 ? 'UTF8' : ''}${base}${secured ? 'S' : ''}${authenticated ? 'A' : ''}`;
}
