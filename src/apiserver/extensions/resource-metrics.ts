// The metrics.k8s.io API: what nodes and pods use now, as their kubelets say. A metrics server that registers itself takes its place.
import { rfc3339 } from '../../apimachinery/clock.js';
import { nodes } from '../../kinds/core/node.js';
import { pods } from '../../kinds/core/pod.js';
import { isPodTerminal } from '../../kinds/core/podutil.js';
import { nodeMetrics } from '../../kinds/metrics/nodemetrics.js';
import { podMetrics } from '../../kinds/metrics/podmetrics.js';
import type { Pod } from '../../kinds/types/core_v1.js';
import type { NodeMetrics, PodMetrics } from '../../kinds/types/metrics_v1beta1.js';
import type { ApiContext } from '../context.js';
import type { AskedObjects, ResourceExtension } from './extension.js';
import { KubeletSamples, type Used } from './kubelet-samples.js';

export function resourceMetrics(): readonly [ResourceExtension<NodeMetrics>, ResourceExtension<PodMetrics>] {
  let samples: KubeletSamples | undefined;
  const samplesOf = (context: ApiContext) => (samples ??= new KubeletSamples(context));
  return [
    { kind: nodeMetrics, compute: (context, asked) => metricsOfNodes(context, samplesOf(context), asked) },
    { kind: podMetrics, compute: (context, asked) => metricsOfPods(context, samplesOf(context), asked) },
  ];
}

const NODE = '';

async function metricsOfNodes({ resources, clock }: ApiContext, samples: KubeletSamples, { name }: AskedObjects) {
  const { cache, storage } = resources.of(nodes);
  await cache.fresh();
  const wanted = cache.list(storage.prefix).filter(({ object }) => name === undefined || object.metadata.name === name);
  const found = await samples.of(
    wanted.map(({ object }) => object.metadata.name),
    name === undefined,
  );
  return wanted.flatMap(({ object: { metadata } }) => {
    const used = found.get(metadata.name)?.get(NODE);
    if (!used) return [];
    return [{ metadata: metadataOf(metadata, clock.now()), ...timeOf(used), usage: usageOf(used) }];
  });
}

async function metricsOfPods({ resources, clock }: ApiContext, samples: KubeletSamples, { namespace, name }: AskedObjects) {
  const { cache, storage } = resources.of(pods);
  await cache.fresh();
  const all = cache.list(storage.prefixOf(namespace)).map(({ object }) => object as Pod);
  const running = all.filter((pod) => pod.spec.nodeName && !isPodTerminal(pod) && (name === undefined || pod.metadata.name === name));
  const found = await samples.of([...new Set(running.map(({ spec }) => spec.nodeName!))], false);
  return running.flatMap(({ metadata, spec }) => {
    const uses = found.get(spec.nodeName!);
    const containers = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])].flatMap(
      ({ name: container }) => {
        const used = uses?.get([metadata.namespace, metadata.name, container].join('/'));
        return used ? [{ container, used }] : [];
      },
    );
    if (containers.length === 0) return [];
    return [
      {
        metadata: { ...metadataOf(metadata, clock.now()), namespace: metadata.namespace! },
        ...timeOf(containers[0]!.used),
        containers: containers.map(({ container, used }) => ({ name: container, usage: usageOf(used) })),
      },
    ];
  });
}

function metadataOf({ name, labels }: { readonly name: string; readonly labels?: { readonly [name: string]: string } }, now_ms: number) {
  return { name, ...(labels ? { labels } : {}), creationTimestamp: rfc3339(now_ms) };
}

const timeOf = ({ at_ms, window_ms }: Used) => ({ timestamp: rfc3339(at_ms), window: `${window_ms / 1000}s` });

const usageOf = ({ cpu, memory_bytes }: Used) => ({ cpu: `${Math.round(cpu * 1e9)}n`, memory: `${Math.round(memory_bytes / 1024)}Ki` });
