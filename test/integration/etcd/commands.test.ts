// `porthole etcd copy` and what its commands refuse, as a person at a terminal meets them: to a real etcd and back, and one line for each error.
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { EtcdCluster } from '../../suites/etcd-cluster.js';
import { certificateFlags, EtcdLab, porthole, run } from '../../suites/etcdctl.js';

const root = await mkdtemp(join(tmpdir(), 'porthole-etcd-commands-'));
afterAll(() => rm(root, { recursive: true, force: true }));

describe('porthole etcd copy', () => {
  it('moves keys, values and leases to etcd and back', async () => {
    const [first, second, etcd] = [await EtcdLab.start(), await EtcdLab.start(), await EtcdCluster.start({ members: 1 })];
    try {
      const { id } = await first.backend.leaseGrant(600);
      for (let i = 0; i < 1500; i++) {
        const put = {
          type: 'put',
          key: `/k/${i}\xff\0`,
          value: Buffer.alloc(i === 7 ? 1_500_000 : i, i),
          ...(i % 100 === 0 && { lease: id }),
        } as const;
        await first.backend.txn({ compare: [], success: [put], failure: [] });
      }
      const tls = (lab: EtcdLab, side: string) => certificateFlags(join(lab.dir, 'pki')).map((flag) => flag.replace('--', `--${side}-`));
      const [etcdUrl] = etcd.endpoints;
      const there = await porthole('etcd', 'copy', '--from', first.url, ...tls(first, 'from'), '--to', etcdUrl!);
      expect(there).toMatchObject({ code: 0, stdout: 'copied 1500 keys and 1 leases as they were at revision 1501\n' });
      const lease = await run('etcdctl', [`--endpoints=${etcdUrl}`, 'lease', 'timetolive', id.toString(16), '--keys']);
      expect(lease.stdout.match(/\/k\//g)).toHaveLength(15);
      const again = await porthole('etcd', 'copy', '--from', first.url, ...tls(first, 'from'), '--to', etcdUrl!);
      expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('is not empty (1500 keys): nothing has been changed') });
      const back = await porthole('etcd', 'copy', '--from', etcdUrl!, '--to', second.url, ...tls(second, 'to'));
      expect(back).toMatchObject({ code: 0 });
      const all = async (lab: EtcdLab) =>
        (await lab.backend.range({ key: '\0', rangeEnd: '\0' })).kvs.map(({ key, value, lease }) => [
          key,
          Buffer.from(value).toString('base64'),
          lease,
        ]);
      expect(await all(second)).toEqual(await all(first));
    } finally {
      await Promise.all([first.stop(), second.stop(), etcd.stop()]);
    }
  });
});

describe('porthole etcd', () => {
  const refused = async (...args: string[]) => {
    const { code, stderr } = await porthole('etcd', ...args);
    expect({ code, lines: stderr.trim().split('\n').length }, stderr).toEqual({ code: 1, lines: 1 });
    return stderr;
  };

  it('refuses a second member, and says how to have one', async () => {
    expect(await refused('--data-dir', join(root, 'a'), '--initial-cluster', 'default=http://a:2380,other=http://b:2380')).toMatch(
      /2 members \(default, other\).*run an etcd cluster.*porthole etcd copy.*porthole apiserver --etcd-servers/,
    );
    expect(await refused('--name', 'one', '--initial-cluster', 'two=http://a:2380')).toContain('they must agree');
  });

  it('refuses certificates by halves, and ports and stores that are taken', async () => {
    expect(await refused('--listen-client-urls', 'https://127.0.0.1:0')).toContain('--cert-file and --key-file');
    expect(await refused('--client-cert-auth')).toContain('--trusted-ca-file');
    expect(await refused('--cert-file', '/none', '--key-file', '/none', '--listen-client-urls', 'https://127.0.0.1:0')).toContain(
      'there is no /none',
    );
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.on('listening', resolve));
    const { port } = taken.address() as { port: number };
    expect(await refused('--data-dir', join(root, 'b'), '--listen-client-urls', `http://127.0.0.1:${port}`)).toContain(
      `cannot listen on http://127.0.0.1:${port} for etcd clients: something else does already`,
    );
    const nobody = ['--endpoints', `http://127.0.0.1:${port}`];
    taken.close();
    expect(await refused('log', ...nobody)).toContain('cannot use etcd at');
    expect(await refused('snapshot', 'save', join(root, 'x'), ...nobody)).toContain('no snapshot from');
    expect(await refused('snapshot', 'restore', join(root, 'none'), '--data-dir', join(root, 'c'))).toContain('there is no');
    const lab = await EtcdLab.start();
    expect(await refused('--data-dir', join(lab.dir, 'etcd'), '--listen-client-urls', 'http://127.0.0.1:0')).toContain(
      'in use by another process',
    );
    await lab.stop();
  });
});
