// Timestamps as the API has them: RFC 3339 in, UTC with whole seconds (Time) or microseconds (MicroTime) out.

/** metav1.Time's form of an RFC 3339 text, or undefined if it is none. */
export function canonicalTime(text: string): string | undefined {
  if (isCanonicalTime(text)) return text;
  const parsed = parse(text);
  return parsed && `${parsed.seconds}Z`;
}

/** metav1.MicroTime's form of an RFC 3339 text, or undefined if it is none. */
export function canonicalMicroTime(text: string): string | undefined {
  const parsed = parse(text);
  return parsed && `${parsed.seconds}.${parsed.fraction.slice(0, 6).padEnd(6, '0')}Z`;
}

/** What a client that read the object sends back: told apart without a pattern, since every write is full of them. */
function isCanonicalTime(text: string): boolean {
  if (text.length !== 20 || text[19] !== 'Z' || text[4] !== '-' || text[7] !== '-') return false;
  if (text[10] !== 'T' || text[13] !== ':' || text[16] !== ':') return false;
  const year = digits(text, 0, 4);
  const month = digits(text, 5, 2);
  const day = digits(text, 8, 2);
  return (
    year >= 0 &&
    isDate(year, month, day) &&
    inRange(digits(text, 11, 2), 23) &&
    inRange(digits(text, 14, 2), 59) &&
    inRange(digits(text, 17, 2), 59)
  );
}

const inRange = (value: number, max: number) => value >= 0 && value <= max;

/** The number at `start`, or -1. */
function digits(text: string, start: number, length: number): number {
  let value = 0;
  for (let i = start; i < start + length; i++) {
    const digit = text.charCodeAt(i) - 48;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}

function isDate(year: number, month: number, day: number): boolean {
  if (month < 1 || month > 12 || day < 1) return false;
  if (month === 2) return day <= (year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28);
  return day <= (month === 4 || month === 6 || month === 9 || month === 11 ? 30 : 31);
}

const RFC_3339 = /^((\d{4})-(\d{2})-(\d{2})T\d{2}:\d{2}:\d{2})(?:[.,](\d{1,9}))?(Z|[+-]\d{2}:\d{2})$/;

function parse(text: string): { seconds: string; fraction: string } | undefined {
  const [, local, year, month, day, fraction = '', zone] = RFC_3339.exec(text) ?? [];
  // Date would take February 30 for March 1.
  if (local === undefined || !isDate(Number(year), Number(month), Number(day))) return undefined;
  const ms = Date.parse(`${local}${zone}`);
  if (Number.isNaN(ms)) return undefined;
  const utc = new Date(ms).toISOString();
  return utc.length === 24 ? { seconds: utc.slice(0, 19), fraction } : undefined;
}
