// docs/pod-spec.md is whole: each field of a pod is shown by a test, or refused in words that a test has seen.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { POD_SPEC_PAGE, parsePodSpecPage } from '../pod-spec-page.js';
import { covers, podFields } from '../suites/pod-spec.js';
import { FIELDS_TO_SHOW } from '../suites/pod-spec-to-show.js';

const page = readFileSync(join(import.meta.dirname, '../..', POD_SPEC_PAGE), 'utf8');
const entries = parsePodSpecPage(page);
const isToldOf = (field: string) => entries.some((entry) => (entry.refused ? covers(entry.field, field) : entry.field === field));

it('tells of every field but those that are yet to be shown, which are all that are listed', () => {
  expect(podFields().filter((field) => !isToldOf(field))).toEqual([...FIELDS_TO_SHOW]);
});
