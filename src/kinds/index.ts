// All built-in kinds, in the order of discovery, and their schemas. Adding a kind is one file and one line here.
import meta_v1 from '../apimachinery/schema/meta_v1.js';
import { Schemas } from '../apimachinery/schema.js';
import { mutatingWebhookConfigurations } from './admissionregistration/mutatingwebhookconfiguration.js';
import { validatingAdmissionPolicies } from './admissionregistration/validatingadmissionpolicy.js';
import { validatingAdmissionPolicyBindings } from './admissionregistration/validatingadmissionpolicybinding.js';
import { validatingWebhookConfigurations } from './admissionregistration/validatingwebhookconfiguration.js';
import { customResourceDefinitions } from './apiextensions/customresourcedefinition.js';
import { apiServices } from './apiregistration/apiservice.js';
import { controllerRevisions } from './apps/controllerrevision.js';
import { daemonSets } from './apps/daemonset.js';
import { deployments } from './apps/deployment.js';
import { replicaSets } from './apps/replicaset.js';
import { statefulSets } from './apps/statefulset.js';
import { selfSubjectReviews } from './authentication/selfsubjectreview.js';
import { tokenReviews } from './authentication/tokenreview.js';
import { localSubjectAccessReviews } from './authorization/localsubjectaccessreview.js';
import { selfSubjectAccessReviews } from './authorization/selfsubjectaccessreview.js';
import { selfSubjectRulesReviews } from './authorization/selfsubjectrulesreview.js';
import { subjectAccessReviews } from './authorization/subjectaccessreview.js';
import { horizontalPodAutoscalers } from './autoscaling/horizontalpodautoscaler.js';
import { horizontalPodAutoscalersV1 } from './autoscaling/horizontalpodautoscaler-v1.js';
import { cronJobs } from './batch/cronjob.js';
import { jobs } from './batch/job.js';
import { certificateSigningRequests } from './certificates/certificatesigningrequest.js';
import { leases } from './coordination/lease.js';
import { componentStatuses } from './core/componentstatus.js';
import { configMaps } from './core/configmap.js';
import { endpoints } from './core/endpoints.js';
import { events } from './core/event.js';
import { limitRanges } from './core/limitrange.js';
import { namespaces } from './core/namespace.js';
import { nodes } from './core/node.js';
import { persistentVolumes } from './core/persistentvolume.js';
import { persistentVolumeClaims } from './core/persistentvolumeclaim.js';
import { pods } from './core/pod.js';
import { podTemplates } from './core/podtemplate.js';
import { replicationControllers } from './core/replicationcontroller.js';
import { resourceQuotas } from './core/resourcequota.js';
import { secrets } from './core/secret.js';
import { services } from './core/service.js';
import { serviceAccounts } from './core/serviceaccount.js';
import type { AnyKind } from './define.js';
import { endpointSlices } from './discovery/endpointslice.js';
import { eventsV1 } from './events/event.js';
import { flowSchemas } from './flowcontrol/flowschema.js';
import { priorityLevelConfigurations } from './flowcontrol/prioritylevelconfiguration.js';
import { nodeMetrics } from './metrics/nodemetrics.js';
import { podMetrics } from './metrics/podmetrics.js';
import { ingresses } from './networking/ingress.js';
import { ingressClasses } from './networking/ingressclass.js';
import { ipAddresses } from './networking/ipaddress.js';
import { networkPolicies } from './networking/networkpolicy.js';
import { serviceCidrs } from './networking/servicecidr.js';
import { runtimeClasses } from './node/runtimeclass.js';
import { podDisruptionBudgets } from './policy/poddisruptionbudget.js';
import { clusterRoles } from './rbac/clusterrole.js';
import { clusterRoleBindings } from './rbac/clusterrolebinding.js';
import { roles } from './rbac/role.js';
import { roleBindings } from './rbac/rolebinding.js';
import { deviceClasses } from './resource/deviceclass.js';
import { resourceClaims } from './resource/resourceclaim.js';
import { resourceClaimTemplates } from './resource/resourceclaimtemplate.js';
import { resourceSlices } from './resource/resourceslice.js';
import { priorityClasses } from './scheduling/priorityclass.js';
import admission_v1 from './schema/admission_v1.js';
import admissionregistration_v1 from './schema/admissionregistration_v1.js';
import apiextensions_v1 from './schema/apiextensions_v1.js';
import apiregistration_v1 from './schema/apiregistration_v1.js';
import apps_v1 from './schema/apps_v1.js';
import authentication_v1 from './schema/authentication_v1.js';
import authorization_v1 from './schema/authorization_v1.js';
import autoscaling_v1 from './schema/autoscaling_v1.js';
import autoscaling_v2 from './schema/autoscaling_v2.js';
import batch_v1 from './schema/batch_v1.js';
import certificates_v1 from './schema/certificates_v1.js';
import coordination_v1 from './schema/coordination_v1.js';
import core_v1 from './schema/core_v1.js';
import discovery_v1 from './schema/discovery_v1.js';
import events_v1 from './schema/events_v1.js';
import flowcontrol_v1 from './schema/flowcontrol_v1.js';
import metrics_v1beta1 from './schema/metrics_v1beta1.js';
import networking_v1 from './schema/networking_v1.js';
import node_v1 from './schema/node_v1.js';
import policy_v1 from './schema/policy_v1.js';
import rbac_v1 from './schema/rbac_v1.js';
import resource_v1 from './schema/resource_v1.js';
import scheduling_v1 from './schema/scheduling_v1.js';
import storage_v1 from './schema/storage_v1.js';
import { csiDrivers } from './storage/csidriver.js';
import { csiNodes } from './storage/csinode.js';
import { csiStorageCapacities } from './storage/csistoragecapacity.js';
import { storageClasses } from './storage/storageclass.js';
import { volumeAttachments } from './storage/volumeattachment.js';
import { volumeAttributesClasses } from './storage/volumeattributesclass.js';

