// What names, label keys and values may look like. Each check answers with upstream's messages; none means it is fine.

const DNS1123_LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const DNS1123_SUBDOMAIN = `${DNS1123_LABEL}(\\.${DNS1123_LABEL})*`;
const DNS1035_LABEL = '[a-z]([-a-z0-9]*[a-z0-9])?';
const QUALIFIED_NAME = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = `(${QUALIFIED_NAME})?`;
const CONFIG_KEY = '[-._a-zA-Z0-9]+';
const ENV_NAME = '[-._a-zA-Z][-._a-zA-Z0-9]*';

export const LABEL_LENGTH_MAX = 63;
export const SUBDOMAIN_LENGTH_MAX = 253;
const PORT_NAME_LENGTH_MAX = 15;

/** The shape of messages about a pattern, odd double space included: tools compare them. */
function patternMessage(what: string, pattern: string, ...examples: string[]): string {
  return `${what} (e.g. ${examples.map((e) => `'${e}', `).join(' or ')}regex used for validation is '${pattern}')`;
}

const lengthMessage = (max: number) => `must be no more than ${max} bytes`;

function checker(pattern: string, max: number, message: string): (value: string) => string[] {
  const whole = new RegExp(`^(?:${pattern})$`);
  return (value) => {
    // An over-long value is not run through the pattern: that keeps the work bounded.
    if (value.length > max) return [lengthMessage(max)];
    return whole.test(value) ? [] : [message];
  };
}

/** Names of namespaces, containers, ports' hosts: one DNS label. */
export const isDns1123Label = checker(
  DNS1123_LABEL,
  LABEL_LENGTH_MAX,
  patternMessage(
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
    DNS1123_LABEL,
    'my-name',
    '123-abc',
  ),
);

/** Names of most objects: DNS labels joined by dots. */
export const isDns1123Subdomain = checker(
  DNS1123_SUBDOMAIN,
  SUBDOMAIN_LENGTH_MAX,
  patternMessage(
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
    DNS1123_SUBDOMAIN,
    'example.com',
  ),
);

const WILDCARD_SUBDOMAIN = `\\*\\.${DNS1123_SUBDOMAIN}`;

/** Hosts that stand for all of a domain: `*.example.com`. */
export const isWildcardDns1123Subdomain = checker(
  WILDCARD_SUBDOMAIN,
  SUBDOMAIN_LENGTH_MAX,
  patternMessage(
    "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
    WILDCARD_SUBDOMAIN,
    '*.example.com',
  ),
);

/** What can stand between two slashes of a URL's path: names of roles, with their colons. */
export function isPathSegmentName(value: string): string[] {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter((part) => value.includes(part)).map((part) => `may not contain '${part}'`);
}

/** Names of Services: a DNS label that starts with a letter. */
export const isDns1035Label = checker(
  DNS1035_LABEL,
  LABEL_LENGTH_MAX,
  patternMessage(
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
    DNS1035_LABEL,
    'my-name',
    'abc-123',
  ),
);

export const isLabelValue = checker(
  LABEL_VALUE,
  LABEL_LENGTH_MAX,
  patternMessage(
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
    LABEL_VALUE,
    'MyValue',
    'my_value',
    '12345',
  ),
);

const QUALIFIED_WORDS = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
const nameMessage = patternMessage(QUALIFIED_WORDS, QUALIFIED_NAME, 'MyName', 'my.name', '123-abc');
const checkNamePart = checker(QUALIFIED_NAME, LABEL_LENGTH_MAX, nameMessage);

/** Keys of labels and annotations, names of taints and resources: `name` or `prefix/name`. */
export function isQualifiedName(value: string): string[] {
  const parts = value.split('/');
  if (parts.length > 2)
    return [`a qualified name ${nameMessage} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  const name = parts.at(-1) ?? '';
  const errors: string[] = [];
  if (parts.length === 2) {
    const prefix = parts[0] ?? '';
    if (prefix === '') errors.push('prefix part must be non-empty');
    else errors.push(...isDns1123Subdomain(prefix).map((m) => `prefix part ${m}`));
  }
  if (name === '') errors.push('name part must be non-empty');
  errors.push(...checkNamePart(name).map((m) => `name part ${m}`));
  return errors;
}

/** Keys of ConfigMaps and Secrets. */
export function isConfigMapKey(value: string): string[] {
  const errors = checker(
    CONFIG_KEY,
    SUBDOMAIN_LENGTH_MAX,
    patternMessage(
      "a valid config key must consist of alphanumeric characters, '-', '_' or '.'",
      CONFIG_KEY,
      'key.name',
      'KEY_NAME',
      'key-name',
    ),
  )(value);
  if (value === '.') errors.push("must not be '.'");
  else if (value === '..') errors.push("must not be '..'");
  else if (value.startsWith('..')) errors.push("must not start with '..'");
  return errors;
}

/** Names of environment variables, as older API servers limit them. */
export const isEnvVarName = checker(
  ENV_NAME,
  Number.POSITIVE_INFINITY,
  patternMessage(
    "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', and must not start with a digit",
    ENV_NAME,
    'my.env-name',
    'MY_ENV.NAME',
    'MyEnvName1',
  ),
);

const C_IDENTIFIER = '[A-Za-z_][A-Za-z0-9_]*';

/** Names of attributes, and of what else programs refer to. */
export const isCIdentifier = checker(
  C_IDENTIFIER,
  Number.POSITIVE_INFINITY,
  patternMessage(
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_'",
    C_IDENTIFIER,
    'my_name',
    'MY_NAME',
    'MyName',
  ),
);

/** Names of container and Service ports that are referred to by name. */
export function isPortName(value: string): string[] {
  const errors: string[] = [];
  if (value.length > PORT_NAME_LENGTH_MAX) errors.push(lengthMessage(PORT_NAME_LENGTH_MAX));
  if (!/^[-a-z0-9]*$/.test(value)) errors.push('must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)');
  if (!/[a-z]/.test(value)) errors.push('must contain at least one letter (a-z)');
  if (value.includes('--')) errors.push('must not contain consecutive hyphens');
  if (value.startsWith('-') || value.endsWith('-')) errors.push('must not begin or end with a hyphen');
  return errors;
}

/** Port numbers that something can listen on. */
export function isPortNumber(value: number): string[] {
  return Number.isInteger(value) && value >= 1 && value <= 65535 ? [] : ['must be between 1 and 65535, inclusive'];
}
