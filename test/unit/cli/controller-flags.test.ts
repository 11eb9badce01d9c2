// The controllers' flags: what each comes to, what it is where nobody says otherwise, and which values are refused.
import { Command } from 'commander';
import { expect, test } from 'vitest';
import {
  type ControllerFlags,
  controllerNames,
  controllerSettings,
  SYNC_FLAGS,
  withControllerFlags,
} from '../../../src/cli/controller-flags.js';
import { DEFAULT_OPTIONS } from '../../../src/controllers/default-options.js';
import { controllers } from '../../../src/controllers/index.js';
import { enabledControllers } from '../../../src/controllers/switches.js';

function parse(...args: string[]): ControllerFlags {
  const command = withControllerFlags(new Command())
    .exitOverride()
    .configureOutput({ writeErr: () => {} });
  return command.parse(args, { from: 'user' }).opts<ControllerFlags>();
}

test('without any flag everything is as kube-controller-manager has it', () => {
  expect(controllerSettings(parse())).toEqual({ ...DEFAULT_OPTIONS, concurrentSyncs: {} });
  expect(withControllerFlags(new Command()).helpInformation()).toMatch(/--node-monitor-grace-period <duration>[^-]*\(default: 40s\)/);
});

test.each([
  ['--cluster-cidr=10.244.128.0/17', { clusterCidr: '10.244.128.0/17' }],
  ['--node-cidr-mask-size=25', { nodeCidrMaskSize: 25 }],
  ['--node-monitor-period=2s', { nodeMonitorPeriod_ms: 2_000 }],
  ['--node-monitor-grace-period=16s', { nodeMonitorGracePeriod_ms: 16_000 }],
  ['--node-startup-grace-period=2m', { nodeStartupGracePeriod_ms: 120_000 }],
  ['--node-eviction-rate=.5', { nodeEvictionRate: 0.5 }],
  ['--secondary-node-eviction-rate=0', { secondaryNodeEvictionRate: 0 }],
  ['--unhealthy-zone-threshold=0.3', { unhealthyZoneThreshold: 0.3 }],
  ['--large-cluster-size-threshold=5', { largeClusterSizeThreshold: 5 }],
  ['--terminated-pod-gc-threshold=0', { terminatedPodGcThreshold: 0 }],
  ['--cluster-signing-duration=720h0m0s', { clusterSigningDuration_ms: 720 * 3_600_000 }],
  ['--legacy-service-account-token-clean-up-period=24h', { legacyTokenCleanUpPeriod_ms: 86_400_000 }],
  ['--horizontal-pod-autoscaler-sync-period=30s', { hpaSyncPeriod_ms: 30_000 }],
  ['--horizontal-pod-autoscaler-tolerance=0.2', { hpaTolerance: 0.2 }],
  ['--horizontal-pod-autoscaler-downscale-stabilization=10s', { hpaDownscaleStabilization_ms: 10_000 }],
  ['--horizontal-pod-autoscaler-cpu-initialization-period=0', { hpaCpuInitializationPeriod_ms: 0 }],
  ['--horizontal-pod-autoscaler-initial-readiness-delay=1m', { hpaInitialReadinessDelay_ms: 60_000 }],
  ['--concurrent-deployment-syncs=20', { concurrentSyncs: { deployment: 20 } }],
])('%s', (flag, expected) => {
  expect(controllerSettings(parse(flag))).toEqual({ ...DEFAULT_OPTIONS, concurrentSyncs: {}, ...expected });
});

test.each([
  '--node-eviction-rate=-1',
  '--node-eviction-rate=x',
  '--unhealthy-zone-threshold=1.5',
  '--large-cluster-size-threshold=2.5',
  '--cluster-signing-duration=0',
  '--concurrent-job-syncs=0',
  '--cluster-cidr=192.168.0.0/16',
])('%s is refused', (flag) => {
  expect(() => parse(flag)).toThrow(/is invalid/);
});

test('each flag of how much at once is about a controller that there is, and tells its own number', () => {
  for (const [flag, name, its] of SYNC_FLAGS) {
    const controller = controllers.find((each) => each.name === name);
    expect(controller && (controller.concurrency ?? 5), flag).toBe(its);
  }
});

test('--allocate-node-cidrs=false leaves the addresses of nodes to another', () => {
  const on = (...args: string[]) => enabledControllers(controllers, controllerNames(parse(...args))).map(({ name }) => name);
  expect(on('--allocate-node-cidrs=false')).toEqual(on().filter((name) => name !== 'node-ipam'));
  expect(on('--allocate-node-cidrs=false', '--controllers=job,node-ipam')).toEqual(['job']);
});
