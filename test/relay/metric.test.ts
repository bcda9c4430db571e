import { describe, expect, it } from 'vitest';
import { countersOf, FAMILIES, formatMetrics, joinSamples, sampleKey, type FamilyName, type Samples } from '../../src/relay/metric.ts';
import { relayCounts, samplesOf } from '../../src/relay/count.ts';

const samples = (...pairs: readonly (readonly [string, number])[]): Samples => new Map(pairs);

describe('the text of metrics (Prometheus text format 0.0.4)', () => {
  it('has HELP and TYPE of a family once, and its samples behind them', () => {
    expect(formatMetrics(samples([sampleKey('ehlo_replies_total', { code: '250' }), 3], ['ehlo_open_sessions', 1], [sampleKey('ehlo_replies_total', { code: '550' }), 1]))).toBe(
      '# HELP ehlo_open_sessions SMTP sessions of clients under way.\n# TYPE ehlo_open_sessions gauge\nehlo_open_sessions 1\n' +
        '# HELP ehlo_replies_total Replies to clients by code.\n# TYPE ehlo_replies_total counter\nehlo_replies_total{code="250"} 3\nehlo_replies_total{code="550"} 1\n',
    );
  });

  it('escapes backslash, quote and line end in the values of labels', () => {
    expect(sampleKey('ehlo_commands_total', { verb: 'a\\b"c\nd' })).toBe('ehlo_commands_total{verb="a\\\\b\\"c\\nd"}');
  });

  it('writes numbers as Go reads them', () => {
    const text = formatMetrics(samples([sampleKey('ehlo_event_loop_lag_seconds', { of: 'max' }), Infinity], [sampleKey('ehlo_event_loop_lag_seconds', { of: 'mean' }), 1.5e-7], [sampleKey('ehlo_event_loop_lag_seconds', { of: 'p99' }), NaN]));
    expect(text.split('\n').slice(2, 5)).toEqual(['ehlo_event_loop_lag_seconds{of="max"} +Inf', 'ehlo_event_loop_lag_seconds{of="mean"} 1.5e-7', 'ehlo_event_loop_lag_seconds{of="p99"} NaN']);
  });

  it('is of the grammar, line by line, for everything that a relay counts', () => {
    const counts = relayCounts();
    counts.replies[250] = 7;
    const text = formatMetrics(samplesOf(counts));
    const line = /^(?:# HELP [a-z_]+ [^\n]+|# TYPE [a-z_]+ (?:counter|gauge)|[a-z_]+(?:\{[a-z]+="[^"\\\n]*"(?:,[a-z]+="[^"\\\n]*")*\})? \d+)$/;
    expect(text.endsWith('\n')).toBe(true);
    expect(text.trimEnd().split('\n').filter((each) => !line.test(each))).toEqual([]);
    expect(text).toContain('ehlo_outcomes_total{destination="mx",outcome="unknown"} 0\n'); // it is there before anything has happened
  });

  it('names counters with _total, and nothing else so; and every unit that is a base unit', () => {
    for (const [name, { type }] of Object.entries(FAMILIES)) expect([name, name.endsWith('_total')]).toEqual([name, type === 'counter']);
    const units = Object.keys(FAMILIES).flatMap((name) => /_(octets|milliseconds|ms|kib|seconds|bytes)(?:_|$)/.exec(name)?.[1] ?? []);
    expect(new Set(units)).toEqual(new Set(['seconds', 'bytes']));
  });
});

describe('samples of several processes', () => {
  it('are added up, and of lateness and age the greatest counts', () => {
    const one = samples(['ehlo_sessions_total', 2], ['ehlo_queue_oldest_age_seconds', 5], ['ehlo_open_sessions', 1]);
    const other = samples(['ehlo_sessions_total', 3], ['ehlo_queue_oldest_age_seconds', 4], ['ehlo_workers', 2]);
    expect(joinSamples([one, other])).toEqual(samples(['ehlo_sessions_total', 5], ['ehlo_queue_oldest_age_seconds', 5], ['ehlo_open_sessions', 1], ['ehlo_workers', 2]));
  });

  it('leave the counters behind when a process ends, so that none ever falls', () => {
    expect(countersOf(samples(['ehlo_sessions_total', 2], ['ehlo_open_sessions', 1]))).toEqual(samples(['ehlo_sessions_total', 2]));
  });
});

it('every sample of the counts belongs to a family', () => {
  for (const key of samplesOf(relayCounts()).keys()) expect(Object.hasOwn(FAMILIES, key.replace(/\{.*/, '') as FamilyName)).toBe(true);
});
