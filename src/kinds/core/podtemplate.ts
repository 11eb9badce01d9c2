// The kind PodTemplate of v1.

import { formatLabels, templateColumns } from '../columns.js';
import { defineKind } from '../define.js';
import type { PodTemplate } from '../types/core_v1.js';
import { templateWarnings } from './pod-warnings.js';
import { defaultPodSpec } from './podspec-defaults.js';
import { validatePlainTemplate } from './podspec-validation.js';

export const podTemplates = defineKind<PodTemplate>({
  group: '',
  version: 'v1',
  kind: 'PodTemplate',
  plural: 'podtemplates',
  namespaced: true,
  schema: 'core.v1.PodTemplate',
  warnings: (object, old) => (old ? [] : templateWarnings(object, old, 'template', object.template)),
  returnDeletedObject: true,
  columns: [
    ...templateColumns<PodTemplate>(({ template }) => template).map((column) => ({ ...column, priority: 0 })),
    {
      name: 'Pod Labels',
      type: 'string',
      description: 'The labels that pods of the template get',
      cell: ({ template }) => formatLabels(template.metadata?.labels),
    },
  ],
  defaults: ({ template }) => defaultPodSpec(template.spec),
  validate: ({ template }) => validatePlainTemplate('template', template),
});
