// Clients in other languages, as Debian 12 packages them: each script does what its users do, and prints a verb once it has held.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { TestServer } from '../../suites/apiserver.js';
import { startTestCluster } from '../../suites/cluster.js';
import { shows } from '../../suites/compatibility.js';

const CRD = join(import.meta.dirname, 'chart/crds/greetings.yaml');
/** Debian's own interpreters: another on the PATH would not find Debian's packages. */
const CLIENTS = [
  { client: 'python3-kubernetes', version: '22.6', program: '/usr/bin/python3', script: 'python-client.py', count: 11 },
  { client: 'ruby-kubeclient', version: '4.9', program: '/usr/bin/ruby', script: 'ruby-client.rb', count: 8 },
];

let cluster: TestServer;
beforeAll(async () => {
  cluster = await startTestCluster();
});
afterAll(() => cluster?.stop());

for (const { client, version, program, script, count } of CLIENTS)
  it(`${client} ${version}`, async (context) => {
    const args = [join(import.meta.dirname, script), cluster.kubeconfig, CRD];
    const { stdout } = await promisify(execFile)(program, args, { timeout: 55_000 });
    const verbs = stdout.trim().split('\n');
    expect(verbs).toHaveLength(count);
    for (const verb of verbs) shows(context, { client, version, verb, result: 'works' });
  });
