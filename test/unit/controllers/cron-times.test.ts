// When cron schedules are due: by the rules of each field, in time zones, over the days on which clocks change.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { missedTimes, nextTime } from '../../../src/controllers/cron-times.js';
import { rfc3339In, wallTime } from '../../../src/controllers/time-zone.js';
import { parseCronSchedule } from '../../../src/kinds/batch/cron-schedule.js';

const next = (schedule: string, after: string, zone = 'UTC') => {
  const at_ms = nextTime(parseCronSchedule(schedule), Date.parse(after), zone);
  return at_ms === undefined ? undefined : rfc3339In(at_ms, zone);
};

test.each([
  ['* * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:01:00Z'],
  ['* * * * *', '2026-01-01T00:00:59.999Z', '2026-01-01T00:01:00Z'],
  ['*/15 * * * *', '2026-01-01T00:45:00Z', '2026-01-01T01:00:00Z'],
  ['5-10/2,50 * * * *', '2026-01-01T00:09:00Z', '2026-01-01T00:50:00Z'],
  ['@hourly', '2026-12-31T23:00:00Z', '2027-01-01T00:00:00Z'],
  ['@monthly', '2026-01-31T12:00:00Z', '2026-02-01T00:00:00Z'],
  ['@weekly', '2026-01-01T00:00:00Z', '2026-01-04T00:00:00Z'],
  ['30 9 * jan mon-fri', '2026-01-30T10:00:00Z', '2027-01-01T09:30:00Z'],
  // Either day is enough where both are restricted, and both are needed where one is any.
  ['0 0 13 * fri', '2026-03-01T00:00:00Z', '2026-03-06T00:00:00Z'],
  ['0 0 */1 * fri', '2026-03-01T00:00:00Z', '2026-03-06T00:00:00Z'],
  ['0 0 */2 * fri', '2026-03-01T00:00:00Z', '2026-03-03T00:00:00Z'],
  ['0 0 29 2 *', '2026-01-01T00:00:00Z', '2028-02-29T00:00:00Z'],
  ['0 0 31 * *', '2026-04-01T00:00:00Z', '2026-05-31T00:00:00Z'],
  ['59 23 31 2 *', '2026-01-01T00:00:00Z', undefined],
  ['@every 90s', '2026-01-01T00:00:00.700Z', '2026-01-01T00:01:30Z'],
])('%s after %s', (schedule, after, expected) => {
  expect(next(schedule, after)).toBe(expected);
});

describe('in time zones', () => {
  test.each([
    ['0 9 * * *', '2026-01-01T00:00:00Z', 'America/New_York', '2026-01-01T09:00:00-05:00'],
    ['0 9 * * *', '2026-07-01T00:00:00Z', 'Asia/Kolkata', '2026-07-01T09:00:00+05:30'],
    // Clocks go from 2:00 to 3:00: what is due in between is not, that day.
    ['30 2 * * *', '2026-03-29T00:00:00Z', 'Europe/Berlin', '2026-03-30T02:30:00+02:00'],
    ['0 3 * * *', '2026-03-29T00:00:00Z', 'Europe/Berlin', '2026-03-29T03:00:00+02:00'],
    // Clocks go from 3:00 back to 2:00: it is due twice.
    ['30 2 * * *', '2026-10-25T00:00:00Z', 'Europe/Berlin', '2026-10-25T02:30:00+02:00'],
    ['30 2 * * *', '2026-10-25T00:30:00Z', 'Europe/Berlin', '2026-10-25T02:30:00+01:00'],
    ['30 2 * * *', '2026-10-25T01:30:00Z', 'Europe/Berlin', '2026-10-26T02:30:00+01:00'],
    // A day that has no midnight.
    ['0 1 * * *', '2026-04-23T20:00:00Z', 'Africa/Cairo', '2026-04-24T01:00:00+03:00'],
    ['0 0 24 4 *', '2026-04-20T00:00:00Z', 'Africa/Cairo', '2027-04-24T00:00:00+02:00'],
    ['0 1 * * *', '2026-10-03T16:00:00Z', 'Australia/Lord_Howe', '2026-10-05T01:00:00+11:00'],
  ])('%s after %s in %s', (schedule, after, zone, expected) => {
    expect(next(schedule, after, zone)).toBe(expected);
  });
});

