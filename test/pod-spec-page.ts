// docs/pod-spec.md: every field of a pod's spec with the tests that show it, kept by the runs of those tests.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { TestModule } from 'vitest/node';
import { covers, podFields, type ShownField } from './suites/pod-spec.js';

const ROOT = join(import.meta.dirname, '..');
export const POD_SPEC_PAGE = 'docs/pod-spec.md';

const INTRODUCTION = `# Pod spec

Every field of a PodSpec, of its containers and of its volumes, with the tests that show on a node what it does, or with the words in which it is refused. The
runs of those tests write this page (\`test/pod-spec-page.ts\`): it is not edited by hand.

Init containers are containers like the others, so of them, and of ephemeral containers, only the fields themselves are listed. Of a field that is refused
as a whole, so is what is below it.
`;

/** A field, and one test that says something of it. */
export interface Entry extends ShownField {
  readonly test: string;
  readonly file: string;
}

/**
 * After a run of a file whose tests all passed, what the page says of that file is what the run gave. Returns what to tell whoever ran
 * it, if the page was another.
 */
export function updatePodSpecPage(modules: readonly TestModule[]): string | undefined {
  const ran = modules.filter((module) => module.ok() && [...module.children.allTests()].every((test) => test.result().state === 'passed'));
  const entries = ran.flatMap((module) =>
    [...module.children.allTests()].flatMap((test) =>
      (test.meta().fields ?? []).map((field) => ({ ...field, test: inLink(test.fullName), file: module.relativeModuleId })),
    ),
  );
  const path = join(ROOT, POD_SPEC_PAGE);
  const before = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const files = new Set(ran.map(({ relativeModuleId }) => relativeModuleId));
  const kept = parsePodSpecPage(before).filter(({ file }) => !files.has(file) && existsSync(join(ROOT, file)));
  // A run that knows nothing of fields leaves a page alone whose other parts may be behind.
  if (entries.length === 0 && kept.length === parsePodSpecPage(before).length) return undefined;
  const page = renderPodSpecPage([...kept, ...entries]);
  if (page === before) return undefined;
  writeFileSync(path, page);
  return `${POD_SPEC_PAGE} was not what this run gave. It has been written anew: look at what changed, and commit it`;
}

/** What a table's cell can hold. */
const inCell = (text: string) =>
  text
    .replaceAll(' > ', ': ')
    .replaceAll('|', '/')
    .replaceAll('`', "'")
    .replaceAll(/[<>\n]+/g, ' ');
/** What a link's text can. */
const inLink = (text: string) => inCell(text).replaceAll('[', '(').replaceAll(']', ')');

export function renderPodSpecPage(entries: readonly Entry[]): string {
  const shown = (field: string) => entries.filter((entry) => entry.field === field);
  const refused = [...new Set(entries.filter((entry) => entry.refused).map(({ field }) => field))];
  // What is refused as a whole stands where its first field would.
  const rows = podFields().flatMap((field) => {
    const whole = refused.find((each) => each !== field && covers(each, field));
    return shown(field).length > 0 || !whole ? [...(whole ? [whole] : []), field] : [whole];
  });
  const own = (prefix: string) => [...new Set(rows)].filter((field) => SECTIONS.find((each) => field.startsWith(each)) === prefix);
  return [INTRODUCTION, ...SECTIONS.map((prefix) => section(prefix, own(prefix), shown))].join('\n');
}

/** In this order; the last takes the rest. */
const SECTIONS = ['spec.containers[]', 'spec.initContainers[]', 'spec.ephemeralContainers[]', 'spec.volumes[]', 'spec'];

function section(prefix: string, fields: readonly string[], shown: (field: string) => readonly Entry[]): string {
  const rows = fields.map((field) => `| \`${field}\` | ${cell(shown(field))} |\n`);
  return `## ${prefix}\n\n| field | shown by |\n| --- | --- |\n${rows.join('')}`;
}

const cell = (shown: readonly Entry[]) => [...new Set(shown.map(each))].sort().join('<br>');
const each = ({ refused, test, file }: Entry) => `${refused ? `refused: \`${inCell(refused)}\` ` : ''}[${test}](../${file})`;

export function parsePodSpecPage(page: string): readonly Entry[] {
  const entries: Entry[] = [];
  for (const [, field, cell] of page.matchAll(/^\| `([^`]*)` \| (.*) \|$/gm)) {
    for (const [, refused, test, file] of cell!.matchAll(/(?:refused: `([^`]*)` )?\[([^\]]*)\]\(\.\.\/([^)]*)\)/g)) {
      entries.push({ field: field!, test: test!, file: file!, ...(refused ? { refused } : {}) });
    }
  }
  return entries;
}
