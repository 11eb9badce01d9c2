// startControlPlane: etcd store, API server, controllers and scheduler in one process, each an API client under its own user name.

import { hostname } from 'node:os';
import type { Exposition } from '../apimachinery/exposition.js';
import type { ApiServer, UserInfo } from '../apiserver/index.js';
import { createEventRecorder } from '../client/event-recorder.js';
import type { Informers } from '../client/informer.js';
import { createInformers } from '../client/informers.js';
import type { ControllerDefinition, ControllerOptions } from '../controllers/define.js';
import { controllers } from '../controllers/index.js';
import { localPath } from '../controllers/localpath.js';
import { DEFAULT_CONTROLLERS, enabledControllers } from '../controllers/switches.js';
import { startAutoCompaction } from '../etcd/auto-compaction.js';
import type { EmbeddedBackend } from '../etcd/embedded.js';
import { type EtcdServer, ListenError, type ListenUrl, serveEtcd, urlText } from '../etcd/grpc/server.js';
import { openLevelBackend } from '../etcd/leveldb.js';
import type { SchedulerConfiguration } from '../scheduler/config.js';
import {
  type ApiServerSetup,
  adminUrl,
  type Closable,
  ensureClusterPki,
  HISTORY_RETENTION_MS,
  identityOf,
  makeApiServer,
} from './api-server.js';
import { ensureClusterInfo } from './cluster-info.js';
import { ADMINISTRATOR, CONTROLLER_MANAGER, componentClient, controllerClients, SCHEDULER } from './component-clients.js';
import { dataPaths } from './data-paths.js';
import { ensureLocalPathClass } from './default-storage-class.js';
import type { LeaderElectionFlags } from './elected.js';
import { connectEtcd, type EtcdServers } from './etcd-servers.js';
import { UserError } from './local/user-error.js';
import { runControllers } from './managed-controllers.js';
import { type ManagedScheduler, runScheduler } from './managed-scheduler.js';
import type { Pki } from './pki.js';

/** Where the store is served to etcd's own clients, with the certificates below `pki/etcd`. */
export interface EtcdListenOptions {
  readonly urls: readonly ListenUrl[];
  /** Nobody asked for these addresses: one that is taken is passed over with a warning. */
  readonly optional: boolean;
}

export interface ControlPlaneOptions extends ApiServerSetup {
  readonly etcdListen: EtcdListenOptions;
  /** A real etcd cluster to keep the state in; the embedded store is then neither opened nor served. */
  readonly etcdServers?: EtcdServers;
  /** `--controllers`: which of them run. */
  readonly enabled?: readonly string[];
  /** Where other processes may run controllers of this cluster, too; absent: these are the only ones. */
  readonly election?: LeaderElectionFlags;
  /** Absent: it runs elsewhere, or nowhere. */
  readonly scheduling?: { readonly configuration: SchedulerConfiguration; readonly election?: LeaderElectionFlags };
  /** The folder whose manifests are applied and kept in step; absent: none is. */
  readonly manifests?: string;
  readonly controllers: Omit<ControllerOptions, 'clusterSigningCert' | 'clusterSigningKey' | 'rootCa' | 'serviceAccountPrivateKey'>;
}

export interface ControlPlane {
  /** `https://address:port`. */
  readonly url: string;
  /** Ends the loops, lets requests under way finish, and closes the store. */
  stop(): Promise<void>;
}

