// How long a Job waits after failures, by whatever clock.
import { expect, it } from 'vitest';
import { remaining_ms } from '../../../src/controllers/job-backoff.js';

const NOON_ms = Date.parse('2026-01-01T12:00:00Z');
const after = (failures: number, latest_ms: number) => remaining_ms({ failures, latest_ms }, NOON_ms);

it.each([
  { what: 'nothing has failed', failures: 0, ago_s: 0, wait_s: 0 },
  { what: 'one failed just now', failures: 1, ago_s: 0, wait_s: 10 },
  { what: 'one failed a while ago', failures: 1, ago_s: 4, wait_s: 6 },
  { what: 'its wait is over', failures: 1, ago_s: 60, wait_s: 0 },
  { what: 'each failure doubles it', failures: 4, ago_s: 0, wait_s: 80 },
  { what: 'ten minutes are the most', failures: 40, ago_s: 0, wait_s: 600 },
  { what: "the node's clock is a little ahead", failures: 1, ago_s: -5, wait_s: 15 },
])('$what: $wait_s s', ({ failures, ago_s, wait_s }) => {
  expect(after(failures, NOON_ms - ago_s * 1000)).toBe(wait_s * 1000);
});

it('does not wait for hours where the clock was set back since', () => {
  expect(after(1, NOON_ms + 3_600_000)).toBe(0);
});
