// Pods that a node cannot take, in upstream's words.
import { expect, it } from 'vitest';
import { sysctlName } from '../../../../agent/kubelet/sysctls.js';
import { unfit } from '../../../../agent/kubelet/unfit.js';
import type { PodSpec } from '../../../../src/kinds/types/core_v1.js';
import { container, pod } from './fixtures.js';

const facts = { allowedUnsafeSysctls: ['kernel.msg*', 'net.core.somaxconn'], appArmor: false };
const sysctl = (name: string, more: Partial<PodSpec> = {}) => ({ ...more, securityContext: { sysctls: [{ name, value: '1' }] } });
const apparmor = (type: string) => ({ appArmorProfile: { type } });

it.each<[string, Partial<PodSpec>, string | undefined]>([
  ['plain', {}, undefined],
  [
    'with an amount that cannot be read',
    { containers: [container('main', { resources: { limits: { memory: '1X' } } })] },
    "UnexpectedAdmissionError: unable to parse quantity's suffix",
  ],
  ['for Linux', { os: { name: 'linux' } }, undefined],
  ['for Windows', { os: { name: 'windows' } }, "PodOSNotSupported: Failed to admit pod as the OS field doesn't match node OS"],
  ['with safe sysctls', sysctl('net.ipv4.ip_unprivileged_port_start'), undefined],
  ['with sysctls that are allowed', sysctl('net/core/somaxconn'), undefined],
  ['with sysctls that are allowed by a pattern', sysctl('kernel.msgmax'), undefined],
  ['with others', sysctl('kernel.sem'), 'SysctlForbidden: forbidden sysctl: "kernel.sem" not allowlisted'],
  [
    "with the node's own network changed",
    sysctl('net.core.somaxconn', { hostNetwork: true }),
    'SysctlForbidden: forbidden sysctl: "net.core.somaxconn" not allowed with host net enabled',
  ],
  [
    "with the node's own queues changed",
    sysctl('kernel.msgmax', { hostIPC: true }),
    'SysctlForbidden: forbidden sysctl: "kernel.msgmax" not allowed with host ipc enabled',
  ],
  ['unconfined', { securityContext: apparmor('Unconfined') }, undefined],
  [
    'with a container that AppArmor is to confine',
    { containers: [container('main', { securityContext: apparmor('RuntimeDefault') })] },
    'AppArmor: Cannot enforce AppArmor: AppArmor is not enabled on the host',
  ],
])('a pod %s', (_, spec, why) => {
  const found = unfit(pod(spec), facts);
  expect(found && `${found.reason}: ${found.message}`).toBe(why?.replace(': ', ': Pod was rejected: '));
});

it('is confined where the kernel can', () => {
  expect(unfit(pod({ securityContext: apparmor('RuntimeDefault') }), { ...facts, appArmor: true })).toBeUndefined();
});

it.each([
  ['net/ipv4/conf/eno2.100/rp_filter', 'net.ipv4.conf.eno2/100.rp_filter'],
  ['net.ipv4.conf.eno2/100.rp_filter', 'net.ipv4.conf.eno2/100.rp_filter'],
  ['kernel.sem', 'kernel.sem'],
])('%s is the kernel’s %s', (name, plain) => expect(sysctlName(name)).toBe(plain));
