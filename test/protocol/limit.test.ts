import { describe, expect, it } from 'vitest';
import { CLIENT_TIMEOUTS, LIMITS, SERVER_TIMEOUT, minutes, seconds } from '../../src/protocol/limit.ts';

describe('the limits', () => {
  // shows RFC5321:4.5.3.1-1 RFC5321:4.5.3.1.7-1 RFC5321:4.5.3.1.8-1 RFC5321:4.5.3.1.8-2
  it('are no smaller than §4.5.3.1 has them', () => {
    expect(LIMITS.commandLine).toBeGreaterThanOrEqual(512);
    expect(LIMITS.replyLine).toBeGreaterThanOrEqual(512);
    expect(LIMITS.textLine).toBe(1_000);
    expect(LIMITS.mailData).toBeGreaterThanOrEqual(65_536);
    expect(LIMITS.recipients).toBeGreaterThanOrEqual(100);
  });
});

describe('the time-outs', () => {
  // shows RFC5321:4.5.3.2-5
  it('are no shorter than §4.5.3.2 has them', () => {
    expect([CLIENT_TIMEOUTS.greeting, CLIENT_TIMEOUTS.MAIL, CLIENT_TIMEOUTS.RCPT, CLIENT_TIMEOUTS.DATA, CLIENT_TIMEOUTS.block, CLIENT_TIMEOUTS.ending, SERVER_TIMEOUT]).toEqual([5, 5, 5, 2, 3, 10, 5].map(minutes));
    expect(minutes(1)).toBe(seconds(60));
  });
});
