// The CEL of admission: the variables of match conditions and policies, and `authorizer`, which asks who may do what.
import { CelCompileError, type CelEnvironment } from '../../apimachinery/cel/environment.js';
import { isCelLoaded, loadedCel } from '../../apimachinery/cel/library.js';
import { type FieldError, invalid } from '../../apimachinery/field.js';

/** What `authorizer` asks. */
export interface AccessQuestion {
  readonly path?: string;
  readonly group?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
  /** What a list is limited to. */
  readonly fieldSelector?: string;
  readonly verb: string;
  /** `namespace:name`, if not the request's own user. */
  readonly serviceAccount?: readonly [namespace: string, name: string];
}

export interface AccessAnswer {
  readonly allowed: boolean;
  readonly reason: string;
}

type Ask = (question: AccessQuestion) => AccessAnswer;
type Asked = Omit<AccessQuestion, 'verb'>;

class Check {
  constructor(
    readonly ask: Ask,
    readonly asked: Asked = {},
  ) {}
}
class PathCheck extends Check {}
class GroupCheck extends Check {}
class ResourceCheck extends Check {}

export class CelAuthorizer extends Check {
  /** Of what the request itself is about. */
  readonly requestResource: ResourceCheck;

  constructor(ask: Ask, request: Asked, asked: Asked = {}) {
    super(ask, asked);
    this.requestResource = new ResourceCheck(ask, { ...request, ...asked });
  }
}

class Decision {
  constructor(readonly answer: AccessAnswer) {}
}

export interface Declared {
  readonly params?: boolean;
  /** The names under `variables`. */
  readonly variables?: boolean;
  readonly authorizer?: boolean;
}

const environments = new WeakMap<CelEnvironment, Map<string, CelEnvironment>>();

/** Call it only where CEL is loaded. */
export function admissionEnvironment({ params = false, variables = false, authorizer = true }: Declared): CelEnvironment {
  const base = loadedCel();
  let known = environments.get(base);
  if (!known) environments.set(base, (known = new Map()));
  const key = `${params} ${variables} ${authorizer}`;
  let environment = known.get(key);
  if (!environment) known.set(key, (environment = make(base, { params, variables, authorizer })));
  return environment;
}

/** Of the variables that can have types of their own. */
export interface VariableTypes {
  readonly object: string;
  readonly params: string;
}

/** One of its own, for checks by types, which `typesOf` declares in it. Call it only where CEL is loaded. */
export const checkingEnvironment = (declared: Declared, typesOf: (environment: CelEnvironment) => VariableTypes): CelEnvironment =>
  make(loadedCel(), { authorizer: true, ...declared }, typesOf);

const UNTYPED = () => ({ object: 'dyn', params: 'dyn' });

function make(
  base: CelEnvironment,
  { params, variables, authorizer }: Declared,
  typesOf = UNTYPED as (of: CelEnvironment) => VariableTypes,
) {
  const environment = base.extend();
  const types = typesOf(environment);
  for (const name of ['object', 'oldObject']) environment.variable(name, types.object);
  for (const name of ['request', 'namespaceObject']) environment.variable(name, 'dyn');
  if (params) environment.variable('params', types.params);
  if (variables) environment.variable('variables', 'dyn');
  if (authorizer) registerAuthorizer(environment);
  return environment;
}

function registerAuthorizer(environment: CelEnvironment): void {
  const check = ({ ask, asked }: Check, verb: string) => new Decision(ask({ ...asked, verb }));
  const narrow = (field: keyof Asked) => (each: Check, value: string) => new ResourceCheck(each.ask, { ...each.asked, [field]: value });
  environment.native
    .registerType('PathCheck', { ctor: PathCheck })
    .registerType('GroupCheck', { ctor: GroupCheck })
    .registerType('ResourceCheck', { ctor: ResourceCheck })
    .registerType('Authorizer', { ctor: CelAuthorizer, fields: { requestResource: 'ResourceCheck' } })
    .registerType('Decision', { ctor: Decision })
    .registerFunction(
      'Authorizer.path(string): PathCheck',
      ({ ask, asked }: CelAuthorizer, path: string) => new PathCheck(ask, { ...asked, path }),
    )
    .registerFunction(
      'Authorizer.group(string): GroupCheck',
      ({ ask, asked }: CelAuthorizer, group: string) => new GroupCheck(ask, { ...asked, group }),
    )
    .registerFunction(
      'Authorizer.serviceAccount(string, string): Authorizer',
      ({ ask, requestResource }: CelAuthorizer, namespace: string, name: string) =>
        new CelAuthorizer(ask, requestResource.asked, { serviceAccount: [namespace, name] }),
    )
    .registerFunction('GroupCheck.resource(string): ResourceCheck', narrow('resource'))
    .registerFunction('ResourceCheck.subresource(string): ResourceCheck', narrow('subresource'))
    .registerFunction('ResourceCheck.namespace(string): ResourceCheck', narrow('namespace'))
    .registerFunction('ResourceCheck.name(string): ResourceCheck', narrow('name'))
    .registerFunction('ResourceCheck.fieldSelector(string): ResourceCheck', narrow('fieldSelector'))
    // Our authorizers allow nothing by labels: who may see only some may not be told of all.
    .registerFunction('ResourceCheck.labelSelector(string): ResourceCheck', (each: Check) => each)
    .registerFunction('ResourceCheck.check(string): Decision', check)
    .registerFunction('PathCheck.check(string): Decision', check)
    .registerFunction('Decision.allowed(): bool', ({ answer }: Decision) => answer.allowed)
    .registerFunction('Decision.reason(): string', ({ answer }: Decision) => answer.reason)
    .registerFunction('Decision.errored(): bool', () => false)
    .registerFunction('Decision.error(): string', () => '');
  environment.variable('authorizer', 'Authorizer');
}

/** What is wrong with an expression of one of `types`; nothing where CEL is not loaded, which an API server sees to before it validates. */
export function validateExpression(
  at: string,
  expression: string,
  types: readonly string[],
  declared: Declared,
  anyType = false,
): FieldError[] {
  if (!isCelLoaded()) return [];
  try {
    const { type } = admissionEnvironment(declared).compile(expression);
    if (anyType || type === 'dyn' || types.includes(type)) return [];
    return [invalid(at, expression, `must evaluate to ${types.length > 1 ? `one of [${types.join(' ')}]` : types[0]}`)];
  } catch (error) {
    if (error instanceof CelCompileError) return [invalid(at, expression, error.message)];
    throw error;
  }
}
