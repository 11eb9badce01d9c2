// checkTypes: what is wrong with a policy's expressions by the types of the objects that it is about. Warnings only: at run time they are as they are.
import { CelCompileError, type CelEnvironment } from '../apimachinery/cel/environment.js';
import { CelTypes } from '../apimachinery/structural/rules/types.js';
import type { JsonSchema } from '../apimachinery/structural/schema.js';
import { checkingEnvironment } from '../kinds/admissionregistration/cel.js';
import type { ExpressionWarning, RuleWithOperations, ValidatingAdmissionPolicy } from '../kinds/types/admissionregistration_v1.js';

/** Upstream's bound on the types of one policy. */
const MAX_TYPES = 10;

/** A kind that is served, and what its objects are like. */
export interface TypedKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  readonly plural: string;
  schema(): JsonSchema;
}

/** Call it only where CEL is loaded. */
export function checkTypes({ spec }: ValidatingAdmissionPolicy, kinds: readonly TypedKind[]): readonly ExpressionWarning[] {
  const { matchConstraints, paramKind, validations = [], variables = [] } = spec;
  const matched = kinds.filter((kind) => matchConstraints?.resourceRules?.some((rule) => names(rule, kind)));
  const about = matched.sort((a, b) => (gvkOf(a) < gvkOf(b) ? -1 : 1)).slice(0, MAX_TYPES);
  const params = paramKind && kinds.find((each) => apiVersionOf(each) === paramKind.apiVersion && each.kind === paramKind.kind);
  const declared = { params: paramKind !== undefined, variables: variables.length > 0 };
  const environments = about.map((kind) => ({ kind, environment: environmentFor(kind, params, declared) }));
  const check = (fieldRef: string, expression: string | undefined): readonly ExpressionWarning[] => {
    if (!expression) return [];
    const found = environments.flatMap(({ kind, environment }) => {
      const wrong = problemOf(environment, expression);
      return wrong === undefined ? [] : [`${gvkOf(kind)}: ${wrong}`];
    });
    return found.length === 0 ? [] : [{ fieldRef, warning: found.join('\n') }];
  };
  return validations.flatMap(({ expression, messageExpression }, i) => [
    ...check(`spec.validations[${i}].expression`, expression),
    ...check(`spec.validations[${i}].messageExpression`, messageExpression),
  ]);
}

/** A rule with a wildcard is about too much to be checked. */
function names({ apiGroups = [], apiVersions = [], resources = [] }: RuleWithOperations, { group, version, plural }: TypedKind): boolean {
  if ([...apiGroups, ...apiVersions, ...resources].some((each) => each.includes('*'))) return false;
  return apiGroups.includes(group) && apiVersions.includes(version) && resources.includes(plural);
}

function environmentFor(
  kind: TypedKind,
  params: TypedKind | undefined,
  declared: { readonly params: boolean; readonly variables: boolean },
): CelEnvironment {
  return checkingEnvironment(declared, (environment) => {
    const types = new CelTypes(environment);
    return { object: types.of(kind.schema()).name, params: params ? types.of(params.schema()).name : 'dyn' };
  });
}

function problemOf(environment: CelEnvironment, expression: string): string | undefined {
  try {
    environment.compile(expression);
    return undefined;
  } catch (error) {
    if (!(error instanceof CelCompileError)) throw error;
    return error.message.replace(/^compilation failed: /, '');
  }
}

const apiVersionOf = ({ group, version }: TypedKind) => (group ? `${group}/${version}` : version);

/** As Go writes it. */
const gvkOf = ({ group, version, kind }: TypedKind) => `${group}/${version}, Kind=${kind}`;
