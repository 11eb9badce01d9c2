// Certificates: making keys, certificates and signing requests (the X.509 library is loaded only then), and reading them.
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, type webcrypto, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import type { Random } from '../apimachinery/clock.js';

const CURVE = 'P-256';
/** Clocks of nodes differ a little; a certificate must be valid on one that is behind. */
const BACKDATE_ms = 5 * 60_000;
/** RFC 5280 allows 20 octets; 16 are unique enough, the first kept positive. */
const SERIAL_bytes = 16;

export interface Subject {
  readonly commonName: string;
  readonly organizations?: readonly string[];
}

export interface AltNames {
  readonly dns: readonly string[];
  readonly ips: readonly string[];
}

export type Usage = 'client auth' | 'server auth';

export interface Issuer {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  readonly subject: Subject;
  readonly altNames?: AltNames;
  /** PEM. */
  readonly publicKey: string;
  readonly usages: readonly Usage[];
  readonly issuer: Issuer;
  readonly now_ms: number;
  /** Cut at the issuer's own end. */
  readonly validFor_ms: number;
  readonly random: Random;
}

export interface SigningRequest {
  readonly subject: Subject;
  readonly altNames: AltNames;
  /** Names of other types (email, URI...), which no certificate of ours has. */
  readonly otherNames: number;
  /** PEM. */
  readonly publicKey: string;
}

export interface CertificateInfo {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly altNames: AltNames;
  readonly notBefore_ms: number;
  readonly notAfter_ms: number;
}

type X509 = typeof import('@peculiar/x509');

async function x509(): Promise<X509> {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

/** A new EC P-256 private key, PEM. */
export function makeKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: CURVE });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

/** The public key of a private key or of a certificate, PEM. */
export function publicKeyOf(pem: string): string {
  return createPublicKey(pem).export({ type: 'spki', format: 'pem' }) as string;
}

/** A self-signed authority, PEM. */
export async function makeAuthority(options: {
  readonly commonName: string;
  readonly key: string;
  readonly now_ms: number;
  readonly validFor_ms: number;
  readonly random: Random;
}): Promise<string> {
  const lib = await x509();
  const publicKey = await importPublic(publicKeyOf(options.key));
  const cert = await lib.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(options.random),
    name: jsonName({ commonName: options.commonName }),
    notBefore: new Date(options.now_ms - BACKDATE_ms),
    notAfter: new Date(options.now_ms + options.validFor_ms),
    signingAlgorithm: algorithmOf(createPrivateKey(options.key)),
    keys: { publicKey, privateKey: await importPrivate(options.key) },
    extensions: [
      new lib.BasicConstraintsExtension(true, undefined, true),
      new lib.KeyUsagesExtension(
        lib.KeyUsageFlags.digitalSignature | lib.KeyUsageFlags.keyEncipherment | lib.KeyUsageFlags.keyCertSign,
        true,
      ),
      await lib.SubjectKeyIdentifierExtension.create(publicKey),
    ],
  });
  return `${cert.toString('pem')}\n`;
}

