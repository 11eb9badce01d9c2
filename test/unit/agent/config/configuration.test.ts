// The kubelet's configuration file and flags: what each field takes, which wins, and what is refused in which words.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { addKubeletFlags, configurationFromFlags, flagName } from '../../../../agent/config/flags.js';
import { kubeletConfiguration } from '../../../../agent/config/kubelet-configuration.js';
import { configz, loadSettings, readSettings } from '../../../../agent/config/load.js';
import { formatDuration, parseDuration_ms } from '../../../../src/apimachinery/duration.js';
import type { JsonObject } from '../../../../src/apimachinery/json.js';

const directory = mkdtempSync(join(tmpdir(), 'kubelet-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

const HEAD = 'apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n';

function file(text: string): string {
  const path = join(directory, 'config.yaml');
  writeFileSync(path, text);
  return path;
}

function flags(...args: readonly string[]): JsonObject {
  const quiet = { writeErr: () => undefined };
  const command = addKubeletFlags(new Command()).exitOverride().configureOutput(quiet).parse(args, { from: 'user' });
  return configurationFromFlags(command.opts());
}

const load = (text: string, ...args: readonly string[]) => loadSettings(file(HEAD + text), flags(...args));

describe('the file', () => {
  it('sets what it names; the rest has upstream’s defaults', async () => {
    const settings = await load('maxPods: 30\nsyncFrequency: 90s\nclusterDNS: [10.96.0.11]\nlogging: {verbosity: 4}\n');
    expect(settings).toMatchObject({ maxPods: 30, syncFrequency: 90_000, clusterDNS: ['10.96.0.11'], logging: { verbosity: 4 } });
    expect(settings).toMatchObject({
      port: 10250,
      nodeStatusReportFrequency: 300_000,
      containerLogMaxSize: '10Mi',
      containerLogMaxFiles: 5,
    });
  });

  it('may be JSON, too', async () => {
    const text = JSON.stringify({ apiVersion: 'kubelet.config.k8s.io/v1beta1', kind: 'KubeletConfiguration', maxPods: 7 });
    expect((await loadSettings(file(text), {})).maxPods).toBe(7);
  });

  it('takes the zeros that kubeadm writes for what it leaves out', async () => {
    const zeros = [
      'syncFrequency',
      'nodeStatusUpdateFrequency',
      'evictionPressureTransitionPeriod',
      'imageMinimumGCAge',
      'runtimeRequestTimeout',
    ];
    const text = zeros.map((name) => `${name}: 0s\n`).join('');
    const rest =
      'memorySwap: {}\ncontainerRuntimeEndpoint: ""\nlogging: {flushFrequency: 0, options: {json: {infoBufferSize: "0"}}, verbosity: 0}\n';
    const settings = await load(`${text}${rest}rotateCertificates: true\nport: 0\n`);
    expect(settings).toMatchObject({ syncFrequency: 60_000, nodeStatusUpdateFrequency: 10_000, port: 10250 });
  });

  it.each([
    ['an unknown field', 'maxPod: 3\n', 'unknown field "maxPod"'],
    ['an unknown field of a group', 'logging: {level: 3}\n', 'unknown field "logging.level"'],
    ['a wrong type', 'maxPods: many\n', 'maxPods: must be a whole number from 0 to 2147483647, not "many"'],
    ['a wrong duration', 'syncFrequency: 10\n', 'syncFrequency: must be a duration such as 10s or 1m30s, not 10'],
    ['a wrong address', 'clusterDNS: [nowhere]\n', 'clusterDNS[0]: must be an IP address, not "nowhere"'],
    ['a wrong quantity', 'containerLogMaxSize: big\n', 'containerLogMaxSize: must be a quantity such as 10Mi, not "big"'],
    ['what this node does not do', 'cpuManagerPolicy: static\n', 'cpuManagerPolicy: "static" is not supported by this node, only "none"'],
    ['a taint that does nothing', 'registerWithTaints: [{key: a}]\n', 'registerWithTaints[0].effect: must not be empty'],
    ['an unknown version of TLS', 'tlsMinVersion: VersionTLS9\n', 'tlsMinVersion: must be "VersionTLS10" or'],
  ])('is refused for %s', async (_what, text, message) => {
    await expect(load(text)).rejects.toThrow(
      `failed to load kubelet config file, path: ${join(directory, 'config.yaml')}, error: ${message}`,
    );
  });

  it('is refused where it is something else, or not there', async () => {
    await expect(loadSettings(file('kind: Pod\napiVersion: v1\n'), {})).rejects.toThrow('not a Pod of v1');
    await expect(loadSettings(file('- a\n'), {})).rejects.toThrow('the file holds no object');
    await expect(loadSettings(join(directory, 'nothing'), {})).rejects.toThrow(/path: .*nothing, error: ENOENT/);
  });
});

describe('flags', () => {
  it('have upstream’s names', () => {
    const names = {
      clusterDNS: '--cluster-dns',
      cpuCFSQuotaPeriod: '--cpu-cfs-quota-period',
      address: '--address',
      tlsCertFile: '--tls-cert-file',
    };
    for (const [field, flag] of Object.entries(names)) expect(flagName(field)).toBe(flag);
  });

  it('go before the file', async () => {
    const settings = await load(
      'maxPods: 30\nclusterDomain: file.local\nlogging: {format: json, verbosity: 1}\n',
      '--max-pods=40',
      '-v',
      '3',
    );
    expect(settings).toMatchObject({ maxPods: 40, clusterDomain: 'file.local', logging: { verbosity: 3 } });
  });

  it('take lists with commas between', () => {
    expect(flags('--cluster-dns', '10.96.0.10,10.96.0.11')).toEqual({ clusterDNS: ['10.96.0.10', '10.96.0.11'] });
  });

  it('take taints as kubectl does', () => {
    const taints = [
      { key: 'a', value: 'b', effect: 'NoSchedule' },
      { key: 'c', value: '', effect: 'NoExecute' },
    ];
    expect(readSettings(flags('--register-with-taints=a=b:NoSchedule,c:NoExecute')).registerWithTaints).toEqual(taints);
  });

  it.each([
    [['--register-with-taints', 'a=b'], 'registerWithTaints: must be a list'],
    [['--max-pods', 'x'], 'maxPods: must be a whole number'],
    [['--runonce=true'], 'runOnce: true is not supported by this node, only false'],
    [['--runonce'], 'runOnce: true is not supported by this node, only false'],
    [['--pod-cidr', '10.0.0.0/24'], 'podCIDR: "10.0.0.0/24" is not supported by this node'],
  ])('%j is refused', (args, message) => {
    expect(() => flags(...args)).toThrow(message);
  });
});

it('is shown by /configz as a file could have it', () => {
  const shown = configz(readSettings({ maxPods: 5, syncFrequency: '1m30s' })) as { kubeletconfig: JsonObject };
  expect(shown.kubeletconfig).toMatchObject({ kind: 'KubeletConfiguration', maxPods: 5, syncFrequency: '1m30s', port: 10250 });
  const { kind: _kind, apiVersion: _version, ...fields } = shown.kubeletconfig;
  expect(readSettings(fields)).toEqual(readSettings({ maxPods: 5, syncFrequency: '1m30s' }));
});

it('every default is one that the file may have', () => {
  for (const [name, field] of Object.entries(kubeletConfiguration.fields!)) {
    expect(field.read(field.write(field.initial), name)).toEqual(field.initial);
  }
});

it('durations mean the same in both directions', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 10 * 24 * 3600 }), (seconds) => {
      expect(parseDuration_ms(formatDuration(seconds * 1000))).toBe(seconds * 1000);
    }),
  );
  for (const text of ['', 's', '1', '1m 3s', '-1s']) expect(parseDuration_ms(text)).toBeUndefined();
});
