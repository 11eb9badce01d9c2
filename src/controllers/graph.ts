// controllerGraph: who reacts to what, as the controllers declare it: data for `porthole why --graph` and docs/controllers.md.
import type { AnyKind, Input, Output } from '../kinds/define.js';
import type { ControllerDefinition } from './define.js';

export interface ControllerNode {
  /** As upstream calls it, with `-controller`. */
  readonly name: string;
  /** Who it writes as, in kube-system; null: the controller manager's own user. */
  readonly serviceAccount: string | null;
  /** Resources (`deployments.apps`, `pods`) whose changes it reacts to. */
  readonly inputs: readonly string[];
  /** Kinds that are defined at run time are inputs and outputs, too. */
  readonly custom: boolean;
  /** Resources that it writes (`pods`, `nodes/status`). */
  readonly outputs: readonly string[];
}

export function controllerGraph(definitions: readonly ControllerDefinition[]): readonly ControllerNode[] {
  return definitions.map(({ name, serviceAccount = `${name}-controller`, inputs, customInputs, outputs }) => ({
    name: `${name}-controller`,
    serviceAccount,
    inputs: unique(inputs.map(inputOf)),
    custom: customInputs !== undefined,
    outputs: unique(outputs.map(outputOf)),
  }));
}

/** Graphviz: resources are boxes, controllers ellipses. What a controller of every kind does would be an arrow to and from every box. */
export function graphDot(graph: readonly ControllerNode[]): string {
  const every = everyKindOf(graph);
  const lines = graph.flatMap(({ name, inputs, outputs }) => [
    `  ${quoted(name)} [shape=ellipse];`,
    ...(inputs.length > every ? ['every kind'] : inputs).map((input) => `  ${quoted(input)} -> ${quoted(name)};`),
    ...(outputs.length > every ? ['every kind'] : outputs).map((output) => `  ${quoted(name)} -> ${quoted(output)};`),
  ]);
  return ['digraph controllers {', '  rankdir=LR;', '  node [shape=box];', ...lines, '}'].join('\n');
}

/** For people: each controller with what it watches and writes, then each resource with who reacts to it and who writes it. */
export function graphText(graph: readonly ControllerNode[]): string {
  const all = everyKindOf(graph);
  const named = (resources: readonly string[], custom: boolean) =>
    resources.length > all ? `every kind${custom ? ', custom ones too' : ''}` : resources.join(', ');
  const blocks = graph.map(({ name, serviceAccount, inputs, outputs, custom }) => [
    name,
    `  reacts to  ${named(inputs, custom)}`,
    `  writes     ${named(outputs, custom)}`,
    `  as         ${serviceAccount ?? 'system:kube-controller-manager'}`,
  ]);
  const few = graph.map((node) => ({
    name: node.name,
    inputs: node.inputs.length > all ? [] : node.inputs,
    outputs: node.outputs.length > all ? [] : node.outputs,
  }));
  const resources = unique(few.flatMap(({ inputs, outputs }) => [...inputs, ...outputs]));
  const chains = resources.map((resource) => {
    const who = (pick: 'inputs' | 'outputs') => few.filter((node) => node[pick].includes(resource)).map(({ name }) => name);
    return `${who('outputs').join(', ') || 'users'} -> ${resource} -> ${who('inputs').join(', ') || '(nobody here)'}`;
  });
  return [...blocks.flatMap((lines) => [...lines, '']), ...chains].join('\n');
}

/** Who has more inputs than this takes every kind there is: garbage collection, namespaces, quotas. */
export const everyKindOf = (graph: readonly ControllerNode[]): number => Math.max(...graph.map(({ inputs }) => inputs.length)) / 2;

const resourceOf = ({ plural, group }: AnyKind) => (group ? `${plural}.${group}` : plural);
const inputOf = (input: Input) => resourceOf('source' in input ? input.source : input);
const outputOf = (output: Output) => ('of' in output ? `${resourceOf(output.of)}/${output.subresource}` : resourceOf(output));
const unique = (names: readonly string[]) => [...new Set(names)].sort();
const quoted = (name: string) => JSON.stringify(name);
