// The last line of a test run: how many tests passed and failed, in words that a person and a script can read.
import type { Reporter, TestModule } from 'vitest/node';
import { updateCompatibilityTable } from './compatibility-table.js';
import { updatePodSpecPage } from './pod-spec-page.js';

export default class SummaryReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const count = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      let tests = 0;
      for (const test of module.children.allTests()) {
        tests++;
        const { state } = test.result();
        if (state !== 'pending') count[state]++;
      }
      // A file that cannot be loaded, or whose set-up fails, has no tests that could have failed.
      if (module.errors().length > 0 || (tests === 0 && !module.ok())) count.failed++;
    }
    const stale = [updateCompatibilityTable(modules), updatePodSpecPage(modules)].filter((notice) => notice !== undefined);
    if (stale.length > 0) {
      count.failed += stale.length;
      process.exitCode = 1;
    }
    // After the default reporter's own summary, which is written in the same turn.
    process.on('exit', () => {
      const skipped = count.skipped > 0 ? `, ${count.skipped} skipped` : '';
      for (const notice of stale) process.stdout.write(`\n${notice}\n`);
      process.stdout.write(`\n${count.passed} passed, ${count.failed} failed${skipped}\n`);
    });
  }
}
