// createApiServer: puts the parts of the API server together.
import { ApiClient } from '../client/api-client.js';
import { createEventRecorder } from '../client/event-recorder.js';
import { events } from '../kinds/core/event.js';
import { kinds, schemas } from '../kinds/index.js';
import { GROUP_MASTERS, PORT_API } from '../kinds/wellknown.js';
import { Admission, type AdmissionPlugin } from './admission/admission.js';
import { admissionPlugins, optionalPlugins } from './admission/index.js';
import { Aggregation } from './aggregation/index.js';
import { TokenAuthenticator } from './authentication/authenticator.js';
import { Authorizer } from './authorization/authorizer.js';
import { reconcileDefaultPolicy } from './authorization/default-policy.js';
import { bootstrap, publishAuthentication } from './bootstrap.js';
import type { ApiContext } from './context.js';
import { CustomResourceDefinitions } from './customresources/definitions.js';
import { ApiEndpoints } from './endpoints.js';
import type { Exchange, Result } from './exchange.js';
import { resourceExtensions } from './extensions/index.js';
import { ExternalApis } from './external-apis.js';
import { auditFilters } from './filters/audit.js';
import { chain } from './filters/filter.js';
import { filtersWith } from './filters/index.js';
import { Dispatcher } from './handlers/index.js';
import { PathHandler } from './handlers/paths.js';
import { Health } from './health.js';
import { Listener } from './http/listener.js';
import { ReverseProxy } from './http/reverse-proxy.js';
import { IdentityLease } from './identity.js';
import { inProcessTransport } from './inprocess.js';
import { Metrics } from './metrics/index.js';
import type { ApiServer, ApiServerOptions, UserInfo } from './options.js';
import { Policies } from './policies/index.js';
import { repairClaims } from './repair-claims.js';
import { repairShown } from './repair-shown.js';
import { Resources } from './resources.js';
import { inconsistencyOf } from './storage/consistency.js';
import { storedKind } from './storage/conversion.js';
import { EventLeases } from './storage/event-leases.js';
import { type KeyState, Storage } from './storage/storage.js';
import { Turns } from './storage/turns.js';
import { WatchCache } from './storage/watch-cache.js';
import { Webhooks } from './webhooks/index.js';

/** Upstream's name for who repairs what Services hold. */
const REPAIR = 'ipallocator-repair-controller';
const SELF: UserInfo = { name: 'system:apiserver', groups: [GROUP_MASTERS] };

/** Throws for options that make no sense. Nothing listens and nothing is stored before `listen`. */
export async function createApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const metrics = new Metrics(options.clock);
  const context = contextOf(options, metrics);
  const health = new Health({ backend: options.backend, clock: options.clock, log: context.log });
  const dispatcher = new Dispatcher(context);
  const paths = new PathHandler(context, health, metrics);
  const proxy = new ReverseProxy(options.clock);
  const aggregation = new Aggregation(context, proxy);
  const handle = (exchange: Exchange): Promise<Result> =>
    aggregation.route(exchange) ?? (exchange.info.isResource ? dispatcher.dispatch(exchange, exchange.info) : paths.handle(exchange));
  const audit = options.audit && auditFilters(options.audit, context);
  const filters = filtersWith(audit, options.maxInFlight);
  const overNetwork = chain(filters, handle, context);
  const inProcess = chain(
    filters.filter((filter) => filter.inProcess),
    handle,
    context,
  );
  const listener = new Listener(context, overNetwork, proxy, metrics);
  const transport: ApiServer['transport'] = (user) => inProcessTransport(inProcess, user, { ...context, proxy });
  let endpoints: ApiEndpoints | undefined;
  let identity: IdentityLease | undefined;
  return {
    transport,
    serveDefined: () => context.definitions.start(),
    async listen() {
      const client = new ApiClient(transport(SELF));
      const { serviceCidr, advertiseAddress } = options;
      await context.definitions.start();
      await bootstrap(client, { serviceCidr, port: options.advertisePort ?? (options.bind.port || PORT_API), clock: options.clock });
      await repairClaims(context, createEventRecorder({ ...context, client, component: REPAIR }));
      await repairShown(context);
      await publishAuthentication(client, options);
      await reconcileDefaultPolicy(client);
      await aggregation.start(client);
      const bound = await listener.listen();
      endpoints = new ApiEndpoints({ ...options, client, address: advertiseAddress, port: options.advertisePort ?? bound.port });
      await endpoints.start();
      if (options.hostname) await (identity = new IdentityLease({ ...options, client, hostname: options.hostname })).start();
      health.state = 'ready';
      return bound;
    },
    async inconsistencies() {
      const started = [...context.resources.all()].filter(({ cache }) => cache.started);
      const found = await Promise.all(started.map(({ storage, cache }) => inconsistencyOf(storage, cache)));
      return found.filter((each) => each !== undefined);
    },
    async close() {
      health.state = 'stopping';
      identity?.stop();
      await endpoints?.stop();
      // Requests under way need all the rest until they are done.
      await listener.close();
      await context.definitions.close();
      aggregation.close();
      context.resources.close();
      context.webhooks.close();
      proxy.close();
      audit?.close();
    },
  };
}

function enabledPlugins({
  enableAdmissionPlugins: enabled = [],
  disableAdmissionPlugins: disabled = [],
}: ApiServerOptions): readonly AdmissionPlugin[] {
  for (const [flag, names] of [
    ['enable', enabled],
    ['disable', disabled],
  ] as const) {
    const unknown = names.filter((name) => !admissionPlugins.some((plugin) => plugin.name === name));
    if (unknown.length > 0) throw new Error(`--${flag}-admission-plugins: there is no plugin ${unknown.join(', ')}`);
  }
  return admissionPlugins.filter(
    (plugin) => !disabled.includes(plugin.name) && (!optionalPlugins.includes(plugin) || enabled.includes(plugin.name)),
  );
}

function contextOf(options: ApiServerOptions, metrics: Metrics): ApiContext {
  const { backend, clock, random } = options;
  const log = options.log.child({ component: 'apiserver' });
  const leases = new EventLeases(backend, clock);
  const turns = new Turns<KeyState>(clock);
  const resources: Resources = new Resources({
    kinds,
    schemas,
    extensions: resourceExtensions(options, random, () => resources),
    storage: (kind, conversion) =>
      new Storage(
        kind,
        metrics.store.timed(backend, storedKind(kind).plural),
        turns,
        storedKind(kind) === events ? leases : undefined,
        conversion,
      ),
    cache: (storage) => new WatchCache(storage, backend, clock, log),
  });
  const authorizer = new Authorizer(resources);
  const admission = new Admission(enabledPlugins(options));
  const webhooks = new Webhooks({ resources, clock, random });
  const definitions = new CustomResourceDefinitions({ resources, backend, clock, random, log, client: webhooks.client });
  const [externalApis, tokens, policies] = [new ExternalApis(), new TokenAuthenticator(), new Policies(resources)];
  return { options, clock, random, log, resources, definitions, externalApis, tokens, authorizer, admission, webhooks, policies };
}
