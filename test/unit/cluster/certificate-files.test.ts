// Certificates that were made elsewhere: what of them becomes the API server's.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type CertificateFiles, readCertificateFiles } from '../../../src/cluster/certificate-files.js';

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'porthole-test-certificates-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function file(name: string): string {
  const path = join(dir, name);
  writeFileSync(path, `the ${name}`);
  return path;
}
const six = (): CertificateFiles => ({
  tlsCertFile: file('certificate'),
  tlsPrivateKeyFile: file('key'),
  clientCaFile: file('client ca'),
  kubeletClientCertificate: file('kubelet certificate'),
  kubeletClientKey: file('kubelet key'),
  kubeletCertificateAuthority: file('kubelet ca'),
});

test('the six that it needs, and those of the front proxy where they are named', async () => {
  const identity = await readCertificateFiles(six());
  expect(identity).toEqual({
    tls: { cert: 'the certificate', key: 'the key', clientCa: 'the client ca' },
    kubeletClient: { cert: 'the kubelet certificate', key: 'the kubelet key', ca: 'the kubelet ca' },
  });
  const proxy = { proxyClientCertFile: file('pc'), proxyClientKeyFile: file('pk'), requestheaderClientCaFile: file('rc') };
  expect(await readCertificateFiles({ ...six(), ...proxy })).toMatchObject({
    proxyClient: { cert: 'the pc', key: 'the pk' },
    requestHeaderCa: 'the rc',
  });
});

test('one that cannot be read, and half of a pair, are told by their flags', async () => {
  await expect(readCertificateFiles({ ...six(), requestheaderClientCaFile: join(dir, 'none') })).rejects.toThrow(
    '--requestheader-client-ca-file: ENOENT',
  );
  await expect(readCertificateFiles({ ...six(), proxyClientKeyFile: file('pk') })).rejects.toThrow('go together');
});