/** A certificate signed by `issuer`, PEM. */
export async function makeCertificate(options: CertificateOptions): Promise<string> {
  const { subject, altNames, publicKey, usages, issuer, now_ms, validFor_ms, random } = options;
  const lib = await x509();
  const authority = new lib.X509Certificate(issuer.cert);
  const oids = { 'client auth': lib.ExtendedKeyUsage.clientAuth, 'server auth': lib.ExtendedKeyUsage.serverAuth };
  const names = [
    ...(altNames?.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(altNames?.ips ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const cert = await lib.X509CertificateGenerator.create({
    serialNumber: serial(random),
    subject: jsonName(subject),
    issuer: authority.subjectName.toJSON(),
    notBefore: new Date(now_ms - BACKDATE_ms),
    notAfter: new Date(Math.min(now_ms + validFor_ms, authority.notAfter.getTime())),
    signingAlgorithm: algorithmOf(createPrivateKey(issuer.key)),
    publicKey: await importPublic(publicKey),
    signingKey: await importPrivate(issuer.key),
    extensions: [
      new lib.BasicConstraintsExtension(false, undefined, true),
      new lib.KeyUsagesExtension(lib.KeyUsageFlags.digitalSignature | lib.KeyUsageFlags.keyEncipherment, true),
      new lib.ExtendedKeyUsageExtension(usages.map((usage) => oids[usage])),
      await lib.AuthorityKeyIdentifierExtension.create(await importPublic(publicKeyOf(issuer.cert))),
      ...(names.length > 0 ? [new lib.SubjectAlternativeNameExtension(names)] : []),
    ],
  });
  return `${cert.toString('pem')}\n`;
}

/** A PKCS #10 signing request for `key`, PEM. */
export async function makeSigningRequest(options: {
  readonly subject: Subject;
  readonly altNames?: AltNames;
  readonly key: string;
}): Promise<string> {
  const lib = await x509();
  const names = [
    ...(options.altNames?.dns ?? []).map((value) => ({ type: 'dns' as const, value })),
    ...(options.altNames?.ips ?? []).map((value) => ({ type: 'ip' as const, value })),
  ];
  const request = await lib.Pkcs10CertificateRequestGenerator.create({
    name: jsonName(options.subject),
    keys: { publicKey: await importPublic(publicKeyOf(options.key)), privateKey: await importPrivate(options.key) },
    signingAlgorithm: algorithmOf(createPrivateKey(options.key)),
    extensions: names.length > 0 ? [new lib.SubjectAlternativeNameExtension(names)] : [],
  });
  return `${request.toString('pem')}\n`;
}

/** What a signing request asks for. Throws where it is malformed or not signed by its own key. */
export async function readSigningRequest(pem: string): Promise<SigningRequest> {
  const lib = await x509();
  const request = new lib.Pkcs10CertificateRequest(pem);
  if (!(await request.verify())) throw new Error('the signing request is not signed by its own key');
  const names = request.extensions
    .filter((extension) => extension instanceof lib.SubjectAlternativeNameExtension)
    .flatMap((extension) => extension.names.items);
  const of = (type: string) => names.filter((name) => name.type === type).map((name) => name.value);
  const dns = of('dns');
  const ips = of('ip');
  return {
    subject: { commonName: request.subjectName.getField('CN').join(','), organizations: request.subjectName.getField('O') },
    altNames: { dns, ips },
    otherNames: names.length - dns.length - ips.length,
    publicKey: request.publicKey.toString('pem'),
  };
}

/** What a certificate (the first of a chain, PEM) says; without the X.509 library. Throws where it is malformed. */
export function readCertificate(pem: string): CertificateInfo {
  const cert = new X509Certificate(pem);
  const fields = cert.subject.split('\n').map((line): readonly [string, string] => {
    const at = line.indexOf('=');
    return [line.slice(0, at), line.slice(at + 1)];
  });
  const of = (field: string) => fields.filter(([name]) => name === field).map(([, value]) => value);
  const names = cert.subjectAltName?.split(', ') ?? [];
  return {
    commonName: of('CN')[0] ?? '',
    organizations: of('O'),
    altNames: {
      dns: names.filter((name) => name.startsWith('DNS:')).map((name) => name.slice('DNS:'.length)),
      ips: names.filter((name) => name.startsWith('IP Address:')).map((name) => canonicalIp(name.slice('IP Address:'.length))),
    },
    notBefore_ms: Date.parse(cert.validFrom),
    notAfter_ms: Date.parse(cert.validTo),
  };
}

/** One spelling for each address: IPv6 in its shortest form. */
export function canonicalIp(ip: string): string {
  return isIP(ip) === 6 ? new URL(`http://[${ip}]`).hostname.slice(1, -1) : ip;
}

/** Whether `cert` is the certificate of `key` and was signed by `authority` (all PEM). False for what cannot be read. */
export function belongsTogether(cert: string, key: string, authority: string): boolean {
  try {
    const certificate = new X509Certificate(cert);
    const ca = new X509Certificate(authority);
    return certificate.checkPrivateKey(createPrivateKey(key)) && certificate.verify(ca.publicKey);
  } catch {
    return false;
  }
}

function jsonName({ commonName, organizations = [] }: Subject) {
  return [...organizations.map((organization) => ({ O: [organization] })), { CN: [commonName] }];
}

function serial(random: Random): string {
  const bytes = Buffer.from(random.bytes(SERIAL_bytes));
  bytes[0] = (bytes[0]! & 0x7f) | 0x40;
  return bytes.toString('hex');
}

function importPrivate(pem: string): Promise<webcrypto.CryptoKey> {
  const key = createPrivateKey(pem);
  return crypto.subtle.importKey('pkcs8', key.export({ type: 'pkcs8', format: 'der' }), algorithmOf(key), false, ['sign']);
}

function importPublic(pem: string): Promise<webcrypto.CryptoKey> {
  const key = createPublicKey(pem);
  return crypto.subtle.importKey('spki', key.export({ type: 'spki', format: 'der' }), algorithmOf(key), true, ['verify']);
}

const HASHES: { readonly [curve: string]: string } = { 'P-256': 'SHA-256', 'P-384': 'SHA-384', 'P-521': 'SHA-512' };
const CURVES: { readonly [openssl: string]: string } = { prime256v1: 'P-256', secp384r1: 'P-384', secp521r1: 'P-521' };

/** How a key signs: ours are all of one kind, but people bring their own, and a cluster may have been given another's authority. */
function algorithmOf(key: KeyObject) {
  const { asymmetricKeyType: type, asymmetricKeyDetails } = key;
  if (type === 'rsa') return { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  if (type === 'ed25519') return { name: 'Ed25519' };
  const namedCurve = CURVES[asymmetricKeyDetails?.namedCurve ?? ''];
  if (type !== 'ec' || !namedCurve) throw new Error(`keys of the type ${asymmetricKeyDetails?.namedCurve ?? type} are not supported`);
  return { name: 'ECDSA', namedCurve, hash: HASHES[namedCurve]! };
}
