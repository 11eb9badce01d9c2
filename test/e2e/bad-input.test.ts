// What a user gets wrong: each answer is Kubernetes', names the cause, and leaves nothing half done.

import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readKubeconfig } from '../../src/cluster/read-kubeconfig.js';
import { background, eventually, kubectl, kubectlRaw, layout, remove, run } from './lab.js';

afterAll(() => remove('service,pod,deployment', '-l', 'suite=bad-input'));

const create = (manifest: string) => kubectlRaw(['create', '-f', '-'], manifest);
const SERVICE = (name: string, nodePort: number) =>
  `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}, labels: {suite: bad-input}}\nspec: {type: NodePort, selector: {app: none}, ports: [{port: 80, nodePort: ${nodePort}}]}`;
const POD = (name: string, spec: string) =>
  `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, labels: {suite: bad-input}}\nspec: ${spec}`;

describe('a manifest', () => {
  it.each([
    ['an unknown kind', 'apiVersion: v1\nkind: Pot\nmetadata: {name: x}', /no matches for kind "Pot" in version "v1"/],
    [
      'an unknown group',
      'apiVersion: example.com/v1\nkind: Pod\nmetadata: {name: x}',
      /no matches for kind "Pod" in version "example.com\/v1"/,
    ],
    ['broken YAML', 'apiVersion: v1\nkind: [', /error parsing STDIN|error converting YAML/],
    ['an unknown field', POD('x', '{containers: [{name: c, image: nginx, imagee: y}]}'), /unknown field "spec\.containers\[0\]\.imagee"/],
    ['no containers', POD('x', '{}'), /The Pod "x" is invalid: spec\.containers: Required value/],
    ['no image', POD('x', '{containers: [{name: c}]}'), /spec\.containers\[0\]\.image: Required value/],
    [
      'a bad name',
      POD('Not_A_Name', '{containers: [{name: c, image: nginx}]}'),
      /metadata\.name: Invalid value: "Not_A_Name": a lowercase RFC 1123 subdomain/,
    ],
    [
      'a port out of range',
      POD('x', '{containers: [{name: c, image: nginx, ports: [{containerPort: 70000}]}]}'),
      /containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive/,
    ],
    [
      'a selector that does not match its template',
      'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: x}\nspec: {selector: {matchLabels: {a: b}}, template: {metadata: {labels: {a: c}}, spec: {containers: [{name: c, image: nginx}]}}}',
      /`selector` does not match template `labels`/,
    ],
    [
      'a namespace that is not there',
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: nowhere}',
      /namespaces "nowhere" not found/,
    ],
  ])('with %s is refused with the cause', async (_, manifest, message) => {
    const { code, stderr } = await create(manifest);
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
    expect((await kubectlRaw(['get', 'pod,deployment,configmap', 'x'])).stdout).toBe('');
  });

  it('with a wrong type is refused by the server, naming the field', async () => {
    const { code, stderr } = await kubectlRaw(['create', '--validate=false', '-f', '-'], POD('x', '{containers: nginx}'));
    expect(code).toBe(1);
    expect(stderr).toMatch(/cannot unmarshal string into Go struct field .*containers/);
  });

  it('that tells two things wrong is told both', async () => {
    const { stderr } = await create(POD('x', '{restartPolicy: Sometimes, containers: [{name: C, image: nginx}]}'));
    expect(stderr).toContain('spec.containers[0].name: Invalid value: "C"');
    expect(stderr).toContain('spec.restartPolicy: Unsupported value: "Sometimes"');
  });
});

describe('a NodePort', () => {
  it('out of 30000-32767 is refused', async () => {
    expect((await create(SERVICE('low', 8080))).stderr).toContain(
      'spec.ports[0].nodePort: Invalid value: 8080: provided port is not in the valid range. The range of valid ports is 30000-32767',
    );
  });

  it('already taken is refused, and can be had as soon as it is free', async () => {
    expect((await create(SERVICE('first', 31999))).code).toBe(0);
    expect((await create(SERVICE('second', 31999))).stderr).toContain(
      'spec.ports[0].nodePort: Invalid value: 31999: provided port is already allocated',
    );
    expect((await kubectlRaw(['get', 'service', 'second'])).stderr).toContain('not found');
    await kubectl('delete', 'service', 'first');
    expect((await create(SERVICE('second', 31999))).code).toBe(0);
  });
});

describe('a change', () => {
  it('of a name that exists, of what is immutable, and of an old version is refused', async () => {
    const manifest = POD(
      'fixed',
      '{containers: [{name: c, image: "busybox:1.36", command: [sleep, "1000"]}], terminationGracePeriodSeconds: 1}',
    );
    expect((await create(manifest)).code).toBe(0);
    expect((await create(manifest)).stderr).toContain(
      'Error from server (AlreadyExists): error when creating "STDIN": pods "fixed" already exists',
    );
    const renamed = await kubectlRaw(['patch', 'pod', 'fixed', '-p', '{"spec":{"hostNetwork":true}}']);
    expect(renamed.stderr).toContain('pod updates may not change fields other than');
    const old = await kubectlRaw(['patch', 'pod', 'fixed', '-p', '{"metadata":{"resourceVersion":"1"}}']);
    expect(old.stderr).toContain('the object has been modified; please apply your changes to the latest version and try again');
  });
});

