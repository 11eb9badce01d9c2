// url(): absolute URLs, taken apart.
import type { Register } from './library.js';

class Url {
  constructor(readonly url: URL) {}

  toString(): string {
    return this.url.href;
  }
}

/** As in Go: with a scheme, or a path from the root. */
function parse(text: string): Url | undefined {
  if (text.startsWith('/') && !text.startsWith('//')) {
    const url = URL.canParse(text, 'path://root') ? new URL(text, 'path://root') : undefined;
    return url && new Url(url);
  }
  return /^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(text) && !/\s/.test(text) && URL.canParse(text) ? new Url(new URL(text)) : undefined;
}

function required(text: string): Url {
  const url = parse(text);
  if (!url) throw new Error(`URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`);
  return url;
}

const isPath = ({ protocol }: URL) => protocol === 'path:';

export const registerUrls: Register = (environment) => {
  environment
    .registerType('Url', { ctor: Url })
    .registerFunction('url(string): Url', required)
    .registerFunction('isURL(string): bool', (text: string) => parse(text) !== undefined)
    .registerFunction('Url.getScheme(): string', ({ url }: Url) => (isPath(url) ? '' : url.protocol.slice(0, -1)))
    .registerFunction('Url.getHost(): string', ({ url }: Url) => (isPath(url) ? '' : url.host))
    .registerFunction('Url.getHostname(): string', ({ url }: Url) => (isPath(url) ? '' : url.hostname.replace(/^\[|\]$/g, '')))
    .registerFunction('Url.getPort(): string', ({ url }: Url) => url.port)
    .registerFunction('Url.getEscapedPath(): string', ({ url }: Url) => url.pathname)
    .registerFunction('Url.getQuery(): map<string, list<string>>', ({ url }: Url) =>
      Object.fromEntries([...new Set(url.searchParams.keys())].map((name) => [name, url.searchParams.getAll(name)])),
    )
    .registerOperator('Url == Url', (a: Url, b: Url) => a.url.href === b.url.href);
};
