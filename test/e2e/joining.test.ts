// Joining: whatever is wrong with a token or a server is told in one line and changes nothing, and a token goes to no stranger.
import { readFile } from 'node:fs/promises';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { pinOf } from '../../src/client/join-token.js';
import type { Pki } from '../../src/cluster/pki.js';
import {
  type Attempt,
  answeringServer,
  type FakeServer,
  foreignPki,
  forgedBy,
  joinAttempt,
  recordingServer,
  slammingServer,
} from './joining-lab.js';
import { eventually, get, kubectl, kubectlRaw, layout, run } from './lab.js';

const SECRET = 'abcdef.0123456789abcdef';
const CSR_PATH = '/apis/certificates.k8s.io/v1/certificatesigningrequests';

let ca: string;
let foreign: Pki;
let signingRequests: string;
const servers: FakeServer[] = [];

beforeAll(async () => {
  ca = await readFile(layout.caFile, 'utf8');
  foreign = await foreignPki();
  signingRequests = await kubectl('get', 'csr', '-o', 'name');
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server[Symbol.asyncDispose]();
});

async function opened(server: Promise<FakeServer>): Promise<FakeServer> {
  servers.push(await server);
  return servers.at(-1)!;
}

async function token(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run('bin/porthole', ['token', ...args, '--data-dir', layout.serverDir]);
  if (code !== 0) throw new Error(stderr);
  return stdout.trim();
}

/** One line on standard error, nothing on standard output, exit code 1, and nothing kept. */
function expectRefusal(attempt: Attempt, line: RegExp): void {
  expect(attempt).toEqual({ code: 1, stdout: '', stderr: expect.stringMatching(/^porthole agent: .*\n$/), certificates: [] });
  expect(attempt.stderr).toMatch(line);
}

describe('a token that is not right is refused in one line that says what to do', () => {
  const unknown = /: token \w{6} is not known to the server or has expired: make a new one with `porthole token create` on the server$/m;

  it('wrong', async () => {
    const right = await token('create');
    expectRefusal(await joinAttempt(layout.apiUrl, right.replace(/\..{16}:/, '.0000000000000000:')), unknown);
    await token('delete', right);
  });

  it('never made', async () => {
    expectRefusal(await joinAttempt(layout.apiUrl, `${SECRET}:${pinOf(ca)}`), unknown);
  });

  it('expired', async () => {
    const short = await token('create', '--ttl', '1s');
    const id = short.slice(0, 6);
    await eventually('its end', async () => !(await token('list')).includes(id));
    expectRefusal(await joinAttempt(layout.apiUrl, short), unknown);
  });

  it('deleted', async () => {
    const gone = await token('create');
    await token('delete', gone);
    expectRefusal(await joinAttempt(layout.apiUrl, gone), unknown);
  });

  it("another cluster's", async () => {
    const line = /the server's certificate authority is not the one this token was made for: .*make a token on this server/;
    expectRefusal(await joinAttempt(layout.apiUrl, `${SECRET}:${pinOf(foreign.ca.cert)}`), line);
  });

  it.each([['hello'], ['abcdef.0123456789abcdef'], [`abcdef.0123456789ABCDEF:${'0'.repeat(64)}`]])('malformed: %s', async (text) => {
    expectRefusal(await joinAttempt(layout.apiUrl, text), /the token is malformed: .*make one with `porthole token create`/);
  });

  it('missing', async () => {
    expectRefusal(await joinAttempt(layout.apiUrl, undefined), /this node has not joined a cluster yet: give it a --token/);
  });

  it('and the cluster has not been asked to sign anything, nor got a node', async () => {
    expect(await kubectl('get', 'csr', '-o', 'name')).toBe(signingRequests);
    expect((await kubectlRaw(['get', 'node', 'joiner'])).stderr).toMatch(/NotFound/);
  });
});

