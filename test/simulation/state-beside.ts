// The end state of a simulation, of what users have beside workloads: as text, like stateOf.
import type { Informers } from '../../src/client/informer.js';
import { isFinished } from '../../src/controllers/job-outcome.js';
import { jobs } from '../../src/kinds/batch/job.js';
import { certificateSigningRequests } from '../../src/kinds/certificates/certificatesigningrequest.js';
import { configMaps } from '../../src/kinds/core/configmap.js';
import { nodes } from '../../src/kinds/core/node.js';
import { resourceQuotas } from '../../src/kinds/core/resourcequota.js';
import { secrets } from '../../src/kinds/core/secret.js';
import { services } from '../../src/kinds/core/service.js';
import { clusterRoles } from '../../src/kinds/rbac/clusterrole.js';
import { CONFIG_MAP_CLUSTER_INFO } from '../../src/kinds/wellknown.js';

/** `byClock`: also of what goes at its hour, which managers whose clocks were set may take for hours away. */
export function stateBeside(informers: Informers, byClock: boolean): readonly string[] {
  const ranges = informers
    .of(nodes)
    .list()
    .flatMap(({ spec }) => spec.podCIDRs ?? []);
  const lines = [`nodes have ${new Set(ranges).size} ranges of addresses`];
  for (const { metadata, status } of informers.of(resourceQuotas).list()) {
    const used = Object.entries(status.used ?? {}).map(([resource, amount]) => `${resource} ${amount} of ${status.hard?.[resource]}`);
    lines.push(`quota ${metadata.namespace}/${metadata.name}: ${used.sort().join(', ')}`);
  }
  for (const { metadata, aggregationRule, rules } of informers.of(clusterRoles).list())
    if (aggregationRule && metadata.name === 'gathered') lines.push(`clusterrole ${metadata.name} ${JSON.stringify(rules)}`);
  for (const { metadata, spec, status } of informers.of(services).list()) {
    const ips = status.loadBalancer?.ingress?.map(({ ip }) => ip) ?? [];
    lines.push(`service ${metadata.namespace}/${metadata.name} ${spec.type} ${ips} ${metadata.finalizers ?? ''}`);
  }
  return [...lines, ...(byClock ? byClockOf(informers) : [])];
}

function byClockOf(informers: Informers): readonly string[] {
  const over = informers
    .of(jobs)
    .list()
    .filter((job) => job.spec.ttlSecondsAfterFinished !== undefined && isFinished(job));
  const signed = informers
    .of(configMaps)
    .list()
    .filter(({ metadata }) => metadata.name === CONFIG_MAP_CLUSTER_INFO);
  return [
    ...over.map(({ metadata }) => `job ${metadata.namespace}/${metadata.name} is over`),
    ...informers
      .of(secrets)
      .list()
      .map(({ metadata, type, data }) => `secret ${metadata.namespace}/${metadata.name} ${type} of ${Object.keys(data ?? {}).sort()}`),
    ...signed.map(({ data }) => `cluster-info ${data?.['kubeconfig']} of ${Object.keys(data ?? {}).sort()}`),
    ...informers
      .of(certificateSigningRequests)
      .list()
      .map(({ metadata, status }) => {
        const is = status?.conditions?.map(({ type, reason }) => `${type} ${reason}`);
        return `request ${metadata.name} ${is} ${status?.certificate ? 'signed' : ''}`;
      }),
  ];
}
