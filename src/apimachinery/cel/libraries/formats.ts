// format.dns1123Label() and its kin: what a name must be like, and what is wrong with one.
import { isDns1035Label, isDns1123Label, isDns1123Subdomain, isLabelValue, isQualifiedName } from '../../names.js';
import { formatCheck } from '../../structural/formats.js';
import type { Register } from './library.js';

class Formats {}

class Format {
  constructor(
    readonly name: string,
    readonly validate: (text: string) => readonly string[],
  ) {}
}

const byCheck = (name: string, why: string) => (text: string) => (formatCheck(name)!(text) ? [] : [why]);
const prefixed = (check: (text: string) => readonly string[]) => (text: string) => check(text.replace(/-$/, 'a'));

const FORMATS: { readonly [name: string]: (text: string) => readonly string[] } = {
  dns1123Label: isDns1123Label,
  dns1123Subdomain: isDns1123Subdomain,
  dns1035Label: isDns1035Label,
  qualifiedName: isQualifiedName,
  dns1123LabelPrefix: prefixed(isDns1123Label),
  dns1123SubdomainPrefix: prefixed(isDns1123Subdomain),
  dns1035LabelPrefix: prefixed(isDns1035Label),
  labelValue: isLabelValue,
  uri: byCheck('uri', 'invalid URI'),
  uuid: byCheck('uuid', 'does not match the UUID format'),
  byte: byCheck('byte', 'invalid base64'),
  date: byCheck('date', 'invalid date'),
  datetime: byCheck('datetime', 'invalid datetime'),
};

export const registerFormats: Register = (environment, { Optional }) => {
  const formats = new Map(Object.entries(FORMATS).map(([name, check]) => [name, new Format(name, check)]));
  const none = () => Optional.none() as unknown;
  environment
    .registerType('Formats', { ctor: Formats })
    .registerType('Format', { ctor: Format })
    .registerConstant('format', 'Formats', new Formats())
    .registerFunction('Formats.named(string): optional<Format>', (_: Formats, name: string) => {
      const found = formats.get(name);
      return found ? Optional.of(found) : none();
    })
    .registerFunction('Format.validate(string): optional<list<string>>', (format: Format, text: string) => {
      const errors = format.validate(text);
      return errors.length > 0 ? Optional.of([...errors]) : none();
    });
  for (const [name, format] of formats) environment.registerFunction(`Formats.${name}(): Format`, () => format);
};
