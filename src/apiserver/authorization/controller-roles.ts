// Upstream's roles of controllers: each role system:controller:NAME is for the ServiceAccount NAME of kube-system.

export const CONTROLLER_ROLES = `
role attachdetach-controller
list,watch              core           persistentvolumeclaims,persistentvolumes
READ                    core           nodes
patch,update            core           nodes/status
list,watch              core           pods
EVENTS
create,delete,READ      storage.k8s.io volumeattachments
READ                    storage.k8s.io csidrivers
READ                    storage.k8s.io csinodes

role clusterrole-aggregation-controller
escalate,READ,patch,update rbac.authorization.k8s.io clusterroles

role cronjob-controller
READ,update                     batch cronjobs
create,delete,READ,patch,update batch jobs
update                          batch cronjobs/status
update                          batch cronjobs/finalizers
delete,list,watch               core  pods
EVENTS

role daemon-set-controller
READ                            extensions,apps daemonsets
update                          extensions,apps daemonsets/status
update                          extensions,apps daemonsets/finalizers
list,watch                      core            nodes
create,delete,list,patch,watch  core            pods
create                          core            pods/binding
create,delete,READ,patch,update apps            controllerrevisions
EVENTS

role deployment-controller
READ,update                     extensions,apps deployments
update                          extensions,apps deployments/status
update                          extensions,apps deployments/finalizers
create,delete,READ,patch,update apps,extensions replicasets
READ,update                     core            pods
EVENTS

role disruption-controller
READ         extensions,apps deployments
READ         apps,extensions replicasets
READ         core            replicationcontrollers
READ         policy          poddisruptionbudgets
READ         apps            statefulsets
update       policy          poddisruptionbudgets/status
patch,update core            pods/status
get          *               */scale
EVENTS

role endpoint-controller
READ                      core pods,services
create,delete,READ,update core endpoints
create                    core endpoints/restricted
EVENTS

role endpointslice-controller
READ                      core             nodes,pods,services
update                    core             services/finalizers
create,delete,READ,update discovery.k8s.io endpointslices
EVENTS

role endpointslicemirroring-controller
READ                      core             endpoints,services
update                    core             services/finalizers
update                    core             endpoints/finalizers
create,delete,READ,update discovery.k8s.io endpointslices
EVENTS

role expand-controller
READ,patch,update core persistentvolumes
patch,update      core persistentvolumeclaims/status
READ              core persistentvolumeclaims
EVENTS
get               core services

role ephemeral-volume-controller
READ        core pods
update      core pods/finalizers
create,READ core persistentvolumeclaims
EVENTS

role generic-garbage-collector
delete,READ,patch,update * *
EVENTS

role horizontal-pod-autoscaler
READ       autoscaling             horizontalpodautoscalers
update     autoscaling             horizontalpodautoscalers/status
get,update *                       */scale
list,watch core                    pods
list,watch metrics.k8s.io          pods
READ       custom.metrics.k8s.io   *
READ       external.metrics.k8s.io *
EVENTS

role job-controller
READ,patch,update              batch jobs
update                         batch jobs/status
update                         batch jobs/finalizers
create,delete,list,patch,watch core  pods
EVENTS

role namespace-controller
delete,READ                  core namespaces
update                       core namespaces/finalize,namespaces/status
delete,deletecollection,READ *    *

role node-controller
delete,READ,patch,update core nodes
patch,update             core nodes/status
patch,update             core pods/status
delete,READ              core pods
EVENTS

role persistent-volume-binder
create,delete,READ,update core           persistentvolumes
update                    core           persistentvolumes/status
READ,update               core           persistentvolumeclaims
update                    core           persistentvolumeclaims/status
create,delete,READ        core           pods
READ                      storage.k8s.io storageclasses
list,watch                core           nodes
EVENTS
watch                     core           events
get                       core           services

role pod-garbage-collector
delete,list,watch core pods
READ              core nodes
patch             core pods/status

role replicaset-controller
READ,update                    apps,extensions replicasets
update                         apps,extensions replicasets/status
update                         apps,extensions replicasets/finalizers
create,delete,list,patch,watch core            pods
EVENTS

role replication-controller
READ,update                    core replicationcontrollers
update                         core replicationcontrollers/status
update                         core replicationcontrollers/finalizers
create,delete,list,patch,watch core pods
EVENTS

role resource-claim-controller
READ               core            pods
update             core            pods/finalizers
create,delete,READ resource.k8s.io resourceclaims
patch,update       resource.k8s.io resourceclaims,resourceclaims/status
patch,update       core            pods/status
READ               resource.k8s.io resourceclaimtemplates
EVENTS

role resourcequota-controller
list,watch *    *
update     core resourcequotas/status
EVENTS

role route-controller
list,watch core nodes
patch      core nodes/status
EVENTS

role service-account-controller
create core serviceaccounts
EVENTS

role service-cidrs-controller
READ,patch,update networking.k8s.io servicecidrs
patch,update      networking.k8s.io servicecidrs/finalizers
patch,update      networking.k8s.io servicecidrs/status
READ              networking.k8s.io ipaddresses
EVENTS

role service-controller
READ         core services
patch,update core services/status
list,watch   core nodes
EVENTS

role statefulset-controller
list,watch                      core pods
READ                            apps statefulsets
update                          apps statefulsets/status
update                          apps statefulsets/finalizers
create,delete,get,patch,update  core pods
create,delete,READ,patch,update apps controllerrevisions
create,READ                     core persistentvolumeclaims
delete,update                   core persistentvolumeclaims
update                          core pods/finalizers
EVENTS

role ttl-controller
list,patch,update,watch core nodes
EVENTS

role certificate-controller
delete,READ certificates.k8s.io  certificatesigningrequests
update      certificates.k8s.io  certificatesigningrequests/approval,certificatesigningrequests/status
approve     certificates.k8s.io  signers kubernetes.io/kube-apiserver-client-kubelet
sign        certificates.k8s.io  signers kubernetes.io/kube-apiserver-client,kubernetes.io/kube-apiserver-client-kubelet,kubernetes.io/kubelet-serving,kubernetes.io/legacy-unknown
create      authorization.k8s.io subjectaccessreviews
EVENTS

role pvc-protection-controller
READ,update core persistentvolumeclaims
READ        core pods
EVENTS

role pv-protection-controller
READ,update core persistentvolumes
EVENTS

role volumeattributesclass-protection-controller
READ        core           persistentvolumeclaims
READ        core           persistentvolumes
READ,update storage.k8s.io volumeattributesclasses
EVENTS

role ttl-after-finished-controller
delete,READ batch jobs
EVENTS

role root-ca-cert-publisher
create,update core configmaps
EVENTS

role validatingadmissionpolicy-status-controller
READ             admissionregistration.k8s.io validatingadmissionpolicies
get,patch,update admissionregistration.k8s.io validatingadmissionpolicies/status
EVENTS

role legacy-service-account-token-cleaner
get          core configmaps kube-apiserver-legacy-service-account-token-tracking
delete,patch core secrets

role selinux-warning-controller
EVENTS
READ core           persistentvolumes
READ core           persistentvolumeclaims
READ core           pods
READ storage.k8s.io csidrivers
`;

/** What our controllers do that upstream's do not: they patch where those update, and approve the serving certificates of nodes. */
export const CONTROLLER_ADDITIONS = `
role deployment-controller
patch apps deployments,deployments/status

role replicaset-controller
patch apps replicasets/status

role replication-controller
patch core replicationcontrollers/status

role namespace-controller
patch core namespaces/status

role persistent-volume-binder
get core nodes

role certificate-controller
approve certificates.k8s.io signers kubernetes.io/kubelet-serving
`;
