// RFC 7505 §4.1: what is said of a recipient whose domain takes no mail.

import { expect, it } from 'vitest';
import { OWN_VERDICTS } from '../../src/relay/own-verdict.ts';

// shows RFC7505:4.1-2
it('a recipient of a domain with a null MX is refused with 556 5.1.10', () => {
  expect(OWN_VERDICTS['null-mx']).toMatchObject({ kind: 'permanent', reply: { code: 556, enhanced: '5.1.10' } });
});
