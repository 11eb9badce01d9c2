// When a cron schedule is due: the next time, and the latest that was missed. Pure.
import type { CronSchedule, FixedDelay } from '../kinds/batch/cron-schedule.js';
import { startOfDay, type WallTime, wallTime } from './time-zone.js';

const MINUTE_ms = 60_000;
/** Upstream's: a schedule that is not due for so long never is (the 30th of February). */
const MAX_YEARS = 5;
/** More than these missed times are told of: a clock may be wrong. */
const MANY_MISSED = 100;

export type Schedule = CronSchedule | FixedDelay;

/** The first time after `after_ms`, by the clocks of `zone` (undefined: the machine's); undefined where there is none. */
export function nextTime(schedule: Schedule, after_ms: number, zone: string | undefined): number | undefined {
  if ('every_ms' in schedule) return Math.floor(after_ms / 1000) * 1000 + schedule.every_ms;
  let at_ms = Math.floor(after_ms / MINUTE_ms) * MINUTE_ms + MINUTE_ms;
  const lastYear = wallTime(at_ms, zone).year + MAX_YEARS;
  for (;;) {
    const wall = wallTime(at_ms, zone);
    if (wall.year > lastYear) return undefined;
    if (!schedule.month.has(wall.month)) at_ms = startOfDay(wall.year, wall.month + 1, 1, zone);
    else if (!isDay(schedule, wall)) at_ms = startOfDay(wall.year, wall.month, wall.day + 1, zone);
    else if (!schedule.hour.has(wall.hour)) at_ms += (60 - wall.minute) * MINUTE_ms;
    else if (!schedule.minute.has(wall.minute)) at_ms += MINUTE_ms;
    else return at_ms;
  }
}

function isDay({ dayOfMonth, dayOfWeek, anyDayOfMonth, anyDayOfWeek }: CronSchedule, { day, weekday }: WallTime): boolean {
  const [ofMonth, ofWeek] = [dayOfMonth.has(day), dayOfWeek.has(weekday)];
  return anyDayOfMonth || anyDayOfWeek ? ofMonth && ofWeek : ofMonth || ofWeek;
}

export interface Missed {
  /** The latest time that is past; undefined where none is. */
  readonly latest_ms?: number;
  readonly many: boolean;
}

/** Times after `since_ms` up to now. Throws RangeError where the schedule is never due. */
export function missedTimes(schedule: Schedule, since_ms: number, now_ms: number, zone: string | undefined): Missed {
  const first_ms = due(nextTime(schedule, since_ms, zone));
  if (first_ms > now_ms) return { many: false };
  const second_ms = due(nextTime(schedule, first_ms, zone));
  if (second_ms > now_ms) return { latest_ms: first_ms, many: false };
  const between_ms = second_ms - first_ms;
  const count = Math.floor((now_ms - first_ms) / between_ms) + 1;
  // Times need not be evenly apart: the search begins a little before the latest, whatever has been missed.
  let latest_ms: number | undefined;
  let next = nextTime(schedule, first_ms + (count - 2) * between_ms, zone);
  for (; next !== undefined && next <= now_ms; next = nextTime(schedule, next, zone)) latest_ms = next;
  return { ...(latest_ms === undefined ? {} : { latest_ms }), many: count > MANY_MISSED };
}

function due(time_ms: number | undefined): number {
  if (time_ms === undefined) throw new RangeError('time difference between two schedules is less than 1 second');
  return time_ms;
}
