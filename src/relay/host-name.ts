// The names of hosts and domains as the DNS is asked for them (RFC 1123 §2.1, RFC 5890 §2.3.2.1).
//
// Choice: an underscore is taken, as Postfix does: it is no letter of a host name, yet mail is received under such names.
// The last label may not be all digits (RFC 1123 §2.1): `192.0.2.1` is an address that someone wrote where a name belongs.

const LABEL = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/;

/** Returns the name in lower case and without the dot at its end, which is how names are compared; undefined for what is no name. */
export function hostKey(text: string): string | undefined {
  const key = text.toLowerCase().replace(/\.$/, '');
  const labels = key.split('.');
  return key.length <= 253 && labels.every((label) => LABEL.test(label)) && !/^\d+$/.test(labels.at(-1) ?? '') ? key : undefined;
}
