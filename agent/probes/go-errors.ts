// Failures to connect in the words that Go, and so the kubelet upstream, has for them.

const WORDS: { readonly [code: string]: string } = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'connect: connection timed out',
};

export function hostPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Of a connection to that address. */
export function goError(error: Error, host: string, port: number): string {
  const { code = '' } = error as NodeJS.ErrnoException;
  const words = WORDS[code];
  if (words) return `dial tcp ${hostPort(host, port)}: ${words}`;
  if (code === 'ENOTFOUND') return `dial tcp: lookup ${host}: no such host`;
  if (code === 'ECONNRESET') return error.message === 'socket hang up' ? 'EOF' : 'read: connection reset by peer';
  if (code === 'EPROTO') return 'http: server gave HTTP response to HTTPS client';
  return error.message;
}
