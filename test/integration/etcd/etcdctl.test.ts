// Debian's etcdctl against the embedded store, over TLS with client certificates: it must not notice that this is no etcd.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { certificateFlags, EtcdLab, freePort, porthole, run, startPorthole } from '../../suites/etcdctl.js';

describe('etcdctl', () => {
  let lab: EtcdLab;
  beforeAll(async () => {
    lab = await EtcdLab.start();
  });
  afterAll(() => lab?.stop());

  const ok = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await lab.etcdctl(...args);
    expect(code, `${args.join(' ')}: ${stderr}`).toBe(0);
    return stdout;
  };
  const refused = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await lab.etcdctl(...args);
    expect(code, args.join(' ')).not.toBe(0);
    return stderr;
  };
  const json = async (...args: string[]) => JSON.parse(await ok(...args, '-w', 'json')) as Record<string, unknown>;

  it('puts, gets and deletes', async () => {
    expect(await ok('put', 'a/1', 'one')).toBe('OK\n');
    expect(await ok('put', 'a/1', 'eins', '--prev-kv')).toBe('OK\na/1\none\n');
    await ok('put', 'a/2', 'two');
    await ok('put', 'b', 'other');
    expect(await ok('get', 'a/1')).toBe('a/1\neins\n');
    expect(await ok('get', 'a/', '--prefix', '--keys-only')).toBe('a/1\n\na/2\n\n');
    expect(await ok('get', '', '--from-key', '--print-value-only')).toBe('eins\ntwo\nother\n');
    expect(await ok('get', 'a/', '--prefix', '--rev=2')).toBe('a/1\none\n');
    expect(await json('get', 'a/', '--prefix', '--limit=1')).toMatchObject({ count: 2, more: true });
    expect(await ok('del', 'a/', '--prefix', '--prev-kv')).toBe('2\na/1\neins\na/2\ntwo\n');
    expect(await ok('del', 'a/', '--prefix')).toBe('0\n');
  });

  it('sorts and limits by every target', async () => {
    for (const [key, value] of [
      ['s/a', '3'],
      ['s/b', '1'],
      ['s/c', '2'],
    ] as const)
      await ok('put', key, value);
    await ok('put', 's/a', '9');
    const sorted = async (...args: string[]) =>
      (await ok('get', 's/', '--prefix', '--print-value-only', ...args)).trim().split('\n').join('');
    expect(await sorted('--sort-by=VALUE', '--order=ASCEND')).toBe('129');
    expect(await sorted('--sort-by=VALUE', '--order=DESCEND', '--limit=1')).toBe('9');
    expect(await sorted('--sort-by=MODIFY')).toBe('129');
    expect(await sorted('--sort-by=CREATE', '--order=DESCEND')).toBe('219');
    expect(await sorted('--sort-by=VERSION', '--order=DESCEND', '--limit=1')).toBe('9');
    expect(await sorted('--order=DESCEND')).toBe('219');
  });

  it('commits transactions by their compares', async () => {
    await ok('put', 't', '1');
    const txn = (text: string) => run('etcdctl', [...lab.flags, 'txn'], text);
    expect(await txn('value("t") = "1"\nversion("nothing") = "0"\n\nput t 2\nget t\n\nput t 3\n\n')).toMatchObject({
      code: 0,
      stdout: 'SUCCESS\n\nOK\n\nt\n2\n',
    });
    expect(await txn('mod("t") < "1"\n\nput t 9\n\nget t\n\n')).toMatchObject({ stdout: 'FAILURE\n\nt\n2\n' });
    expect((await txn('\nput t 1\nput t 2\n\n\n')).stderr).toContain('duplicate key given in txn request');
  });

  it('keeps what a put ignores, and refuses to without the key', async () => {
    await ok('put', 'ignored', 'kept');
    const id = (await ok('lease', 'grant', '600')).split(' ')[1]!;
    await ok('put', 'ignored', '--ignore-value', `--lease=${id}`);
    expect(await ok('get', 'ignored')).toBe('ignored\nkept\n');
    await ok('put', 'ignored', 'new', '--ignore-lease');
    expect(await ok('lease', 'timetolive', id, '--keys')).toContain('attached keys([ignored])');
    expect(await refused('put', 'no-such', '--ignore-value')).toContain('etcdserver: key not found');
    await ok('lease', 'revoke', id);
  });

  it('watches from now and from the past, with filters of its own', async () => {
    await ok('put', 'w/1', 'before');
    const { header } = (await json('get', 'w/1')) as { header: { revision: number } };
    const watch = spawn('etcdctl', [...lab.flags, 'watch', 'w/', '--prefix', '--prev-kv', `--rev=${header.revision}`], {
      env: { ...process.env, ETCDCTL_API: '3' },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const seen: string[] = [];
    const enough = (async () => {
      for await (const line of createInterface({ input: watch.stdout })) {
        seen.push(line);
        if (seen.join(' ').endsWith('DELETE w/1 after w/1 ')) return;
      }
    })();
    await ok('put', 'w/1', 'after');
    await ok('put', 'not-watched', 'x');
    await ok('del', 'w/1');
    await enough;
    watch.kill();
    await once(watch, 'exit');
    expect(seen.join(' ')).toBe('PUT w/1 before PUT w/1 before w/1 after DELETE w/1 after w/1 ');
  });

  it('grants, keeps alive, lists and revokes leases', async () => {
    const id = /lease (\S+) granted with TTL\(300s\)/.exec(await ok('lease', 'grant', '300'))![1]!;
    await ok('put', 'leased', 'x', `--lease=${id}`);
    expect(await ok('lease', 'list')).toContain(id);
    expect(await ok('lease', 'keep-alive', '--once', id)).toContain(`lease ${id} keepalived with TTL(300)`);
    expect(await ok('lease', 'timetolive', id)).toMatch(/granted with TTL\(300s\), remaining\((299|300)s\)/);
    await ok('lease', 'revoke', id);
    expect(await ok('get', 'leased')).toBe('');
    expect(await refused('put', 'leased', 'x', `--lease=${id}`)).toContain('requested lease not found');
    expect(await refused('lease', 'revoke', id)).toContain('requested lease not found');
    expect(await ok('lease', 'timetolive', id)).toContain('already expired');
  });

  it('compacts, and tells of what is compacted', async () => {
    await ok('put', 'c', '1');
    const { header } = (await json('put', 'c', '2')) as { header: { revision: number } };
    const revision = String(header.revision);
    expect(await ok('compact', revision, '--physical')).toBe(`compacted revision ${revision}\n`);
    expect(await refused('compact', revision)).toContain('required revision has been compacted');
    expect(await refused('get', 'c', '--rev=2')).toContain('required revision has been compacted');
    expect(await refused('get', 'c', '--rev=99999')).toContain('required revision is a future revision');
    // etcdctl ends a watch at a compacted revision, and says why.
    expect((await lab.etcdctl('watch', 'c', '--rev=2')).stderr).toContain('required revision has been compacted');
  });

  it('finds a healthy endpoint, its status, and one member', async () => {
    const { code, stdout, stderr } = await lab.etcdctl('endpoint', 'health');
    expect({ code, text: stdout + stderr }).toMatchObject({ code: 0, text: expect.stringContaining('is healthy') });
    expect(await ok('endpoint', 'status')).toMatch(new RegExp(`^${lab.url}, [0-9a-f]+, 3\\.5\\.0, `));
    expect(await ok('endpoint', 'hashkv')).toMatch(/, \d+\n$/);
    expect(await ok('member', 'list')).toMatch(new RegExp(`^[0-9a-f]+, started, one, , ${lab.url}, false\n$`));
    expect(await ok('alarm', 'list')).toBe('');
    expect(await ok('defrag')).toContain('Finished defragmenting');
    expect(await ok('get', 'c')).toBe('c\n2\n');
  });

  it('refuses what a single member and a store without users cannot do, and says what can', async () => {
    expect(await refused('member', 'add', 'two', '--peer-urls=https://192.0.2.1:2380')).toContain('porthole apiserver --etcd-servers');
    expect(await refused('user', 'add', 'me:secret')).toContain('has no users and roles');
    expect(await refused('auth', 'enable')).toContain('has no users and roles');
    const large = await run('etcdctl', [...lab.flags, 'put', 'large'], 'x'.repeat(1_600_000));
    expect(large.stderr).toContain('request is too large');
  });

  it('serves nobody without a certificate of its own authority', async () => {
    const pki = join(lab.dir, 'pki');
    const by = (...flags: string[]) =>
      run('etcdctl', [`--endpoints=${lab.url}`, '--dial-timeout=1s', '--command-timeout=2s', ...flags, 'get', 'c']);
    expect((await by(`--cacert=${pki}/etcd/ca.crt`)).code).not.toBe(0);
    const nodes = await by(`--cacert=${pki}/etcd/ca.crt`, `--cert=${pki}/admin.crt`, `--key=${pki}/admin.key`);
    expect(nodes.code).not.toBe(0);
    expect(
      (await by(`--cacert=${pki}/etcd/ca.crt`, `--cert=${pki}/apiserver-etcd-client.crt`, `--key=${pki}/apiserver-etcd-client.key`)).code,
    ).toBe(0);
  });

  it('saves a snapshot that porthole restores with keys, history, leases and revision', async () => {
    const id = (await ok('lease', 'grant', '600')).split(' ')[1]!;
    await ok('put', 'kept', 'v', `--lease=${id}`);
    const file = join(lab.dir, 'by-etcdctl.snapshot');
    await ok('snapshot', 'save', file);
    expect((await readFile(file)).length % 512).toBe(32);
    expect(await porthole('etcd', 'snapshot', 'status', file)).toMatchObject({ code: 0, stdout: expect.stringMatching(/revision +\d+/) });
    const hash = async (flags: readonly string[]) => (await run('etcdctl', [...flags, 'endpoint', 'hashkv'])).stdout.split(', ')[1];
    const wanted = await hash(lab.flags);
    const dir = join(lab.dir, 'restored');
    expect(await porthole('etcd', 'snapshot', 'restore', file, '--data-dir', dir)).toMatchObject({ code: 0 });
    expect((await porthole('etcd', 'snapshot', 'restore', file, '--data-dir', dir)).stderr).toContain('is not empty');
    const address = `127.0.0.1:${await freePort()}`;
    const served = startPorthole('etcd', '--data-dir', dir, '--listen-client-urls', `http://${address}`);
    try {
      await served.until(/serving etcd clients/);
      // This etcdctl sends the URL, if it is given one without TLS, where HTTP/2 has the address, and Node refuses that.
      const flags = [`--endpoints=${address}`];
      expect(await hash(flags)).toBe(wanted);
      expect((await run('etcdctl', [...flags, 'lease', 'timetolive', id, '--keys'])).stdout).toContain('attached keys([kept])');
    } finally {
      await served.stop();
    }
  });
});

