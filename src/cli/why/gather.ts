// What is known of a Service and of a connection to it: from the API, and from the agents of the nodes through it.
import { StatusError } from '../../apimachinery/status.js';
import type { Proxyz } from '../../client/proxyz.js';
import { nodes as nodeKind } from '../../kinds/core/node.js';
import { pods as podKind } from '../../kinds/core/pod.js';
import { services } from '../../kinds/core/service.js';
import type { Node, Pod, Service } from '../../kinds/types/core_v1.js';
import type { Session } from '../with-kubeconfig.js';
import { type Source, sourceAddress } from './source.js';

export interface Wish {
  readonly namespace: string;
  readonly name: string;
  readonly node?: string;
  readonly from?: Place;
}

/** `outside`: an address. */
export type Place =
  | { readonly pod: { readonly namespace?: string; readonly name: string } }
  | { readonly node: string }
  | { readonly outside: string };

export interface NodeAnswer {
  readonly node: string;
  readonly table?: Proxyz;
  /** Why there is none. */
  readonly error?: string;
}

export interface Facts {
  readonly service: Service;
  /** Of the Service's namespace. */
  readonly pods: readonly Pod[];
  readonly source?: Source;
  readonly allNodes: readonly Node[];
  readonly nodes: readonly NodeAnswer[];
  /** Only this node is to be shown. */
  readonly shown?: string;
}

/** Rejects with a StatusError where Service, pod or node is not there. */
export async function gather({ client, transport }: Session, { namespace, name, node, from }: Wish): Promise<Facts> {
  const [service, pods, all] = await Promise.all([
    client.get(services, { namespace, name }),
    client.list(podKind, { namespace }),
    client.list(nodeKind),
  ]);
  if (node && !all.items.some(({ metadata }) => metadata.name === node)) await client.get(nodeKind, { name: node });
  const source = from && (await find(client, from, namespace, node ?? all.items[0]?.metadata.name ?? ''));
  const ask = async ({ metadata }: Node): Promise<NodeAnswer> => {
    const address = source && sourceAddress(source, metadata.name, all.items);
    const query = new URLSearchParams({ service: `${namespace}/${name}`, ...(address ? { from: address } : {}) });
    const path = `/api/v1/nodes/${encodeURIComponent(metadata.name)}/proxy/proxyz`;
    try {
      return { node: metadata.name, table: (await transport.request({ method: 'GET', path, query })) as Proxyz };
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      return { node: metadata.name, error: error.message };
    }
  };
  // A walk needs the nodes of both ends, whichever is shown.
  const asked = all.items.filter(({ metadata }) => !node || source || metadata.name === node);
  return {
    service,
    pods: pods.items,
    allNodes: all.items,
    ...(source ? { source } : {}),
    nodes: await Promise.all(asked.map(ask)),
    ...(node ? { shown: node } : {}),
  };
}

async function find(client: Session['client'], from: Place, namespace: string, by: string): Promise<Source> {
  if ('pod' in from) return { pod: await client.get(podKind, { namespace: from.pod.namespace ?? namespace, name: from.pod.name }) };
  return 'node' in from ? { node: await client.get(nodeKind, { name: from.node }) } : { ...from, by };
}
