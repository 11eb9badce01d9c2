// What clocks show in a time zone at a moment, by the zone rules that Node brings. Pure but for the machine's own zone.

const MINUTE_ms = 60_000;
const DAY_ms = 86_400_000;

/** What clocks show; `month` counts from 1, `weekday` from Sunday. */
export interface WallTime {
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  readonly minute: number;
  readonly weekday: number;
  /** How far clocks are ahead of UTC. */
  readonly offset_ms: number;
}

/** One for each zone that was asked for: there are some 600, and making one costs a hundred times what using it does. */
const formats = new Map<string, Intl.DateTimeFormat>();

/** Undefined is the zone of the machine. Throws RangeError where there is no such zone. */
export function wallTime(at_ms: number, zone: string | undefined): WallTime {
  const parts: { [type: string]: number } = {};
  for (const { type, value } of formatOf(zone).formatToParts(at_ms)) parts[type] = Number(value);
  const { year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0 } = parts;
  const shown_ms = Date.UTC(year, month - 1, day, hour, minute, second);
  const weekday = new Date(shown_ms).getUTCDay();
  return { year, month, day, hour, minute, weekday, offset_ms: shown_ms - Math.floor(at_ms / 1000) * 1000 };
}

/** The first moment of a day (which may be past the month's last): where clocks are put forward at midnight, it is not midnight. */
export function startOfDay(year: number, month: number, day: number, zone: string | undefined): number {
  const midnight_ms = Date.UTC(year, month - 1, day);
  const offsets = [midnight_ms - DAY_ms, midnight_ms + DAY_ms].map((at_ms) => wallTime(at_ms, zone).offset_ms);
  let at_ms = midnight_ms - Math.max(...offsets);
  while (at_ms + wallTime(at_ms, zone).offset_ms < midnight_ms) at_ms += MINUTE_ms;
  return at_ms;
}

/** RFC 3339 with the zone's offset, as Go writes it: `Z` for UTC. */
export function rfc3339In(at_ms: number, zone: string): string {
  const { offset_ms } = wallTime(at_ms, zone);
  const shown = new Date(at_ms + offset_ms).toISOString().slice(0, 19);
  if (offset_ms === 0) return `${shown}Z`;
  const minutes = Math.abs(offset_ms) / MINUTE_ms;
  const two = (value: number) => String(Math.floor(value)).padStart(2, '0');
  return `${shown}${offset_ms < 0 ? '-' : '+'}${two(minutes / 60)}:${two(minutes % 60)}`;
}

function formatOf(zone: string | undefined): Intl.DateTimeFormat {
  const key = zone ?? '';
  let format = formats.get(key);
  if (!format) {
    const fields = { year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' } as const;
    format = new Intl.DateTimeFormat('en-US', { ...fields, hourCycle: 'h23', ...(zone === undefined ? {} : { timeZone: zone }) });
    formats.set(key, format);
  }
  return format;
}
