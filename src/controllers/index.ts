// All controllers, one file each: adding one is one file and one line here.
import { bootstrapSigner } from './bootstrapsigner.js';
import { clusterRoleAggregation } from './clusterroleaggregation.js';
import { cronJob } from './cronjob.js';
import { csrApproving } from './csrapproving.js';
import { csrCleaner } from './csrcleaner.js';
import { csrSigning } from './csrsigning.js';
import { daemonSet } from './daemonset.js';
import type { ControllerDefinition } from './define.js';
import { deployment } from './deployment.js';
import { disruption } from './disruption.js';
import { endpoints } from './endpoints.js';
import { endpointSlice } from './endpointslice.js';
import { endpointSliceMirroring } from './endpointslicemirroring.js';
import { ephemeralVolume } from './ephemeralvolume.js';
import { garbageCollector } from './garbagecollector.js';
import { horizontalPodAutoscaler } from './horizontalpodautoscaler.js';
import { job } from './job.js';
import { legacyTokenCleaner } from './legacytokencleaner.js';
import { localPath } from './localpath.js';
import { namespace } from './namespace.js';
import { nodeIpam } from './nodeipam.js';
import { nodeLifecycle } from './nodelifecycle.js';
import { persistentVolumeBinder } from './persistentvolumebinder.js';
import { persistentVolumeExpander } from './persistentvolumeexpander.js';
import { podGc } from './podgc.js';
import { pvcProtection } from './pvcprotection.js';
import { pvProtection } from './pvprotection.js';
import { replicaSet } from './replicaset.js';
import { replicationController } from './replicationcontroller.js';
import { resourceQuota } from './resourcequota.js';
import { rootCaPublisher } from './rootcacertpublisher.js';
import { serviceAccount } from './serviceaccount.js';
import { serviceAccountToken } from './serviceaccounttoken.js';
import { serviceCidr } from './servicecidr.js';
import { serviceLb } from './servicelb.js';
import { stalePodDisruption } from './stalepoddisruption.js';
import { statefulSet } from './statefulset.js';
import { taintEviction } from './tainteviction.js';
import { tokenCleaner } from './tokencleaner.js';
import { ttl } from './ttl.js';
import { ttlAfterFinished } from './ttlafterfinished.js';
import { validatingAdmissionPolicyStatus } from './validatingadmissionpolicystatus.js';
import { volumeAttributesClassProtection } from './volumeattributesclassprotection.js';

export const controllers: readonly ControllerDefinition[] = [
  deployment,
  replicaSet,
  replicationController,
  statefulSet,
  daemonSet,
  job,
  cronJob,
  horizontalPodAutoscaler,
  ttlAfterFinished,
  disruption,
  stalePodDisruption,
  persistentVolumeBinder,
  persistentVolumeExpander,
  localPath,
  ephemeralVolume,
  pvcProtection,
  pvProtection,
  volumeAttributesClassProtection,
  endpoints,
  endpointSlice,
  endpointSliceMirroring,
  serviceLb,
  namespace,
  nodeIpam,
  serviceCidr,
  nodeLifecycle,
  ttl,
  taintEviction,
  podGc,
  garbageCollector,
  csrApproving,
  csrSigning,
  csrCleaner,
  bootstrapSigner,
  tokenCleaner,
  resourceQuota,
  serviceAccount,
  serviceAccountToken,
  legacyTokenCleaner,
  rootCaPublisher,
  clusterRoleAggregation,
  validatingAdmissionPolicyStatus,
];
