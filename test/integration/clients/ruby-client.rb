# What the Ruby client's users do, against the cluster of the kubeconfig; prints each verb once it has held.
require 'kubeclient'
require 'yaml'

KUBECONFIG, CRD = ARGV
NAMESPACE = 'ruby'.freeze
CONTEXT = Kubeclient::Config.read(KUBECONFIG).context
$stdout.sync = true

def connect(path, version)
  Kubeclient::Client.new(CONTEXT.api_endpoint + path, version, ssl_options: CONTEXT.ssl_options, auth_options: CONTEXT.auth_options)
end

def check(holds, what = 'it does not hold')
  raise what unless holds
end

def refused(code)
  yield
rescue Kubeclient::HttpError => e
  check(e.error_code == code, "#{e.error_code}: #{e.message}")
  e
else
  raise "was not refused with #{code}"
end

def wait_for(what)
  deadline = Process.clock_gettime(Process::CLOCK_MONOTONIC) + 20
  until yield
    check(Process.clock_gettime(Process::CLOCK_MONOTONIC) < deadline, "waited in vain until #{what}")
    sleep 0.05
  end
end

def config_map(name, data, labels = {})
  Kubeclient::Resource.new(metadata: { name: name, namespace: NAMESPACE, labels: labels }, data: data)
end

CORE = connect('/api', 'v1')
APPS = connect('/apis/apps', 'v1')
CORE.create_namespace(Kubeclient::Resource.new(metadata: { name: NAMESPACE }))
wait_for('there is a service account') { !CORE.get_service_accounts(namespace: NAMESPACE).empty? }

VERBS = {
  'discovery' => lambda do
    check(CORE.api_valid?)
    APPS.discover
    check(APPS.respond_to?(:get_deployments))
  end,
  'create, get, update, delete' => lambda do
    CORE.create_config_map(config_map('crud', key: 'one'))
    read = CORE.get_config_map('crud', NAMESPACE)
    check(read.data.key == 'one')
    read.data.key = 'two'
    CORE.update_config_map(read)
    check(refused(409) { CORE.update_config_map(read) }.message.include?('the object has been modified'))
    CORE.delete_config_map('crud', NAMESPACE)
    refused(404) { CORE.get_config_map('crud', NAMESPACE) }
  end,
  'list' => lambda do
    %w[a b c].each { |name| CORE.create_config_map(config_map("list-#{name}", {}, of: 'list')) }
    first = CORE.get_config_maps(namespace: NAMESPACE, label_selector: 'of=list', limit: 2)
    rest = CORE.get_config_maps(namespace: NAMESPACE, label_selector: 'of=list', limit: 2, continue: first.continue)
    check((first + rest).map { |each| each.metadata.name } == %w[list-a list-b list-c])
    check(rest.last?)
  end,
  'patch' => lambda do
    CORE.create_config_map(config_map('patched', a: '1', b: '2'))
    check(CORE.patch_config_map('patched', { data: { a: '3' } }, NAMESPACE).data.a == '3')
    check(CORE.merge_patch_config_map('patched', { data: { a: nil } }, NAMESPACE).data.to_h == { b: '2' })
    check(CORE.json_patch_config_map('patched', [{ op: 'add', path: '/data/c', value: '4' }], NAMESPACE).data.c == '4')
  end,
  'server-side apply' => lambda do
    applied = lambda do |key, manager, force|
      object = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'applied', namespace: NAMESPACE }, data: { key: key } }
      CORE.apply_config_map(object, field_manager: manager, force: force).data.key
    end
    check(applied.call('one', 'one', false) == 'one')
    refused(409) { applied.call('two', 'two', false) }
    check(applied.call('two', 'two', true) == 'two')
  end,
  'watch' => lambda do
    start = CORE.get_config_maps(namespace: NAMESPACE).resourceVersion
    CORE.create_config_map(config_map('watched', {}))
    CORE.delete_config_map('watched', NAMESPACE)
    seen = []
    watcher = CORE.watch_config_maps(namespace: NAMESPACE, resource_version: start)
    watcher.each do |notice|
      seen << [notice.type, notice.object.metadata.name]
      watcher.finish if seen.size == 2
    end
    check(seen == [%w[ADDED watched], %w[DELETED watched]], seen.inspect)
  end,
  'other groups' => lambda do
    labels = { app: 'web' }
    template = { metadata: { labels: labels }, spec: { containers: [{ name: 'main', image: 'nginx' }] } }
    spec = { replicas: 2, selector: { matchLabels: labels }, template: template }
    APPS.create_deployment(Kubeclient::Resource.new(metadata: { name: 'web', namespace: NAMESPACE }, spec: spec))
    wait_for('all are ready') { APPS.get_deployment('web', NAMESPACE).status.readyReplicas == 2 }
    check(CORE.get_pods(namespace: NAMESPACE, label_selector: 'app=web').size == 2)
    APPS.delete_deployment('web', NAMESPACE, delete_options: { propagationPolicy: 'Foreground' })
    wait_for('its pods are gone') { CORE.get_pods(namespace: NAMESPACE, label_selector: 'app=web').empty? }
  end,
  'custom objects' => lambda do
    definitions = connect('/apis/apiextensions.k8s.io', 'v1')
    definition = Kubeclient::Resource.new(YAML.safe_load(File.read(CRD)))
    definitions.create_custom_resource_definition(definition)
    wait_for('the kind is served') do
      status = definitions.get_custom_resource_definition(definition.metadata.name).status
      (status&.conditions || []).any? { |each| each.type == 'Established' && each.status == 'True' }
    end
    custom = connect('/apis/greeter.example', 'v1')
    greeting = Kubeclient::Resource.new(metadata: { name: 'g', namespace: NAMESPACE }, spec: { text: 'hello' })
    check(custom.create_greeting(greeting).spec.times == 1)
    check(custom.merge_patch_greeting('g', { spec: { times: 2 } }, NAMESPACE).spec.times == 2)
    refused(422) { custom.merge_patch_greeting('g', { spec: { times: 'often' } }, NAMESPACE) }
    check(custom.get_greetings(namespace: NAMESPACE).map { |each| each.spec.text } == ['hello'])
    custom.delete_greeting('g', NAMESPACE)
    refused(404) { custom.get_greeting('g', NAMESPACE) }
    definitions.delete_custom_resource_definition(definition.metadata.name)
  end
}.freeze

VERBS.each do |verb, holds|
  holds.call
  puts verb
end