/** Resolves once requests are served. Rejects with what stood in the way, with nothing left open. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const enabled = enabledControllers(controllers, options.enabled ?? DEFAULT_CONTROLLERS);
  const { clock, log } = options;
  const embedded = options.etcdServers ? undefined : await openStore(dataPaths(options.dataDir).etcd, options);
  const backend = embedded ?? (await connectEtcd(options.etcdServers!, clock, log.child({ part: 'etcd' })));
  const compaction = startAutoCompaction({ backend, policy: { mode: 'periodic', retention_ms: HISTORY_RETENTION_MS }, clock, log });
  const opened: Closable[] = [backend, { close: async () => compaction.stop() }];
  try {
    const pki = await ensureClusterPki(options);
    if (embedded) opened.push(await serveStore(options, embedded, pki));
    const loops = new Map<string, Loop>();
    const here = COMPONENTS.filter((name) => name !== 'scheduler' || options.scheduling);
    const components = here.map((name) => ({
      name,
      check: async () => checkLoop(loops.get(name)),
      writeMetrics: (out: Exposition) => loops.get(name)?.writeMetrics?.(out),
    }));
    let scheduler: ManagedScheduler | undefined;
    const api = await makeApiServer({ ...options, components, scheduler: () => scheduler }, backend, identityOf(pki));
    opened.push(api);
    await api.listen();
    await ensureClusterInfo(componentClient(api, ADMINISTRATOR), adminUrl(options), pki.ca.cert);
    // A class that nobody provisions for would leave claims waiting.
    if (enabled.includes(localPath)) await ensureLocalPathClass(componentClient(api, ADMINISTRATOR));
    if (options.manifests) loops.set('manifests', await runManifests(options.manifests, options, api));
    loops.set('controller-manager', runManager(enabled, options, api, pki));
    if (options.scheduling) {
      const { clock, random } = options;
      const log = options.log.child({ part: 'scheduler' });
      scheduler = runScheduler({ ...options.scheduling, client: componentClient(api, SCHEDULER), clock, random, log });
      loops.set('scheduler', scheduler);
    }
    return running(adminUrl(options), opened, [...loops.values()]);
  } catch (error) {
    for (const part of opened.reverse()) await part.close();
    throw error;
  }
}

/** On each address by itself, so that one that is taken does not cost the others. */
async function serveStore(
  { etcdListen, clock, log: parent }: ControlPlaneOptions,
  backend: EmbeddedBackend,
  { etcd }: Pki,
): Promise<Closable> {
  const log = parent.child({ part: 'etcd' });
  const tls = { ...etcd.server, clientCa: etcd.ca.cert };
  const servers: EtcdServer[] = [];
  const close = async () => {
    await Promise.all(servers.map((server) => server.close()));
  };
  const advertiseClientUrls = etcdListen.urls.map(urlText);
  for (const url of etcdListen.urls) {
    try {
      servers.push(await serveEtcd({ backend, name: 'default', listen: [url], advertiseClientUrls, tls, clock, log }));
    } catch (error) {
      if (etcdListen.optional && error instanceof ListenError) {
        log.warn({ url: urlText(url) }, `${error.message}; going on without`);
        continue;
      }
      await close();
      throw error instanceof ListenError
        ? new UserError(`${error.message}: give other --etcd-listen-client-urls`, { cause: error })
        : error;
    }
  }
  return { close };
}

/** What keeps a store from being opened has a cause, and a message for whoever started the server. */
async function openStore(dir: string, { clock, random, log }: ControlPlaneOptions): Promise<EmbeddedBackend> {
  try {
    return await openLevelBackend({ dir, clock, random, log: log.child({ part: 'etcd' }) });
  } catch (error) {
    throw error instanceof Error && error.cause ? new UserError(error.message, { cause: error }) : error;
  }
}

interface Loop {
  /** Absent: from its start to its end. */
  readonly ready?: boolean;
  writeMetrics?(out: Exposition): void;
  stop(): Promise<void>;
}

/** What runs beside the API server, as `kubectl get componentstatuses` names it. */
const COMPONENTS = ['scheduler', 'controller-manager'] as const;

function checkLoop(loop: Loop | undefined): void {
  if (!loop) throw new Error('not started yet');
  if (loop.ready === false) throw new Error('its caches are not filled yet');
}

/** What every component but the API server works with: a client, caches over it, and a way to tell events. */
function component(api: ApiServer, user: UserInfo, part: string, { clock, random, log: parent }: ControlPlaneOptions) {
  const log = parent.child({ part });
  const client = componentClient(api, user);
  const informers = createInformers({ client, clock, random, log });
  const events = (name: string) => createEventRecorder({ client, component: name, clock, random, log });
  return { client, informers, clock, random, log, events };
}

function runManager(enabled: readonly ControllerDefinition[], options: ControlPlaneOptions, api: ApiServer, pki: Pki): Loop {
  const { clock, random, election } = options;
  const settings = {
    ...options.controllers,
    clusterSigningCert: pki.ca.cert,
    clusterSigningKey: pki.ca.key,
    rootCa: pki.ca.cert,
    serviceAccountPrivateKey: pki.serviceAccounts.privateKey,
  };
  const own = { client: componentClient(api, CONTROLLER_MANAGER), clientOf: controllerClients(api) };
  const log = options.log.child({ part: 'controllers' });
  return runControllers({ ...own, controllers: enabled, settings, ...(election && { election }), clock, random, log });
}

async function runManifests(path: string, options: ControlPlaneOptions, api: ApiServer): Promise<Loop> {
  const parts = component(api, ADMINISTRATOR, 'manifests', options);
  const { startManifests } = await import('./manifests/manifests.js');
  const transport = api.transport(ADMINISTRATOR);
  return withInformers(
    parts.informers,
    await startManifests({ ...parts, path, server: hostname(), transport, events: parts.events('manifests') }),
  );
}

function withInformers(informers: Informers, loop: Loop): Loop {
  return {
    get ready() {
      return loop.ready ?? true;
    },
    writeMetrics: (out) => loop.writeMetrics?.(out),
    async stop() {
      await loop.stop();
      informers.stop();
    },
  };
}

/** `parts` are closed in the reverse of their order. */
function running(url: string, parts: readonly Closable[], loops: readonly Loop[]): ControlPlane {
  return {
    url,
    async stop() {
      await Promise.all(loops.map((loop) => loop.stop()));
      for (const part of parts.toReversed()) await part.close();
    },
  };
}
