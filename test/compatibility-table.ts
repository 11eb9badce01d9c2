// docs/compatibility.md: the table of what each client's verbs came to, written from a run of all the clients' tests.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { TestModule } from 'vitest/node';
import type { Shown } from './suites/compatibility.js';

const ROOT = join(import.meta.dirname, '..');
const PAGE = 'docs/compatibility.md';
const CLIENTS = 'test/integration/clients';
/** Verbs that need a node. */
const ON_NODES = ['logs', 'streams', 'top'].map((name) => `test/integration/agent/${name}.test.ts`);

const INTRODUCTION = `# Compatibility

What the verbs of real clients come to against the API server. Every cell is a test of \`npm test\` with the real client, and that run writes this page
(\`test/compatibility-table.ts\`): it is not edited by hand.

- **works**: the test saw the verb's effect.
- **refused**: the server refuses what the client asks for, as Kubernetes does, and the client says why.
- **–**: this version of the client has no such verb.
`;

const WORDS: { readonly [result in Shown['result']]: string } = { works: 'works', refused: 'refused', absent: '–' };

/**
 * After a run in which all clients' tests passed: writes the page if the run gave another, and returns what to tell whoever ran them.
 * After any other run the page stays as it is.
 */
export function updateCompatibilityTable(modules: readonly TestModule[]): string | undefined {
  const files = new Set([
    ...readdirSync(join(ROOT, CLIENTS))
      .map((name) => `${CLIENTS}/${name}`)
      .filter(isTest),
    ...ON_NODES,
  ]);
  const ours = modules.filter(({ relativeModuleId }) => files.has(relativeModuleId));
  const tests = ours.flatMap((module) => [...module.children.allTests()]);
  if (ours.length < files.size || tests.some((test) => test.result().state !== 'passed')) return undefined;
  const page = render(tests.flatMap((test) => test.meta().shown ?? []));
  const path = join(ROOT, PAGE);
  if (existsSync(path) && readFileSync(path, 'utf8') === page) return undefined;
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, page);
  return `${PAGE} was not what this run gave. It has been written anew: look at what changed, and commit it`;
}

const isTest = (path: string) => path.endsWith('.test.ts');

function render(shown: readonly Shown[]): string {
  const clients = sorted(shown.map(({ client }) => client));
  return [
    INTRODUCTION,
    ...clients.map((client) =>
      section(
        client,
        shown.filter((each) => each.client === client),
      ),
    ),
  ].join('\n');
}

function section(client: string, shown: readonly Shown[]): string {
  const versions = sorted(shown.map(({ version }) => version));
  const results = new Map<string, Shown['result']>();
  for (const { verb, version, result } of shown) {
    const cell = `${verb} ${version}`;
    if ((results.get(cell) ?? result) !== result)
      throw new Error(`${client} ${cell}: one test says ${result}, another ${results.get(cell)}`);
    results.set(cell, result);
  }
  const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |\n`;
  const head = row([client, ...versions]) + row(['---', ...versions.map(() => '---')]);
  const body = sorted(shown.map(({ verb }) => verb)).map((verb) =>
    row([
      `\`${verb}\``,
      ...versions.map((version) => {
        const result = results.get(`${verb} ${version}`);
        return result ? WORDS[result] : '';
      }),
    ]),
  );
  return `## ${client}\n\n${head}${body.join('')}`;
}

/** Each once; numbers in texts by their value. */
function sorted(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}
