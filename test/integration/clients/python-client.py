#!/usr/bin/python3
"""What the Python client's users do, against the cluster of the kubeconfig; prints each verb once it has held."""
import json
import sys
import time

import yaml
from kubernetes import client, config, utils, watch
from kubernetes.client.rest import ApiException
from kubernetes.dynamic import DynamicClient
from kubernetes.dynamic.exceptions import ConflictError, NotFoundError

KUBECONFIG, CRD = sys.argv[1:]
NAMESPACE = "python"

config.load_kube_config(KUBECONFIG)
api = client.ApiClient()
core = client.CoreV1Api(api)
apps = client.AppsV1Api(api)


def config_map(name, data, labels=None):
    return client.V1ConfigMap(metadata=client.V1ObjectMeta(name=name, labels=labels), data=data)


def refused(status, call, *args, **kwargs):
    try:
        call(*args, **kwargs)
    except ApiException as error:
        assert error.status == status, error
        return error
    raise AssertionError("was not refused with %d" % status)


def wait_for(what, holds):
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, "waited in vain until " + what
        time.sleep(0.05)


def version():
    assert client.VersionApi(api).get_code().minor == "35"
    assert "apps" in [group.name for group in client.ApisApi(api).get_api_versions().groups]


def create_read_replace_delete():
    core.create_namespaced_config_map(NAMESPACE, config_map("crud", {"key": "one"}))
    read = core.read_namespaced_config_map("crud", NAMESPACE)
    assert read.data == {"key": "one"} and read.metadata.creation_timestamp.tzinfo
    read.data["key"] = "two"
    core.replace_namespaced_config_map("crud", NAMESPACE, read)
    error = refused(409, core.replace_namespaced_config_map, "crud", NAMESPACE, read)
    assert "the object has been modified" in error.body
    assert core.delete_namespaced_config_map("crud", NAMESPACE).status == "Success"
    refused(404, core.read_namespaced_config_map, "crud", NAMESPACE)


def list_():
    for name in ("a", "b", "c"):
        core.create_namespaced_config_map(NAMESPACE, config_map("list-" + name, {}, {"of": "list", "name": name}))
    first = core.list_namespaced_config_map(NAMESPACE, label_selector="of=list", limit=2)
    rest = core.list_namespaced_config_map(NAMESPACE, label_selector="of=list", limit=2, _continue=first.metadata._continue)
    assert [item.metadata.name for item in first.items + rest.items] == ["list-a", "list-b", "list-c"]
    assert not rest.metadata._continue
    found = core.list_namespaced_config_map(NAMESPACE, field_selector="metadata.name=list-b")
    assert [item.metadata.name for item in found.items] == ["list-b"]
    refused(400, core.list_namespaced_config_map, NAMESPACE, label_selector="a in b")


def deletecollection():
    core.delete_collection_namespaced_config_map(NAMESPACE, label_selector="of=list")
    assert core.list_namespaced_config_map(NAMESPACE, label_selector="of=list").items == []


def patch():
    core.create_namespaced_config_map(NAMESPACE, config_map("patched", {"a": "1", "b": "2"}))
    changed = core.patch_namespaced_config_map("patched", NAMESPACE, {"data": {"a": None, "c": "3"}})
    assert changed.data == {"b": "2", "c": "3"}, changed.data
    changed = core.patch_namespaced_config_map("patched", NAMESPACE, [{"op": "remove", "path": "/data/b"}])
    assert changed.data == {"c": "3"}, changed.data


def watch_():
    start = core.list_namespaced_config_map(NAMESPACE).metadata.resource_version
    core.create_namespaced_config_map(NAMESPACE, config_map("watched", {}))
    core.delete_namespaced_config_map("watched", NAMESPACE)
    stream = watch.Watch()
    events = []
    for event in stream.stream(core.list_namespaced_config_map, NAMESPACE, resource_version=start, timeout_seconds=20):
        events.append((event["type"], event["object"].metadata.name))
        if len(events) == 2:
            stream.stop()
    assert events == [("ADDED", "watched"), ("DELETED", "watched")], events
    # The server ends it, and all that is there has been told.
    names = [event["object"].metadata.name for event in watch.Watch().stream(core.list_namespaced_config_map, NAMESPACE, timeout_seconds=1)]
    assert "patched" in names


