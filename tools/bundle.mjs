// Writes dist/main.js and dist/chunks/: what tsc made of src/main.ts and all that it imports, packages included, in a few files. Node finds,
// opens and compiles a thousand modules one by one, which was half of a start's CPU and a fifth of an idle server's memory.
import { rmSync } from 'node:fs';
import { rolldown } from 'rolldown';

const ENTRY = 'dist/src/main.js';
/** With native code, which is found beside the package's own files. */
const NATIVE = ['classic-level'];
/** What dockerode loads for engines reached by ssh://, which ours never are. */
const UNUSED = 'ssh2';

const withoutUnused = {
  name: 'without-unused',
  resolveId: (id) => (id === UNUSED ? `\0${UNUSED}` : undefined),
  load: (id) => (id === `\0${UNUSED}` ? 'export {}' : undefined),
};

rmSync('dist/chunks', { recursive: true, force: true });
const bundle = await rolldown({ input: ENTRY, platform: 'node', external: NATIVE, plugins: [withoutUnused] });
// Names stay as they are: a stack trace is to be read.
await bundle.write({ dir: 'dist', format: 'esm', entryFileNames: 'main.js', chunkFileNames: 'chunks/[name]-[hash].js' });
await bundle.close();
