// What is read off the machine before and after a cluster: ports in use, cgroups, disk, resolvers, mounts.
import { describe, expect, test } from 'vitest';
import { diskMessage, missingControllers, portUsers } from '../../../../src/cluster/local/preflight.js';
import { isLoopbackStub } from '../../../../src/cluster/local/resolv-conf.js';
import { mountPointsBelow } from '../../../../src/cluster/local/sweep.js';

describe('portUsers', () => {
  test('names each process once', () => {
    const ss = [
      'LISTEN 0 511 0.0.0.0:6443 0.0.0.0:* users:(("nginx",pid=12,fd=6),("nginx",pid=13,fd=6))',
      'LISTEN 0 511    [::]:6443    [::]:* users:(("nginx",pid=12,fd=7))',
    ].join('\n');
    expect(portUsers(ss)).toBe('nginx (pid 12), nginx (pid 13)');
  });

  test('is empty where ss may not tell', () => {
    expect(portUsers('LISTEN 0 511 0.0.0.0:6443 0.0.0.0:*\n')).toBe('');
  });
});

test('missingControllers names what the kernel has off or does not have', () => {
  const table = '#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpu\t3\t1\t1\nmemory\t0\t1\t0\n';
  expect(missingControllers(table)).toEqual(['memory', 'pids']);
});

test('diskMessage tells how much there is, how much is needed and where', () => {
  expect(diskMessage('/var/lib', 1.5 * 1024 ** 3)).toBe('only 1.5 GiB free at /var/lib, 2.0 GiB are needed: make room there');
});

describe('isLoopbackStub', () => {
  test.each([
    ['nameserver 127.0.0.53\noptions edns0\n', true],
    ['nameserver ::1\nnameserver 127.0.0.1\n', true],
    ['nameserver 127.0.0.53\nnameserver 192.0.2.53\n', false],
    ['nameserver 192.0.2.53\n', false],
    ['# nameserver 127.0.0.53\n', false],
    ['', false],
  ])('%j: %s', (text, expected) => {
    expect(isLoopbackStub(text)).toBe(expected);
  });
});

test('mountPointsBelow gives only what is below, the last mounted first, with escapes undone', () => {
  const mountinfo = [
    '24 1 8:1 / / rw - ext4 /dev/vda rw',
    '50 24 0:4 net:[1] /run/porthole/porthole/node-1/docker/netns/default rw - nsfs nsfs rw',
    '51 24 0:4 net:[1] /run/porthole/porthole-2/node-1/x rw - nsfs nsfs rw',
    '52 24 0:9 / /var/lib/porthole/local/porthole/a\\040b rw - tmpfs tmpfs rw',
  ].join('\n');
  expect(mountPointsBelow(mountinfo, ['/run/porthole/porthole', '/var/lib/porthole/local/porthole'])).toEqual([
    '/var/lib/porthole/local/porthole/a b',
    '/run/porthole/porthole/node-1/docker/netns/default',
  ]);
});
