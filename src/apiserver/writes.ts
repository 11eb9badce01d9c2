// Create and update as every handler does them: defaults, admission, preparation, validation, claims, and the store.
import type { Writer } from '../apimachinery/apply/update.js';
import { nameSuffix } from '../apimachinery/clock.js';
import type { KubeObject, ObjectName } from '../apimachinery/object.js';
import { alreadyExists, isStatus } from '../apimachinery/status.js';
import type { AdmissionRequest } from './admission/admission.js';
import { type Draft, kindOf } from './body.js';
import type { ApiContext } from './context.js';
import { isDeletionComplete } from './deletion.js';
import type { Exchange, Result } from './exchange.js';
import { checkEntries, trackCreate, trackUpdate } from './managed-fields.js';
import { dropDuplicateOwners } from './owner-references.js';
import type { Resource } from './resources.js';
import { allocateClaims, claimChange, claimsOf, withFreeClaims } from './storage/claims.js';
import type { Awaitable } from './storage/conversion.js';
import type { Change } from './storage/storage.js';
import { checkIdentity, prepareForCreate, prepareForUpdate, restrict, validateForCreate, validateForUpdate } from './strategy.js';

/** As upstream: a name generated this often and taken each time is reported as taken. */
const MAX_GENERATED_NAMES = 8;
/** With five random characters a generated name is at most 63 long, which a label and a DNS name can hold. */
const MAX_GENERATED_PREFIX = 58;

export interface CreateRequest {
  readonly resource: Resource;
  /** Decoded and in its namespace; ours alone. */
  readonly draft: Draft;
  readonly exchange: Exchange;
  readonly dryRun: boolean;
  /** Who comes to manage the draft's fields; absent: the draft says who does. */
  readonly writer?: Writer;
}

export async function createObject(context: ApiContext, { resource, draft, exchange, dryRun, writer }: CreateRequest): Promise<Result> {
  const generated = !draft.metadata.name && Boolean(draft.metadata.generateName);
  dropDuplicateOwners(draft, exchange);
  resource.kind.defaults?.(draft);
  if (writer) trackCreate(resource, draft, writer);
  const request: AdmissionRequest = {
    operation: 'CREATE',
    resource,
    subresource: undefined,
    kind: kindOf(resource),
    namespace: draft.metadata.namespace,
    name: draft.metadata.name ?? '',
    exchange,
    dryRun,
    old: undefined,
  };
  await admit(context, request, draft);
  resource.extension?.checkRights?.(draft as KubeObject, undefined, exchange.user, context);
  prepareForCreate(resource, draft, exchange.user, context.random, context.clock.now());
  for (let attempt = 1; ; attempt++) {
    const taken = attempt > 1 ? draft.metadata.name : undefined;
    if (generated) draft.metadata.name = draft.metadata.generateName!.slice(0, MAX_GENERATED_PREFIX) + nameSuffix(context.random);
    resource.kind.named?.(draft, taken);
    validateForCreate(resource, draft as KubeObject);
    warn(request, draft as KubeObject);
    try {
      return await store(context, request, draft);
    } catch (error) {
      if (!generated || attempt === MAX_GENERATED_NAMES || !isStatus(error, 'AlreadyExists')) throw error;
    }
  }
}

function warn(
  { resource, subresource, exchange }: Pick<AdmissionRequest, 'resource' | 'subresource' | 'exchange'>,
  object: KubeObject,
  old?: KubeObject,
): void {
  if (subresource === undefined && resource.kind.warnings) exchange.warnings.push(...resource.kind.warnings(object, old));
}

/** As upstream: whatever admission makes of the managed fields, they stay readable. */
async function admit(context: ApiContext, request: AdmissionRequest, draft: Draft): Promise<void> {
  const { managedFields } = draft.metadata;
  await context.admission.admit(request, draft, context);
  await request.resource.extension?.load?.(draft as KubeObject);
  if (draft.metadata.managedFields === managedFields) return;
  try {
    checkEntries(draft.metadata.managedFields);
  } catch (error) {
    request.exchange.warnings.push(`.metadata.managedFields was in an invalid state after admission: ${(error as Error).message}`);
    if (managedFields) draft.metadata.managedFields = managedFields;
    else delete draft.metadata.managedFields;
  }
}

function store(context: ApiContext, request: AdmissionRequest, draft: Draft): Promise<Result> {
  const { resource, dryRun } = request;
  return withFreeClaims(resource, draft, async (avoid) => {
    const object = (await allocateClaims(resource, draft, undefined, avoid)) as KubeObject;
    await context.admission.validate(request, object, context);
    if (dryRun) return { type: 'value', code: 201, value: await unlessItExists(resource, object) };
    const stored = await resource.storage.create(object, claimsOf(resource, object));
    return { type: 'object', code: 201, resource, object: stored };
  });
}

