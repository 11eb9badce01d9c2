// What is wrong with a caBundle, in Go's words: a client that trusts nothing could not use it.
import { X509Certificate } from 'node:crypto';

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^-]*-----END \1-----/g;

/** `caBundle` is base64 of PEM. Undefined where at least one certificate is in it and all that are can be read. */
export function caBundleError(caBundle: string): string | undefined {
  const blocks = [...Buffer.from(caBundle, 'base64').toString('latin1').matchAll(BLOCK)];
  const certificates = blocks.filter(([, type]) => type === 'CERTIFICATE');
  if (certificates.length === 0) return 'unable to load root certificates: unable to parse bytes as PEM block';
  try {
    for (const [pem] of certificates) new X509Certificate(pem);
    return undefined;
  } catch (error) {
    return `unable to load root certificates: failed to parse certificate: ${(error as Error).message}`;
  }
}
