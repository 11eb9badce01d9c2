// DefaultIngressClass: an Ingress that names no class gets the default one, where there is one.
import type { Mutable } from '../../kinds/define.js';
import { ingressClasses } from '../../kinds/networking/ingressclass.js';
import type { Ingress } from '../../kinds/types/networking_v1.js';
import type { AdmissionPlugin } from './admission.js';
import { lookUpDefault } from './lookup.js';

const ANNOTATION_DEFAULT = 'ingressclass.kubernetes.io/is-default-class';
/** How Ingresses once named their class. */
const ANNOTATION_CLASS = 'kubernetes.io/ingress.class';

export const defaultIngressClass: AdmissionPlugin = {
  name: 'DefaultIngressClass',
  operations: ['CREATE'],
  resources: ['ingresses.networking.k8s.io'],
  async admit({ subresource }, object, context) {
    const ingress = object as Mutable<Ingress>;
    if (subresource || ingress.spec.ingressClassName !== undefined || ingress.metadata.annotations?.[ANNOTATION_CLASS] !== undefined)
      return;
    const found = await lookUpDefault(context, ingressClasses, ANNOTATION_DEFAULT);
    if (found) ingress.spec.ingressClassName = found.metadata.name;
  },
};
