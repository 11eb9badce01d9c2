// The formats of strings that schemas can ask for, and what Kubernetes takes for each; others are not looked at.
import { isIPv4, isIPv6 } from 'node:net';
import { isDns1123Label, isDns1123Subdomain } from '../names.js';

type Check = (text: string) => boolean;

const pattern =
  (regexp: RegExp): Check =>
  (text) =>
    regexp.test(text);

const FORMATS: { readonly [name: string]: Check } = {
  bsonobjectid: pattern(/^[0-9a-fA-F]{24}$/),
  uri: isUri,
  email: isEmail,
  hostname: isHostname,
  ipv4: (text) => isIPv4(text),
  ipv6: (text) => isIPv6(text) && !text.includes('%'),
  cidr: isCidr,
  mac: pattern(/^[0-9a-f]{2}(:[0-9a-f]{2}){5,7}$|^[0-9a-f]{2}(-[0-9a-f]{2}){5,7}$|^[0-9a-f]{4}(\.[0-9a-f]{4}){2,3}$/i),
  uuid: pattern(/^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i),
  uuid3: pattern(/^[0-9a-f]{8}-?[0-9a-f]{4}-?3[0-9a-f]{3}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i),
  uuid4: pattern(/^[0-9a-f]{8}-?[0-9a-f]{4}-?4[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i),
  uuid5: pattern(/^[0-9a-f]{8}-?[0-9a-f]{4}-?5[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}$/i),
  isbn: (text) => isIsbn10(text) || isIsbn13(text),
  isbn10: isIsbn10,
  isbn13: isIsbn13,
  creditcard: isCreditCard,
  ssn: pattern(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/),
  hexcolor: pattern(/^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/),
  rgbcolor: pattern(/^rgb\(\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*(,\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*){2}\)$/),
  byte: isBase64,
  password: () => true,
  date: isDate,
  datetime: isDateTime,
  duration: isDuration,
  k8sshortname: (text) => isDns1123Label(text).length === 0,
  k8slongname: (text) => isDns1123Subdomain(text).length === 0,
};

/** What takes a string for one of the format; undefined for formats that are not known. Dashes in names do not count. */
export function formatCheck(format: string): Check | undefined {
  const name = format.replaceAll('-', '');
  return Object.hasOwn(FORMATS, name) ? FORMATS[name] : undefined;
}

/** As a request line has it: absolute, or a path from the root. */
function isUri(text: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not be there.
  if (text === '' || /[\u0000-\u001f\u007f]/.test(text) || /%(?![0-9a-fA-F]{2})/.test(text)) return false;
  if (text.startsWith('/')) return true;
  const found = /^[a-zA-Z][a-zA-Z0-9+.-]*:(.*)$/s.exec(text);
  const rest = found?.[1];
  if (rest === undefined) return false;
  const authority = /^\/\/([^/?#]*)/.exec(rest)?.[1];
  return authority === undefined || (!/[\s<>"{}|\\^`]/.test(authority) && /^(?:[^@]*@)?(?:\[[^\]]*\]|[^:[\]]*)(?::\d*)?$/.test(authority));
}

/** An address alone, or after a name and in angle brackets. */
function isEmail(text: string): boolean {
  const address = /^[^<>]*<([^<>]+)>\s*$/.exec(text)?.[1] ?? text.trim();
  const at = address.lastIndexOf('@');
  const [local, domain] = [address.slice(0, at), address.slice(at + 1)];
  const atoms = /^[a-zA-Z0-9!#$%&'*+/=?^_`{|}~\u0080-\uffff-]+(\.[a-zA-Z0-9!#$%&'*+/=?^_`{|}~\u0080-\uffff-]+)*$/;
  return at > 0 && (atoms.test(local) || /^"[^"\\\r\n]+"$/.test(local)) && (atoms.test(domain) || /^\[[0-9a-fA-F:.]+\]$/.test(domain));
}

const MAX_HOSTNAME_bytes = 255;
const MAX_LABEL_bytes = 63;

/** One label, or several of which the last has letters only; letters and symbols of any script. */
function isHostname(text: string): boolean {
  if (Buffer.byteLength(text) > MAX_HOSTNAME_bytes) return false;
  const labels = text.split('.');
  if (labels.some((label) => label === '' || Buffer.byteLength(label) > MAX_LABEL_bytes)) return false;
  if (labels.some((label) => !/^[a-zA-Z0-9\p{S}\p{L}]([a-zA-Z0-9\p{S}\p{L}-]*[a-zA-Z0-9\p{S}\p{L}])?$/u.test(label))) return false;
  return labels.length === 1 || /^[a-zA-Z\p{L}]{2,}$/u.test(labels.at(-1)!);
}

function isCidr(text: string): boolean {
  const found = /^([^/]+)\/(0|[1-9]\d{0,2})$/.exec(text);
  if (!found) return false;
  const [, ip, bits] = found;
  return (isIPv4(ip!) && Number(bits) <= 32) || (isIPv6(ip!) && !ip!.includes('%') && Number(bits) <= 128);
}

function isIsbn10(text: string): boolean {
  const digits = text.replaceAll(/[\s-]+/g, '');
  if (!/^\d{9}[\dX]$/.test(digits)) return false;
  const sum = [...digits].reduce((total, digit, i) => total + (i + 1) * (digit === 'X' ? 10 : Number(digit)), 0);
  return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const digits = text.replaceAll(/[\s-]+/g, '');
  if (!/^\d{13}$/.test(digits)) return false;
  return [...digits].reduce((total, digit, i) => total + Number(digit) * (i % 2 ? 3 : 1), 0) % 10 === 0;
}

const CARD = /^(4\d{12}(\d{3})?|5[1-5]\d{14}|6(011|5\d\d)\d{12}|3[47]\d{13}|3(0[0-5]|[68]\d)\d{11}|(2131|1800|35\d{3})\d{11})$/;

/** Its last digit is a checksum: every second digit from the right counts twice. */
function isCreditCard(text: string): boolean {
  const digits = text.replaceAll(/\D+/g, '');
  if (!CARD.test(digits)) return false;
  const sum = [...digits].reverse().reduce((total, digit, i) => {
    const value = Number(digit) * (i % 2 ? 2 : 1);
    return total + (value > 9 ? value - 9 : value);
  }, 0);
  return sum % 10 === 0;
}

/** Four characters for three bytes, the last four padded. */
function isBase64(text: string): boolean {
  return text.length > 0 && text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

function isDate(text: string): boolean {
  const found = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (!found) return false;
  const [year, month, day] = found.slice(1).map(Number);
  // The last day of a month is the day before the first of the next one.
  const days = new Date(Date.UTC(2000, month!, 0));
  days.setUTCFullYear(year!, month!, 0);
  return month! >= 1 && month! <= 12 && day! >= 1 && day! <= days.getUTCDate();
}

function isDateTime(text: string): boolean {
  const found = /^([^tT]+)[tT](\d{2}):(\d{2}):(\d{2})(\.\d+)?([zZ]|[+-]\d{2}:\d{2})$/.exec(text);
  if (!found) return false;
  const [, date, hours, minutes, seconds] = found;
  return isDate(date!) && Number(hours) <= 23 && Number(minutes) <= 59 && Number(seconds) <= 59;
}

const GO_DURATION = /^[+-]?(0|((\d+(\.\d*)?|\.\d+)(ns|us|µs|μs|ms|s|m|h))+)$/;
const WORDY_DURATION =
  /^\d+\s*(ns|nanos?|nanoseconds?|us|µs|micros?|microseconds?|ms|millis?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?|wks?)$/;

function isDuration(text: string): boolean {
  return GO_DURATION.test(text) || WORDY_DURATION.test(text);
}