export const kinds: readonly AnyKind[] = [
  pods,
  services,
  endpoints,
  nodes,
  namespaces,
  replicationControllers,
  configMaps,
  secrets,
  events,
  serviceAccounts,
  resourceQuotas,
  limitRanges,
  persistentVolumes,
  persistentVolumeClaims,
  podTemplates,
  componentStatuses,
  deployments,
  replicaSets,
  daemonSets,
  statefulSets,
  controllerRevisions,
  horizontalPodAutoscalers,
  horizontalPodAutoscalersV1,
  cronJobs,
  jobs,
  endpointSlices,
  leases,
  certificateSigningRequests,
  customResourceDefinitions,
  roles,
  clusterRoles,
  roleBindings,
  clusterRoleBindings,
  mutatingWebhookConfigurations,
  validatingWebhookConfigurations,
  validatingAdmissionPolicies,
  validatingAdmissionPolicyBindings,
  eventsV1,
  flowSchemas,
  priorityLevelConfigurations,
  deviceClasses,
  resourceClaims,
  resourceClaimTemplates,
  resourceSlices,
  ingresses,
  ingressClasses,
  networkPolicies,
  ipAddresses,
  serviceCidrs,
  podDisruptionBudgets,
  priorityClasses,
  runtimeClasses,
  csiDrivers,
  csiNodes,
  csiStorageCapacities,
  storageClasses,
  volumeAttachments,
  volumeAttributesClasses,
  apiServices,
  nodeMetrics,
  podMetrics,
  tokenReviews,
  selfSubjectReviews,
  localSubjectAccessReviews,
  selfSubjectAccessReviews,
  selfSubjectRulesReviews,
  subjectAccessReviews,
];

const byResource = new Map(kinds.map((kind) => [`${kind.apiVersion}/${kind.plural}`, kind]));
const byGvk = new Map(kinds.map((kind) => [`${kind.apiVersion}/${kind.kind}`, kind]));

/** The kind served at `/apis/<group>/<version>/.../<plural>`; `group` is empty for core. */
export function kindByResource(group: string, version: string, plural: string): AnyKind | undefined {
  return byResource.get(`${group ? `${group}/` : ''}${version}/${plural}`);
}

/** The kind that an object's own apiVersion and kind name. */
export function kindByGvk(apiVersion: string, kind: string): AnyKind | undefined {
  return byGvk.get(`${apiVersion}/${kind}`);
}

/** The field facts of every type that the kinds, and the bodies of their subresources, are made of. */
export const schemas = new Schemas({
  'meta.v1': meta_v1,
  'admission.v1': admission_v1,
  'admissionregistration.v1': admissionregistration_v1,
  'apiextensions.v1': apiextensions_v1,
  'apiregistration.v1': apiregistration_v1,
  'apps.v1': apps_v1,
  'authentication.v1': authentication_v1,
  'authorization.v1': authorization_v1,
  'autoscaling.v1': autoscaling_v1,
  'autoscaling.v2': autoscaling_v2,
  'batch.v1': batch_v1,
  'certificates.v1': certificates_v1,
  'coordination.v1': coordination_v1,
  'core.v1': core_v1,
  'discovery.v1': discovery_v1,
  'events.v1': events_v1,
  'flowcontrol.v1': flowcontrol_v1,
  'metrics.v1beta1': metrics_v1beta1,
  'networking.v1': networking_v1,
  'node.v1': node_v1,
  'policy.v1': policy_v1,
  'rbac.v1': rbac_v1,
  'resource.v1': resource_v1,
  'scheduling.v1': scheduling_v1,
  'storage.v1': storage_v1,
});