describe('a raw request', () => {
  async function raw(
    method: string,
    path: string,
    options: { body?: string; type?: string; anonymous?: boolean; announced_bytes?: number } = {},
  ) {
    const { ca, cert, key, server } = await readKubeconfig(layout.kubeconfig);
    return new Promise<{ status: number; body: { kind?: string; reason?: string; message?: string } }>((resolve, reject) => {
      const identity = options.anonymous ? {} : { cert, key };
      const headers =
        options.body === undefined
          ? {}
          : {
              'content-type': options.type ?? 'application/json',
              'content-length': options.announced_bytes ?? Buffer.byteLength(options.body),
            };
      const outgoing = request(`${server}${path}`, { method, ca, ...identity, headers, agent: false }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        response.on('end', () => {
          resolve({ status: response.statusCode!, body: JSON.parse(text) });
          outgoing.destroy();
        });
      });
      outgoing.on('error', reject);
      // A body announced as too large is refused before it is sent.
      if (options.announced_bytes) outgoing.write(options.body);
      else outgoing.end(options.body);
    });
  }
  const pods = '/api/v1/namespaces/default/pods';

  it.each([
    ['without a certificate', 'GET', pods, { anonymous: true }, 403, 'Forbidden'],
    ['for a path that is none', 'GET', '/api/v1/nothing', {}, 404, 'NotFound'],
    ['with a body of an unknown type', 'POST', pods, { body: 'x', type: 'text/plain' }, 415, 'UnsupportedMediaType'],
    ['with a body that is no JSON', 'POST', pods, { body: '{' }, 400, 'BadRequest'],
    ['with a body as deep as a well', 'POST', pods, { body: `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}` }, 400, 'BadRequest'],
    ['with a body over 3 MiB', 'POST', pods, { body: '{', announced_bytes: 4 << 20 }, 413, 'RequestEntityTooLarge'],
    ['with a verb that does not fit', 'PUT', pods, { body: '{}' }, 405, 'MethodNotAllowed'],
  ] as const)('%s gets a Status', async (_, method, path, options, status, reason) => {
    const answer = await raw(method, path, options);
    expect([answer.status, answer.body.kind, answer.body.reason]).toEqual([status, 'Status', reason]);
    expect(answer.body.message!.length).toBeGreaterThan(3);
  });

  it('with __proto__ in it stores nothing of it and harms nobody', async () => {
    const answer = await raw('POST', pods, {
      body: '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"x","labels":{"__proto__":"y"}},"__proto__":{"spec":{}}}',
    });
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect((await kubectlRaw(['get', '--raw', '/readyz'])).stdout).toBe('ok');
  });
});

describe('on the machine', () => {
  const up = (...args: string[]) => run(process.execPath, ['dist/main.js', 'up', '--no-kubeconfig', ...args]);

  it.each([
    [
      'no Docker',
      { PATH: '/nowhere' },
      ['--cluster', 'e2e-none', '--subnet', '192.168.245.0/24', '--port', '7999'],
      /not installed: docker.io.*apt-get install/,
    ],
    ['a subnet in use', {}, ['--cluster', 'e2e-none', '--subnet', layout.subnet, '--port', '7999'], /192\.168\.242\.0\/24.*--subnet/],
    ['a subnet that is none', {}, ['--cluster', 'e2e-none', '--subnet', 'lots'], /--subnet lots is not usable/],
    ['no nodes', {}, ['--cluster', 'e2e-none', '--nodes', '0'], /--nodes 0 is not usable: give a number from 1/],
  ])('%s is one clear line, and nothing is started', async (_, env, args, message) => {
    const { code, stderr } = await run(process.execPath, ['dist/main.js', 'up', '--no-kubeconfig', ...args], { env });
    expect(code).toBe(1);
    expect(stderr.trim().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(message);
    expect((await run('ip', ['netns', 'list'])).stdout).not.toContain('e2e-none');
  });

  it('an unknown flag is named', async () => {
    const { code, stderr } = await up('--nodez', '3');
    expect([code, stderr]).toEqual([1, expect.stringContaining("unknown option '--nodez'")]);
  });

  it('a full disk refuses writes, loses nothing that was acknowledged, and is over when there is room again', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'porthole-full-'));
    await run('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', dir]);
    const server = background(process.execPath, [
      'dist/main.js',
      'server',
      '--data-dir',
      dir,
      '--bind-address',
      '127.0.0.1',
      '--secure-port',
      '7998',
    ]);
    const own = (args: string[], input?: string) =>
      kubectlRaw(['--kubeconfig', join(dir, 'server/admin.kubeconfig'), '--server', 'https://127.0.0.1:7998', ...args], input);
    try {
      await eventually('it answers', async () => (await own(['get', '--raw', '/readyz'])).stdout === 'ok', 20);
      expect((await own(['create', 'configmap', 'before'])).code).toBe(0);
      await run('sh', ['-c', `dd if=/dev/zero of=${dir}/filler bs=1M 2>/dev/null`]);
      const big = JSON.stringify({
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: { generateName: 'big-' },
        data: { text: 'x'.repeat(500_000) },
      });
      const refused = await eventually(
        'a refusal',
        async () => {
          const answer = await own(['create', '-f', '-'], big);
          return answer.code === 0 ? undefined : answer.stderr;
        },
        30,
      );
      expect(refused).toMatch(/no space left|No space left/i);
      await rm(join(dir, 'filler'));
      await eventually('writes again', async () => (await own(['create', 'configmap', 'after'])).code === 0, 30);
      expect((await own(['get', 'configmap', 'before', 'after', '-o', 'name'])).stdout).toBe('configmap/before\nconfigmap/after\n');
    } finally {
      await server.stop();
      await run('umount', [dir]);
      await rm(dir, { recursive: true, force: true });
    }
  });
});
