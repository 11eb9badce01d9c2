// The kind ControllerRevision of apps/v1.
import { type FieldError, required } from '../../apimachinery/field.js';
import { controllerOf } from '../../apimachinery/object.js';
import { checkImmutable, checkNonNegative } from '../checks.js';
import { NONE } from '../columns.js';
import { defineKind } from '../define.js';
import type { ControllerRevision } from '../types/apps_v1.js';

export const controllerRevisions = defineKind<ControllerRevision>({
  group: 'apps',
  version: 'v1',
  kind: 'ControllerRevision',
  plural: 'controllerrevisions',
  namespaced: true,
  schema: 'apps.v1.ControllerRevision',
  columns: [
    {
      name: 'Controller',
      type: 'string',
      description: 'The object whose past this is',
      cell: (revision) => {
        const owner = controllerOf(revision);
        if (!owner) return NONE;
        const [group, version] = owner.apiVersion.split('/');
        return `${owner.kind.toLowerCase()}${version ? `.${group}` : ''}/${owner.name}`;
      },
    },
    { name: 'Revision', type: 'string', description: 'Its number; higher is newer', cell: ({ revision }) => String(revision ?? 0) },
  ],
  validate(revision, old): readonly FieldError[] {
    const errors = checkNonNegative('revision', revision.revision);
    if (revision.data === undefined) errors.push(required('data', 'data is mandatory'));
    return old ? [...errors, ...checkImmutable('data', revision.data, old.data)] : errors;
  },
});
