// What kept an HTTPS request from being answered, in the words of Go's client, which is what people search for.

interface NetworkError extends Error {
  readonly code?: string;
  readonly cert?: { readonly subjectaltname?: string };
}

const UNKNOWN_AUTHORITY: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'CERT_SIGNATURE_FAILURE',
]);

const SYSTEM_ERRORS: { readonly [code: string]: string } = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'i/o timeout',
};

/** `address` is `host:port` as it was dialled, `serverName` what the certificate must be for. */
export function transportErrorText(error: NetworkError, address: string, serverName: string): string {
  const { code = '', message } = error;
  if (SYSTEM_ERRORS[code]) return `dial tcp ${address}: ${SYSTEM_ERRORS[code]}`;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return `dial tcp: lookup ${serverName}: no such host`;
  if (code === 'ECONNRESET') return message.includes('hang up') ? 'EOF' : 'read: connection reset by peer';
  const certificate = 'tls: failed to verify certificate: x509:';
  if (UNKNOWN_AUTHORITY.has(code)) return `${certificate} certificate signed by unknown authority`;
  if (code === 'CERT_HAS_EXPIRED' || code === 'CERT_NOT_YET_VALID') return `${certificate} certificate has expired or is not yet valid`;
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') return `${certificate} ${wrongName(error, serverName)}`;
  return message;
}

function wrongName({ cert }: NetworkError, serverName: string): string {
  const names = (cert?.subjectaltname ?? '').split(', ').map((name) => name.replace(/^(DNS|IP Address):/, ''));
  return names[0] ? `certificate is valid for ${names.join(', ')}, not ${serverName}` : 'certificate is not valid for any names';
}
