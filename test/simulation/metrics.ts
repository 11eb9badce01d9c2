// metrics.k8s.io in a simulation: each autoscaled workload has a load, which the pods that are ready share.
import { rfc3339 } from '../../src/apimachinery/clock.js';
import { parseSelector } from '../../src/apimachinery/labels.js';
import type { Transport } from '../../src/client/client.js';
import type { Informers } from '../../src/client/informer.js';
import { horizontalPodAutoscalers } from '../../src/kinds/autoscaling/horizontalpodautoscaler.js';
import { pods } from '../../src/kinds/core/pod.js';
import { isPodActive, isPodReady } from '../../src/kinds/core/podutil.js';
import type { SimulatedClock } from './clock.js';

/** Of an autoscaler: thousandths of a core that its pods use together. */
export const ANNOTATION_LOAD = 'simulation/load';
/** What each pod requests of the processor, and how many percent of that autoscalers aim at. */
export const REQUEST_milli = 100;
export const UTILIZATION = 80;
const PATH = /^\/apis\/metrics\.k8s\.io\/v1beta1\/namespaces\/([^/]+)\/pods$/;

export function withMetrics(inner: Transport, informers: Informers, clock: SimulatedClock): Transport {
  return {
    watch: (request, signal) => inner.watch(request, signal),
    async request(request) {
      const namespace = PATH.exec(request.path)?.[1];
      if (namespace === undefined) return inner.request(request);
      const selector = parseSelector(request.query.get('labelSelector') ?? '');
      const all = informers.of(pods).list(namespace);
      const ready = all.filter((pod) => selector.matches(pod.metadata.labels) && isPodActive(pod) && isPodReady(pod));
      const timestamp = rfc3339(clock.now());
      const items = ready.map(({ metadata, spec }) => {
        const { name } = metadata;
        const scaler = informers.of(horizontalPodAutoscalers).get({ namespace, name: metadata.labels?.['app'] ?? '' });
        const load = Number(scaler?.metadata.annotations?.[ANNOTATION_LOAD] ?? 0);
        const usage = { cpu: `${Math.round(load / ready.length)}m` };
        const containers = spec.containers.map((container) => ({ name: container.name, usage }));
        return { metadata: { name, namespace }, timestamp, window: '15s', containers };
      });
      return { apiVersion: 'metrics.k8s.io/v1beta1', kind: 'PodMetricsList', metadata: {}, items };
    },
  };
}