describe('a right token', () => {
  it('does not bring the name of a node that is there', async () => {
    const right = await token('create');
    const attempt = await joinAttempt(layout.apiUrl, right, '--hostname-override', 'node-1');
    expectRefusal(attempt, /a node named node-1 has joined and is Ready/);
    await token('delete', right);
    const { items } = await get<{ items: { metadata: { name: string }; spec: { username: string } }[] }>('csr');
    const made = items.filter(({ spec }) => spec.username === `system:bootstrap:${right.slice(0, 6)}`);
    expect(made).toHaveLength(1);
    await kubectl('delete', 'csr', made[0]!.metadata.name);
  });

  it('lets nobody read or change anything but signing requests', async () => {
    const right = await token('create');
    const asBootstrapper = (...args: string[]) =>
      kubectlRaw([
        '--kubeconfig=/dev/null',
        `--server=${layout.localUrl}`,
        `--certificate-authority=${layout.caFile}`,
        `--token=${right.split(':')[0]}`,
        ...args,
      ]);
    for (const args of [
      ['get', 'secrets', '-A'],
      ['get', 'nodes'],
      ['delete', 'node', 'node-1'],
      ['create', 'namespace', 'mine'],
    ])
      expect(await asBootstrapper(...args)).toMatchObject({ code: 1, stderr: expect.stringMatching(/Forbidden/) });
    expect((await asBootstrapper('get', 'csr')).code).toBe(0);
    await token('delete', right);
  });
});

describe('a token is never sent to a server that is not of the authority it pins', () => {
  it('one of another cluster', async () => {
    const server = await opened(recordingServer(foreign.apiserver));
    expectRefusal(await joinAttempt(server.url, await token('create')), /certificate authority is not the one this token was made for/);
    expect(server.received()).toBe('');
  });

  it('one that shows the right authority, which everybody can get, with a certificate of its own', async () => {
    const server = await opened(recordingServer({ cert: foreign.apiserver.cert.replace(foreign.ca.cert, ca), key: foreign.apiserver.key }));
    expectRefusal(await joinAttempt(server.url, await token('create')), /certificate authority is not the one this token was made for/);
    expect(server.received()).toBe('');
  });

  it('one that has forged a certificate of the right authority', async () => {
    const server = await opened(recordingServer(await forgedBy(ca)));
    expectRefusal(await joinAttempt(server.url, await token('create')), /certificate signature failure/);
    expect(server.received()).toBe('');
  });
});

describe('a server that does not answer is named with the cause', () => {
  const good = () => `${SECRET}:${pinOf(foreign.ca.cert)}`;

  it('nothing listens there', async () => {
    expectRefusal(
      await joinAttempt('https://127.0.0.1:1', good()),
      /https:\/\/127.0.0.1:1 cannot be reached: .*ECONNREFUSED.*check --server/,
    );
  });

  it('it hangs up', async () => {
    const { url } = await opened(slammingServer());
    expectRefusal(await joinAttempt(url, good()), new RegExp(`${url} cannot be reached: .*(ECONNRESET|disconnected).*check --server`));
  });

  it('it hangs up on the request', async () => {
    const server = await opened(answeringServer(foreign.apiserver, (stream) => stream.session!.destroy()));
    expectRefusal(await joinAttempt(server.url, good()), /the API server https:\/\/127.0.0.1:\d+ cannot be reached: /);
    expect(server.received()).toBe(`POST ${CSR_PATH}\n`);
  });

  it('it hangs up while the agent waits for its certificate: the agent asks again, and tells what it hears then', async () => {
    let watches = 0;
    const server = await opened(
      answeringServer(foreign.apiserver, (stream, method) => {
        const metadata = { name: 'csr-1', resourceVersion: String(1 + watches) };
        if (method === 'POST') {
          stream.respond({ ':status': 201, 'content-type': 'application/json' });
          stream.end(JSON.stringify({ metadata }));
        } else if ((watches += 1) < 3) {
          stream.session!.destroy();
        } else {
          stream.respond({ ':status': 200, 'content-type': 'application/json' });
          const status = { conditions: [{ type: 'Denied', status: 'True', message: 'not today' }] };
          stream.write(`${JSON.stringify({ type: 'MODIFIED', object: { metadata, status } })}\n`);
        }
      }),
    );
    expectRefusal(await joinAttempt(server.url, good()), /the server refused the signing request csr-1: not today/);
    expect(watches).toBe(3);
  });
});