def scale_and_status():
    labels = {"app": "scaled"}
    container = client.V1Container(name="main", image="nginx")
    template = client.V1PodTemplateSpec(metadata=client.V1ObjectMeta(labels=labels), spec=client.V1PodSpec(containers=[container]))
    spec = client.V1DeploymentSpec(selector=client.V1LabelSelector(match_labels=labels), template=template)
    apps.create_namespaced_deployment(NAMESPACE, client.V1Deployment(metadata=client.V1ObjectMeta(name="scaled"), spec=spec))
    apps.patch_namespaced_deployment_scale("scaled", NAMESPACE, {"spec": {"replicas": 2}})
    wait_for("all are ready", lambda: apps.read_namespaced_deployment_status("scaled", NAMESPACE).status.ready_replicas == 2)
    assert len(core.list_namespaced_pod(NAMESPACE, label_selector="app=scaled").items) == 2


def create_from_dict():
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}, "spec": {"ports": [{"port": 80}]}}
    utils.create_from_dict(api, service, namespace=NAMESPACE)
    assert core.read_namespaced_service("s", NAMESPACE).spec.cluster_ip.startswith("10.")


def dynamic_client():
    dynamic = DynamicClient(api)
    deployments = dynamic.resources.get(api_version="apps/v1", kind="Deployment")
    assert [item.metadata.name for item in deployments.get(namespace=NAMESPACE).items] == ["scaled"]
    maps = dynamic.resources.get(api_version="v1", kind="ConfigMap")
    patched = maps.patch({"metadata": {"name": "patched", "labels": {"x": "y"}}}, namespace=NAMESPACE, content_type="application/merge-patch+json")
    assert patched.metadata.labels.x == "y"
    event = next(dynamic.watch(maps, namespace=NAMESPACE, label_selector="x=y", timeout=20))
    assert event["type"] == "ADDED" and event["object"].metadata.name == "patched"


def server_side_apply():
    maps = DynamicClient(api).resources.get(api_version="v1", kind="ConfigMap")

    def apply(key, manager, force=False):
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "applied"}, "data": {"key": key}}
        # This version sends objects as JSON only under a type that says so.
        return maps.server_side_apply(json.dumps(body), "applied", NAMESPACE, field_manager=manager, force_conflicts=force)

    apply("one", "one")
    try:
        apply("two", "two")
        raise AssertionError("there was no conflict")
    except ConflictError:
        pass
    assert apply("two", "two", force=True).data.key == "two"


def custom_objects():
    with open(CRD) as file:
        definition = yaml.safe_load(file)
    extensions = client.ApiextensionsV1Api(api)
    utils.create_from_dict(api, definition)
    name = definition["metadata"]["name"]

    def established():
        conditions = extensions.read_custom_resource_definition(name).status.conditions or []
        return any(each.type == "Established" and each.status == "True" for each in conditions)

    wait_for("the kind is served", established)
    custom = client.CustomObjectsApi(api)
    where = ("greeter.example", "v1", NAMESPACE, "greetings")
    greeting = {"apiVersion": "greeter.example/v1", "kind": "Greeting", "metadata": {"name": "g"}, "spec": {"text": "hello"}}
    assert custom.create_namespaced_custom_object(*where, greeting)["spec"] == {"text": "hello", "times": 1}
    refused(422, custom.create_namespaced_custom_object, *where, dict(greeting, spec={"text": 1}))
    patched = custom.patch_namespaced_custom_object(*where, "g", {"spec": {"times": 2}})
    assert patched["spec"]["times"] == 2
    greetings = DynamicClient(api).resources.get(api_version="greeter.example/v1", kind="Greeting")
    assert greetings.get(name="g", namespace=NAMESPACE).spec.text == "hello"
    greetings.delete(name="g", namespace=NAMESPACE)
    try:
        greetings.get(name="g", namespace=NAMESPACE)
        raise AssertionError("it is still there")
    except NotFoundError:
        pass
    extensions.delete_custom_resource_definition(name)


core.create_namespace(client.V1Namespace(metadata=client.V1ObjectMeta(name=NAMESPACE)))
wait_for("there is a service account", lambda: core.list_namespaced_service_account(NAMESPACE).items)
VERBS = {
    "version, discovery": version,
    "create, read, replace, delete": create_read_replace_delete,
    "list": list_,
    "deletecollection": deletecollection,
    "patch": patch,
    "watch": watch_,
    "scale, status": scale_and_status,
    "create_from_dict": create_from_dict,
    "dynamic client": dynamic_client,
    "server-side apply": server_side_apply,
    "custom objects": custom_objects,
}
for verb, holds in VERBS.items():
    holds()
    print(verb, flush=True)