test('no time in between fits, and the time itself does', () => {
  const field = (min: number, max: number) =>
    fc.oneof(
      fc.constant('*'),
      fc.integer({ min, max }).map(String),
      fc.integer({ min: 2, max: 9 }).map((step) => `*/${step}`),
      fc.tuple(fc.integer({ min, max }), fc.integer({ min, max })).map(([a, b]) => `${Math.min(a, b)}-${Math.max(a, b)}`),
    );
  const schedules = fc.tuple(field(0, 59), field(0, 23), fc.constantFrom('*', '*', '1-20', '*/3'), field(1, 12), field(0, 6));
  const starts = fc.integer({ min: Date.UTC(2024, 0, 1), max: Date.UTC(2027, 0, 1) });
  fc.assert(
    fc.property(
      schedules,
      starts,
      fc.constantFrom('UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kathmandu'),
      (fields, after_ms, zone) => {
        const schedule = parseCronSchedule(fields.join(' '));
        if ('every_ms' in schedule) throw new Error('not a cron schedule');
        const fits = (at_ms: number) => {
          const { minute, hour, day, month, weekday } = wallTime(at_ms, zone);
          const days = [schedule.dayOfMonth.has(day), schedule.dayOfWeek.has(weekday)];
          const isDay = schedule.anyDayOfMonth || schedule.anyDayOfWeek ? days.every(Boolean) : days.some(Boolean);
          return isDay && schedule.minute.has(minute) && schedule.hour.has(hour) && schedule.month.has(month);
        };
        const at_ms = nextTime(schedule, after_ms, zone);
        expect(at_ms).toBeDefined();
        expect(fits(at_ms!) && at_ms! > after_ms && at_ms! % 60_000 === 0).toBe(true);
        // A day back and an hour from the start on: minute by minute a year would take minutes.
        const first = Math.ceil((after_ms + 1) / 60_000) * 60_000;
        for (let t = Math.max(first, at_ms! - 240 * 60_000); t < at_ms!; t += 60_000) expect(fits(t)).toBe(false);
        for (let t = first; t < Math.min(at_ms!, first + 240 * 60_000); t += 60_000) expect(fits(t)).toBe(false);
      },
    ),
    { numRuns: 60 },
  );
});

test('of what was missed the latest counts, however long ago the first was', () => {
  const missed = (schedule: string, since: string, now: string) => {
    const { latest_ms, many } = missedTimes(parseCronSchedule(schedule), Date.parse(since), Date.parse(now), 'UTC');
    return [latest_ms === undefined ? undefined : rfc3339In(latest_ms, 'UTC'), many];
  };
  expect(missed('0 * * * *', '2026-01-01T00:00:00Z', '2026-01-01T00:59:59Z')).toEqual([undefined, false]);
  expect(missed('0 * * * *', '2026-01-01T00:00:00Z', '2026-01-01T01:00:00Z')).toEqual(['2026-01-01T01:00:00Z', false]);
  expect(missed('0 * * * *', '2026-01-01T00:00:00Z', '2026-01-01T07:30:00Z')).toEqual(['2026-01-01T07:00:00Z', false]);
  expect(missed('* * * * *', '2026-01-01T00:00:00Z', '2026-01-01T01:40:00Z')).toEqual(['2026-01-01T01:40:00Z', false]);
  expect(missed('* * * * *', '2026-01-01T00:00:00Z', '2026-01-01T01:41:00Z')).toEqual(['2026-01-01T01:41:00Z', true]);
  expect(missed('30 6-16/4 * * 1-5', '2026-01-01T00:00:00Z', '2026-01-05T11:00:00Z')).toEqual(['2026-01-05T10:30:00Z', false]);
  expect(() => missed('59 23 31 2 *', '2026-01-01T00:00:00Z', '2026-01-05T11:00:00Z')).toThrow('less than 1 second');
});