describe('porthole server', () => {
  it('serves its store to etcdctl, and its history to porthole etcd log', async () => {
    const lab = await EtcdLab.start();
    const dir = join(lab.dir, 'server');
    const [api, etcd] = [await freePort(), await freePort()];
    const url = `https://127.0.0.1:${etcd}`;
    const served = startPorthole(
      'server',
      `--data-dir=${dir}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${api}`,
      '--advertise-address=192.0.2.1',
      `--etcd-listen-client-urls=${url}`,
    );
    try {
      await served.until(/control plane is up/);
      const flags = [`--endpoints=${url}`, ...certificateFlags(join(dir, 'server', 'pki'))];
      const { stdout, stderr } = await run('etcdctl', [...flags, 'get', '/', '--prefix', '--keys-only']);
      expect(stderr).toBe('');
      expect(stdout).toContain('/registry/namespaces/kube-system\n');
      const log = await porthole('etcd', 'log', ...flags, '--prefix', '/registry/namespaces/kube-');
      expect(log).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\tcreate\t\/registry\/namespaces\/kube-/) });
      const saved = await porthole('etcd', 'snapshot', 'save', ...flags, '--data-dir', join(dir, 'server', 'etcd'));
      expect(saved).toMatchObject({ code: 0, stdout: expect.stringContaining(join(dir, 'server', 'etcd-snapshots')) });
    } finally {
      await served.stop();
      await lab.stop();
    }
  });
});
