// Where a webhook is: a URL or a Service. Defaults and validation.
import { type FieldError, invalid, required } from '../../apimachinery/field.js';
import { isDns1123Subdomain, isPortNumber } from '../../apimachinery/names.js';
import type { Mutable } from '../define.js';
import type { ServiceReference, WebhookClientConfig } from '../types/admissionregistration_v1.js';

const DEFAULT_PORT = 443;
const FORM = '; desired format: https://host[/path]';

export function defaultClientConfig({ service }: Mutable<WebhookClientConfig>): void {
  if (service) service.port ??= DEFAULT_PORT;
}

export function validateClientConfig(at: string, { url, service }: WebhookClientConfig): FieldError[] {
  if ((url === undefined) === (service === undefined)) return [required(at, 'exactly one of url or service is required')];
  return service ? validateService(`${at}.service`, service) : validateUrl(`${at}.url`, url!);
}

function validateUrl(at: string, text: string): FieldError[] {
  const url = parse(text);
  if (!url) return [required(at, `url must be a valid URL: parse ${JSON.stringify(text)}: invalid URI for request${FORM}`)];
  const user = [url.username, url.password].filter(Boolean).join(':');
  const scheme = url.protocol.slice(0, -1);
  const errors: FieldError[] = [];
  if (scheme !== 'https') errors.push(invalid(at, scheme, `'https' is the only allowed URL scheme${FORM}`));
  if (!url.host) errors.push(invalid(at, url.host, `host must be provided${FORM}`));
  if (user) errors.push(invalid(at, user, 'user information is not permitted in the URL'));
  if (url.hash) errors.push(invalid(at, url.hash.slice(1), 'fragments are not permitted in the URL'));
  if (url.search) errors.push(invalid(at, url.search.slice(1), 'query parameters are not permitted in the URL'));
  return errors;
}

/** As Go, a text without a scheme is a path and so a URL too: of no scheme and no host. */
function parse(text: string): Pick<URL, 'protocol' | 'host' | 'username' | 'password' | 'hash' | 'search'> | undefined {
  if (URL.canParse(text)) return new URL(text);
  if (/^[a-z][a-z0-9+.-]*:/i.test(text) || /[\s\p{Cc}]/u.test(text)) return undefined;
  return { protocol: ':', host: '', username: '', password: '', hash: '', search: '' };
}

function validateService(at: string, { name, namespace, path, port }: ServiceReference): FieldError[] {
  const wrongPort = isPortNumber(port ?? DEFAULT_PORT);
  return [
    ...(name ? [] : [required(`${at}.name`, 'service name is required')]),
    ...(namespace ? [] : [required(`${at}.namespace`, 'service namespace is required')]),
    ...(wrongPort.length > 0 ? [invalid(`${at}.port`, port, `port is not valid: ${wrongPort.join(', ')}`)] : []),
    ...validatePath(`${at}.path`, path ?? ''),
  ];
}

function validatePath(at: string, path: string): FieldError[] {
  if (path === '' || path === '/') return [];
  if (path === '//') return [invalid(at, path, 'segment[0] may not be empty')];
  const errors = path.startsWith('/') ? [] : [invalid(at, path, "must start with a '/'")];
  const segments = path.slice(1).replace(/\/$/, '').split('/');
  for (const [i, segment] of segments.entries()) {
    if (segment === '') errors.push(invalid(at, path, `segment[${i}] may not be empty`));
    else errors.push(...isDns1123Subdomain(segment).map((why) => invalid(at, path, `segment[${i}]: ${why}`)));
  }
  return errors;
}
