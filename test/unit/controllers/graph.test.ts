// Who reacts to what: the graph of `porthole why --graph`, and docs/controllers.md, which this test keeps.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { controllerGraph, everyKindOf, graphDot, graphText } from '../../../src/controllers/graph.js';
import { controllers } from '../../../src/controllers/index.js';

const PAGE = join(import.meta.dirname, '../../../docs/controllers.md');
const INTRODUCTION = `# Controllers

What each controller reacts to and what it writes, as it declares both: it can read nothing else and write nothing else (\`src/controllers/manager.ts\` and
\`outputs.ts\` see to that). \`porthole why --graph\` prints the same, also as JSON (\`-o json\`) and for Graphviz (\`-o dot\`). \`npm test\` writes this page
(\`test/unit/controllers/graph.test.ts\`): it is not edited by hand.

Each is switched on and off by its name (\`--controllers=*,-cronjob\`). As upstream, \`*\` leaves out bootstrap-signer and token-cleaner; the default,
\`*,bootstrap-signer,token-cleaner\`, has them. Each writes under its own ServiceAccount of kube-system, with the rights of the ClusterRole
\`system:controller:<ServiceAccount>\`.

| Controller | Reacts to | Writes | ServiceAccount |
|---|---|---|---|
`;

const graph = controllerGraph(controllers);
const node = (name: string) => graph.find((each) => each.name === `${name}-controller`)!;

test('a controller is what it declares', () => {
  expect(node('deployment')).toMatchObject({
    serviceAccount: 'deployment-controller',
    inputs: expect.arrayContaining(['deployments.apps', 'replicasets.apps']),
    custom: false,
  });
  expect(node('deployment').outputs).toEqual(expect.arrayContaining(['deployments.apps/status', 'replicasets.apps']));
  expect(node('garbage-collector')).toMatchObject({ serviceAccount: 'generic-garbage-collector', custom: true });
  expect(node('serviceaccount-token').serviceAccount).toBeNull();
});

test('as text it says who reacts to what, along the whole chain', () => {
  const text = graphText(graph).split('\n');
  expect(text).toContain('deployment-controller');
  expect(text.find((line) => line.includes('-> replicasets.apps ->'))).toMatch(
    /^deployment-controller.* -> replicasets\.apps -> .*replicaset-controller/,
  );
  expect(text).toContain('  reacts to  every kind, custom ones too');
});

test('as dot it has an arrow for each input and output, but none for each of all kinds', () => {
  const dot = graphDot(graph);
  expect(dot).toMatch(/^digraph controllers \{\n/);
  expect(dot).toContain('  "deployments.apps" -> "deployment-controller";\n');
  expect(dot).toContain('  "replicaset-controller" -> "pods";\n');
  expect(dot).toContain('  "every kind" -> "garbage-collector-controller";\n');
});

test('docs/controllers.md is what they declare', () => {
  const every = everyKindOf(graph);
  const cell = (resources: readonly string[], custom: boolean) =>
    resources.length > every ? `every kind${custom ? ', custom ones too' : ''}` : resources.map((each) => `\`${each}\``).join(', ');
  const rows = graph.map(
    ({ name, inputs, outputs, custom, serviceAccount }) =>
      `| ${name} | ${cell(inputs, custom)} | ${cell(outputs, custom)} | ${serviceAccount ?? "the controller manager's own user"} |`,
  );
  const page = `${INTRODUCTION}${rows.sort().join('\n')}\n`;
  const before = existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : '';
  if (page !== before) writeFileSync(PAGE, page);
  expect(
    before,
    'docs/controllers.md was not what the controllers declare. It has been written anew: look at what changed, and commit it',
  ).toBe(page);
});
