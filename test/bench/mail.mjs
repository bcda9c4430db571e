// The mail that all benchmarks send: a short header, lines of 78 octets, and the CRLF of the last.

const HEADER = 'From: alice@example.org\r\nTo: bob@example.com\r\nSubject: hello\r\n\r\n';

/** Returns a mail of `size` octets. */
export function mailOf(size) {
  const mail = Buffer.alloc(size, `${'x'.repeat(78)}\r\n`);
  mail.write(HEADER, 'latin1');
  mail.write('\r\n', size - 2, 'latin1');
  return mail;
}
