// Cron schedules: the five fields and the descriptors that a CronJob takes, and what is wrong with others, in upstream's words.

/** Which minutes, hours, days and months a schedule names; `everyDay` says of a day field that it was written as `*`. */
export interface CronSchedule {
  readonly minute: ReadonlySet<number>;
  readonly hour: ReadonlySet<number>;
  readonly dayOfMonth: ReadonlySet<number>;
  readonly month: ReadonlySet<number>;
  readonly dayOfWeek: ReadonlySet<number>;
  /** A day that both day fields restrict needs to fit only one of them. */
  readonly anyDayOfMonth: boolean;
  readonly anyDayOfWeek: boolean;
}

/** `@every 90s`: not at times of the day, but so far apart. */
export interface FixedDelay {
  readonly every_ms: number;
}

/** What the message of a schedule that does not parse is. */
export class CronError extends Error {
  override readonly name = 'CronError';
}

interface Bounds {
  readonly min: number;
  readonly max: number;
  readonly names: readonly string[];
}

const MONTHS = ['', 'jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const WEEKDAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const FIELDS: readonly Bounds[] = [
  { min: 0, max: 59, names: [] },
  { min: 0, max: 23, names: [] },
  { min: 1, max: 31, names: [] },
  { min: 1, max: 12, names: MONTHS },
  { min: 0, max: 6, names: WEEKDAYS },
];
const DESCRIPTORS: { readonly [name: string]: string } = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const EVERY = '@every ';
const UNITS_ms: { readonly [unit: string]: number } = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const DURATION = /^(?:\d+(?:\.\d*)?(?:ns|us|µs|ms|s|m|h))+$/;

/** Throws CronError. */
export function parseCronSchedule(text: string): CronSchedule | FixedDelay {
  if (text === '') throw new CronError('empty spec string');
  const spec = text.replace(/^(?:CRON_)?TZ=\S*\s*/, '').trim();
  if (spec.startsWith('@')) return parseDescriptor(spec);
  const fields = spec.split(/\s+/).filter(Boolean);
  if (fields.length !== FIELDS.length) throw new CronError(`expected exactly 5 fields, found ${fields.length}: [${fields.join(' ')}]`);
  const [minute, hour, dayOfMonth, month, dayOfWeek] = fields.map((field, i) => parseField(field, FIELDS[i]!));
  return {
    minute: minute!.values,
    hour: hour!.values,
    dayOfMonth: dayOfMonth!.values,
    month: month!.values,
    dayOfWeek: dayOfWeek!.values,
    anyDayOfMonth: dayOfMonth!.any,
    anyDayOfWeek: dayOfWeek!.any,
  };
}

function parseDescriptor(spec: string): CronSchedule | FixedDelay {
  const fields = DESCRIPTORS[spec];
  if (fields) return parseCronSchedule(fields);
  if (!spec.startsWith(EVERY)) throw new CronError(`unrecognized descriptor: ${spec}`);
  const duration = spec.slice(EVERY.length);
  if (!DURATION.test(duration)) throw new CronError(`failed to parse duration ${spec}: time: invalid duration ${JSON.stringify(duration)}`);
  let sum_ms = 0;
  for (const [, number, unit] of duration.matchAll(/(\d+(?:\.\d*)?)(ns|us|µs|ms|s|m|h)/g)) sum_ms += Number(number) * UNITS_ms[unit!]!;
  // Less than a second would be no schedule at all, and fractions of one are dropped.
  return { every_ms: Math.max(1000, Math.floor(sum_ms / 1000) * 1000) };
}

interface FieldValues {
  readonly values: ReadonlySet<number>;
  readonly any: boolean;
}

function parseField(text: string, bounds: Bounds): FieldValues {
  const values = new Set<number>();
  let any = false;
  for (const part of text.split(',').filter(Boolean)) {
    const range = parseRange(part, bounds);
    for (let value = range.start; value <= range.end; value += range.step) values.add(value);
    any ||= range.any;
  }
  return { values, any };
}

function parseRange(text: string, { min, max, names }: Bounds): { start: number; end: number; step: number; any: boolean } {
  const [range = '', stepText, ...moreSteps] = text.split('/');
  const [low = '', high, ...moreHyphens] = range.split('-');
  let any = low === '*' || low === '?';
  const start = any ? min : parseValue(low, names);
  let end = any ? max : start;
  if (!any && moreHyphens.length > 0) throw new CronError(`too many hyphens: ${text}`);
  if (!any && high !== undefined) end = parseValue(high, names);
  if (moreSteps.length > 0) throw new CronError(`too many slashes: ${text}`);
  let step = 1;
  if (stepText !== undefined) {
    step = parseNumber(stepText);
    if (high === undefined) end = max;
    if (step > 1) any = false;
  }
  if (start < min) throw new CronError(`beginning of range (${start}) below minimum (${min}): ${text}`);
  if (end > max) throw new CronError(`end of range (${end}) above maximum (${max}): ${text}`);
  if (start > end) throw new CronError(`beginning of range (${start}) beyond end of range (${end}): ${text}`);
  if (step === 0) throw new CronError(`step of range should be a positive number: ${text}`);
  return { start, end, step, any };
}

function parseValue(text: string, names: readonly string[]): number {
  const named = text === '' ? -1 : names.indexOf(text.toLowerCase());
  return named >= 0 ? named : parseNumber(text);
}

function parseNumber(text: string): number {
  if (!/^[+-]?\d+$/.test(text)) {
    throw new CronError(`failed to parse int from ${text}: strconv.Atoi: parsing ${JSON.stringify(text)}: invalid syntax`);
  }
  const value = Number(text);
  if (value < 0) throw new CronError(`negative number (${value}) not allowed: ${text}`);
  return value;
}
