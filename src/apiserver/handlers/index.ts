// The one generic path of all kinds: which handler answers a resource request, by verb and subresource.
import { methodNotAllowed, noSuchPath } from '../../apimachinery/status.js';
import { DECISIONS } from '../../client/pod-decisions.js';
import { pods } from '../../kinds/core/pod.js';
import type { ApiContext } from '../context.js';
import type { Exchange, Handler, Result } from '../exchange.js';
import { PROXY, type ResourceRequestInfo, type Verb } from '../request.js';
import { isReview, type Resource, verbsOf } from '../resources.js';
import { actionHandler, createBinding } from './action.js';
import { computedHandlers } from './computed.js';
import { connectHandler, proxyHandler } from './connect.js';
import { createHandler } from './create.js';
import { decisionsHandlers } from './decisions.js';
import { deleteCollectionHandler, deleteHandler } from './delete.js';
import { EVICTION, evictionHandler } from './eviction.js';
import { getHandler } from './get.js';
import { listHandler } from './list.js';
import { patchHandler } from './patch.js';
import { reviewHandler } from './review.js';
import { getScaleHandler, patchScaleHandler, updateScaleHandler } from './scale.js';
import { updateHandler } from './update.js';
import { watchHandler } from './watch.js';

type Handlers = { readonly [V in Verb]?: Handler };

export class Dispatcher {
  readonly #objects: Handlers;
  /** Subresources that are a view of the whole object. */
  readonly #views: Handlers;
  readonly #scale: Handlers;
  readonly #actions: Handlers;
  readonly #connect: Handlers;
  readonly #proxy: Handlers;
  readonly #eviction: Handlers;
  readonly #decisions: Handlers;
  readonly #reviews: Handlers;
  readonly #computed: Handlers;

  constructor(private readonly context: ApiContext) {
    const [update, patch] = [updateHandler(context), patchHandler(context)];
    this.#objects = {
      get: getHandler,
      list: listHandler,
      watch: watchHandler,
      create: createHandler(context),
      update,
      patch,
      delete: deleteHandler(context),
      deletecollection: deleteCollectionHandler(context),
    };
    this.#views = { get: getHandler, update, patch };
    this.#scale = { get: getScaleHandler, update: updateScaleHandler(context), patch: patchScaleHandler(context) };
    this.#actions = { create: actionHandler(context) };
    const connect = connectHandler(context);
    this.#connect = { get: connect, create: connect };
    const proxy = proxyHandler(context);
    this.#proxy = { get: proxy, create: proxy, update: proxy, patch: proxy, delete: proxy };
    this.#computed = computedHandlers(context);
    this.#reviews = { create: reviewHandler(context) };
    this.#eviction = { create: evictionHandler(context) };
    this.#decisions = decisionsHandlers(context);
  }

  /** Throws 404 for what is not served and 405 for verbs that it does not have. */
  async dispatch(exchange: Exchange, info: ResourceRequestInfo): Promise<Result> {
    const { group, version, resource: plural, namespace, verb, subresource } = info;
    if (group === '' && version === 'v1' && plural === 'bindings' && namespace && !info.name && verb === 'create') {
      return createBinding(this.context, exchange, namespace);
    }
    const resource = this.context.resources.find(group, version, plural) ?? (await this.#findNew(info));
    if (!resource || !isScopeRight(resource, info)) throw noSuchPath();
    const handlers = subresource === undefined ? this.#main(resource) : this.#subresource(resource, subresource);
    if (!handlers) throw noSuchPath();
    const handler = handlers[verb];
    const onCollection = info.name === undefined && (verb === 'update' || verb === 'patch');
    if (!handler || onCollection || (subresource === undefined && !verbsOf(resource.kind).includes(verb))) {
      throw methodNotAllowed(resource.kind.groupResource, verb);
    }
    if (resource.kind.deprecationWarning) exchange.warnings.push(resource.kind.deprecationWarning);
    return handler({ exchange, info, resource });
  }

  /** A kind that was defined a moment ago, maybe through another server, is there at once. */
  async #findNew({ group, version, resource }: ResourceRequestInfo): Promise<Resource | undefined> {
    const { resources, definitions } = this.context;
    if (!group) return undefined;
    await definitions.settle();
    return resources.find(group, version, resource);
  }

  #main({ kind, extension }: Resource): Handlers {
    if (extension?.compute) return this.#computed;
    return isReview(kind) ? this.#reviews : this.#objects;
  }

  #subresource({ kind }: Resource, name: string): Handlers | undefined {
    const { status, scale, actions, reviews, writable, connect } = kind.subresources ?? {};
    if (status && name === 'status') return this.#views;
    if (writable && Object.hasOwn(writable, name)) return this.#views;
    if (scale && name === 'scale') return this.#scale;
    if (actions && Object.hasOwn(actions, name)) return this.#actions;
    if (reviews && Object.hasOwn(reviews, name)) return this.#reviews;
    if (connect?.includes(name)) return name === PROXY ? this.#proxy : this.#connect;
    if (kind === pods && name === EVICTION) return this.#eviction;
    if (kind === pods && name === DECISIONS) return this.#decisions;
    return undefined;
  }
}

/** Namespaced objects are reached through their namespace, cluster-scoped ones never; collections also across namespaces. */
function isScopeRight({ kind }: Resource, { namespace, name }: ResourceRequestInfo): boolean {
  if (!kind.namespaced) return namespace === undefined;
  return namespace !== undefined || name === undefined;
}