/** How often an object may come and go between a look and a write before its client is told. */
const MAX_CREATE_OR_UPDATE = 8;

/** Writes to the object if there is one, else makes it. */
export async function createOrUpdate(
  { kind, storage }: Resource,
  name: ObjectName,
  update: () => Promise<Result>,
  create: () => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    const exists = (await storage.get(name)) !== undefined;
    try {
      return await (exists ? update() : create());
    } catch (error) {
      const lost = isStatus(error, exists ? 'NotFound' : 'AlreadyExists');
      const isAboutIt = lost && error.details?.name === name.name && error.details.kind === kind.plural;
      if (!isAboutIt || attempt === MAX_CREATE_OR_UPDATE) throw error;
    }
  }
}

async function unlessItExists(resource: Resource, object: KubeObject): Promise<KubeObject> {
  if (await resource.storage.get(object.metadata)) throw alreadyExists(resource.kind.groupResource, object.metadata.name);
  return object;
}

export interface UpdateRequest {
  readonly resource: Resource;
  readonly name: ObjectName;
  readonly subresource: string | undefined;
  readonly exchange: Exchange;
  readonly dryRun: boolean;
  /** Who comes to manage what changes; absent: the draft says who manages what. */
  readonly writer?: Writer;
  /** What the object should become; fresh at each call, which come again after a lost race. */
  draft(current: KubeObject): Awaitable<Draft>;
  /** Writes the draft as it is, past admission and the rules for what clients may change: for actions, whose bodies have been through their own. */
  readonly trusted?: boolean;
  /** Where the client writes another view of the object (a Scale), which is what admission is then about; `draft` has it admitted. */
  validateView?(current: KubeObject, next: KubeObject): Promise<void>;
}

/** Resolves to what is stored, or to what would be if it is a dry run or was the object's end. */
export async function updateObject(context: ApiContext, request: UpdateRequest): Promise<Result> {
  const { resource, name, dryRun } = request;
  let last: Draft | undefined;
  const draftOf = async (current: KubeObject) => {
    last = await prepare(context, request, current);
    return last;
  };
  let wouldBe: KubeObject | undefined;
  return withFreeClaims(
    resource,
    () => last,
    async (avoid) => {
      const changed = await resource.storage.change(name, async (stored): Promise<Change> => {
        const next = (await allocateClaims(resource, await draftOf(stored.object), stored.object, avoid)) as KubeObject;
        await validateAdmission(context, request, stored.object, next);
        wouldBe = next;
        if (dryRun) return { type: 'keep' };
        if (isDeletionComplete(resource.extension, next)) return { type: 'delete', release: claimsOf(resource, stored.object) };
        return { type: 'put', object: next, claims: claimChange(resource, stored.object, next) };
      });
      if (dryRun || changed.deleted) return { type: 'value', code: 200, value: wouldBe! };
      return { type: 'object', code: 200, resource, object: changed.object };
    },
  );
}

async function prepare(context: ApiContext, request: UpdateRequest, current: KubeObject): Promise<Draft> {
  const { resource, name, subresource } = request;
  const draft = await request.draft(current);
  checkIdentity(resource, draft, name, current);
  if (request.trusted) return draft;
  dropDuplicateOwners(draft, request.exchange);
  if (!subresource || resource.kind.subresources?.writable?.[subresource]) resource.kind.defaults?.(draft);
  if (request.writer) await trackUpdate(context, resource, current, draft, restrict(resource, draft, current, subresource), request.writer);
  if (!request.validateView) await admit(context, admissionRequest(request, current), draft);
  resource.extension?.checkRights?.(draft as KubeObject, current, request.exchange.user, context);
  const next = prepareForUpdate(resource, draft, current, subresource);
  validateForUpdate(resource, next as KubeObject, current, subresource);
  warn(request, next as KubeObject, current);
  return next;
}

async function validateAdmission(context: ApiContext, request: UpdateRequest, old: KubeObject, next: KubeObject): Promise<void> {
  if (request.trusted) return;
  if (request.validateView) await request.validateView(old, next);
  else await context.admission.validate(admissionRequest(request, old), next, context);
}

function admissionRequest({ resource, name, subresource, exchange, dryRun }: UpdateRequest, old: KubeObject): AdmissionRequest {
  const kind = kindOf(resource);
  return { operation: 'UPDATE', resource, subresource, kind, namespace: name.namespace, name: name.name, exchange, dryRun, old };
}
