// What the kubelet's server makes of its requests.
import { describe, expect, it } from 'vitest';
import { parseLogQuery } from '../../../../agent/server/logs.js';
import { exitOutcome, terminalSize } from '../../../../agent/server/remote-command/client-streams.js';
import { T0_MS } from '../kubelet/fixtures.js';

const logs = (query: string) => parseLogQuery(new URLSearchParams(query), T0_MS);

describe('logs', () => {
  it('are as kubectl asks for them', () => {
    expect(logs('')).toEqual({ options: { follow: false, timestamps: false }, previous: false, limit_bytes: undefined });
    expect(logs('follow=true&timestamps=true&tailLines=5&previous=true&limitBytes=9')).toEqual({
      options: { follow: true, timestamps: true, tail: 5 },
      previous: true,
      limit_bytes: 9,
    });
    expect(logs('sinceSeconds=60').options.since_ms).toBe(T0_MS - 60_000);
    expect(logs('sinceTime=2026-01-01T00:00:00Z').options.since_ms).toBe(T0_MS);
  });

  it.each([
    'tailLines=-1',
    'tailLines=x',
    'limitBytes=0',
    'sinceSeconds=0',
    'sinceTime=yesterday',
    'sinceSeconds=1&sinceTime=2026-01-01T00:00:00Z',
  ])('%s is refused', (query) => {
    expect(() => logs(query)).toThrow();
  });
});

it('an exit code is told as upstream tells it', () => {
  expect(exitOutcome(0)).toEqual({ metadata: {}, status: 'Success' });
  expect(exitOutcome(3)).toMatchObject({ reason: 'NonZeroExitCode', details: { causes: [{ reason: 'ExitCode', message: '3' }] } });
});

it('a terminal has a size, or what was sent was none', () => {
  expect(terminalSize('{"Width":80,"Height":24}')).toEqual({ width: 80, height: 24 });
  for (const text of ['', '{}', '{"Width":-1,"Height":1}', 'null']) expect(terminalSize(text)).toBeUndefined();
});
