// What of a container's and its pod's security context the engine is asked for: the container's own word counts before its pod's.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { containerSecurity } from '../../../../agent/kubelet/container-security.js';
import type { Image } from '../../../../agent/runtime/runtime.js';
import type { PodSecurityContext, SecurityContext } from '../../../../src/kinds/types/core_v1.js';
import { showsFields } from '../../../suites/pod-spec.js';
import { container, pod } from './fixtures.js';

let rootDirectory: string;
beforeAll(() => {
  rootDirectory = mkdtempSync(join(tmpdir(), 'porthole-seccomp-'));
  mkdirSync(join(rootDirectory, 'seccomp'));
  writeFileSync(join(rootDirectory, 'seccomp/tight.json'), '{"defaultAction":"SCMP_ACT_ERRNO"}');
});
afterAll(() => rmSync(rootDirectory, { recursive: true }));

const image = (user: string) => ({ user }) as Image;
const of = (own: SecurityContext, ofPod: PodSecurityContext = {}, user = '', seccompDefault = false) =>
  containerSecurity(pod({ securityContext: ofPod }), container('main', { securityContext: own }), image(user), {
    seccompDefault,
    rootDirectory,
  });

it('users and groups', async () => {
  expect(await of({})).not.toHaveProperty('user');
  expect(await of({ runAsUser: 5 }, { runAsUser: 1, runAsGroup: 2 })).toMatchObject({ user: '5:2' });
  expect(await of({ runAsGroup: 7 }, {}, 'www:www')).toMatchObject({ user: 'www:7' });
  expect(await of({}, { supplementalGroups: [3, 4], fsGroup: 4 })).toMatchObject({ supplementalGroups: [3, 4] });
});

const WHERE = '(pod: "web_shop(uid-1)", container: main)';
it.each<[SecurityContext, string, string | undefined]>([
  [{ runAsUser: 1 }, '', undefined],
  [{}, '1000', undefined],
  [{ runAsUser: 0 }, '1000', "container's runAsUser breaks non-root policy"],
  [{}, '', 'container has runAsNonRoot and image will run as root'],
  [{}, '0:0', 'container has runAsNonRoot and image will run as root'],
  [{}, 'nobody', 'container has runAsNonRoot and image has non-numeric user (nobody), cannot verify user is non-root'],
  [{ runAsNonRoot: false }, '', undefined],
])('%o of an image with user "%s" under a policy of no root', async (own, user, why) => {
  const outcome = await of(own, { runAsNonRoot: true }, user).then(
    () => undefined,
    (error: Error) => error.message,
  );
  expect(outcome).toBe(why && `${why} ${WHERE}`);
});

it('seccomp, also where only the node says what', async () => {
  const tight = { seccompProfile: { type: 'Localhost', localhostProfile: 'tight.json' } };
  const [none, theirs] = [{ seccompProfile: { type: 'Unconfined' } }, { seccompProfile: { type: 'RuntimeDefault' } }];
  expect((await of({})).seccomp).toBe('unconfined');
  expect((await of({}, {}, '', true)).seccomp).toBe('runtime-default');
  expect((await of(none, theirs, '', true)).seccomp).toBe('unconfined');
  expect((await of({}, theirs)).seccomp).toBe('runtime-default');
  expect((await of(tight, theirs)).seccomp).toEqual({ profile: '{"defaultAction":"SCMP_ACT_ERRNO"}' });
  const path = join(rootDirectory, 'seccomp/none.json');
  await expect(of({ seccompProfile: { type: 'Localhost', localhostProfile: 'none.json' } })).rejects.toThrow(
    `cannot load seccomp profile "${path}": open ${path}: no such file or directory`,
  );
});

it('AppArmor profiles and SELinux labels, which are the kernel’s to know', async (context) => {
  showsFields(
    context,
    'spec.{securityContext,containers[].securityContext}.seLinuxOptions.{user,role,type,level}',
    'spec.{securityContext,containers[].securityContext}.appArmorProfile.{type,localhostProfile}',
  );
  const local = { type: 'Localhost', localhostProfile: 'tight' };
  expect(await of({}, { appArmorProfile: local })).toMatchObject({ appArmor: 'tight' });
  expect(await of({ appArmorProfile: { type: 'Unconfined' } }, { appArmorProfile: local })).toMatchObject({ appArmor: 'unconfined' });
  expect(await of({ appArmorProfile: { type: 'RuntimeDefault' } }, { appArmorProfile: local })).not.toHaveProperty('appArmor');
  const labels = { user: 'u', role: 'r', type: 't', level: 's0:c1' };
  expect(await of({}, { seLinuxOptions: labels })).toMatchObject({ seLinuxLabels: ['user:u', 'role:r', 'type:t', 'level:s0:c1'] });
  expect(await of({ seLinuxOptions: { level: 's0' } }, { seLinuxOptions: labels })).toMatchObject({ seLinuxLabels: ['level:s0'] });
});
