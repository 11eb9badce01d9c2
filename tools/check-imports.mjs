// Checks that imports point down: each folder of src/ imports only from itself and those before it; agent/ only from three of them.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

const LAYERS = [
  'src/apimachinery',
  'src/etcd',
  'src/kinds',
  'src/client',
  'src/apiserver',
  'src/controllers',
  'src/scheduler',
  'src/cluster',
  'src/cli',
  'src/main.ts',
];
const AGENT_MAY = ['agent', 'src/apimachinery', 'src/kinds', 'src/client'];
/** API clients only: they know the API server by its API, not by its code, nor one another. */
const APART = ['src/apiserver', 'src/controllers', 'src/scheduler'];
/** Time and randomness come in through the one file. */
const CLOCK = 'src/apimachinery/clock.ts';
const EFFECTS = /(?<!\.)\b(Date\.now|setTimeout|setInterval|Math\.random|new Date\(\))/;

const files = (dir) =>
  readdirSync(dir, { recursive: true })
    .map((f) => join(dir, f))
    .filter((f) => f.endsWith('.ts'));
const layerOf = (file) => LAYERS.find((layer) => file === layer || file.startsWith(`${layer}/`));

function mayImport(from, to) {
  if (from.startsWith('agent/')) return AGENT_MAY.some((dir) => to.startsWith(`${dir}/`));
  if (from === 'src/main.ts') return true;
  const [a, b] = [layerOf(from), layerOf(to)];
  if (!a || !b) return false;
  if (a !== b && APART.includes(a) && APART.includes(b)) return false;
  return LAYERS.indexOf(b) <= LAYERS.indexOf(a);
}

const wrong = [];
for (const file of [...files('src'), ...files('agent')]) {
  const text = readFileSync(file, 'utf8');
  if (!text.startsWith('// ')) wrong.push(`${file}: the first line must be a comment that says what the file owns`);
  for (const [, path] of text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)) {
    const to = normalize(join(dirname(file), path)).replace(/\.js$/, '.ts');
    if (!mayImport(file, to)) wrong.push(`${file} imports ${to}, which is not below it`);
  }
  if (file === CLOCK) continue;
  text.split('\n').forEach((line, i) => {
    const code = line.replace(/\/\/.*|^\s*\/?\*.*/, '');
    if (EFFECTS.test(code)) wrong.push(`${file}:${i + 1}: time and randomness come in through Clock and Random: ${line.trim()}`);
  });
}
if (wrong.length > 0) {
  process.stderr.write(`${wrong.join('\n')}\n${wrong.length} wrong\n`);
  process.exit(1);
}
process.stdout.write('imports point down\n');
