# The Vagrant provider "lab" and its communicator: what `vagrant up` does on virtual machines, it does here on those of machine.sh.
require 'open3'

module Lab
  SCRIPT = File.join(__dir__, 'machine.sh').freeze

  # Runs machine.sh; each line it prints goes to the block with the name of its stream. Returns its exit status.
  def self.run(*arguments, input: nil)
    Open3.popen3(SCRIPT, *arguments.map(&:to_s)) do |stdin, stdout, stderr, process|
      readers = { stdout: stdout, stderr: stderr }.map do |name, stream|
        Thread.new { stream.each_line { |line| yield name, line } }
      end
      IO.copy_stream(input, stdin) if input
      stdin.close
      readers.each(&:join)
      process.value.exitstatus
    end
  end

  def self.run!(*arguments, **options)
    said = +''
    status = run(*arguments, **options) { |_, line| said << line }
    raise "machine.sh #{arguments.join(' ')}: #{said}" unless status.zero?
  end

  class Plugin < Vagrant.plugin('2')
    name 'lab'
    provider(:lab, box_optional: true, parallel: true) { Provider }
    communicator(:lab) { Communicator }
  end

  # Makes the machine from what the Vagrantfile says of it; the provisioners run next, and then it boots.
  class Start
    def initialize(app, _env)
      @app = app
    end

    def call(env)
      machine = env[:machine]
      start(machine) unless machine.id
      @app.call(env)
    end

    def start(machine)
      config = machine.config.vm
      _, network = config.networks.find { |type, _| type == :private_network }
      folder = config.synced_folders.values.find { |candidate| !candidate[:disabled] }
      source = File.expand_path(folder[:hostpath], machine.env.root_path)
      Lab.run!('start', machine.name, config.hostname, network[:ip], source, folder[:guestpath], *folder[:rsync__exclude])
      machine.id = machine.name.to_s
    end
  end

  class Boot
    def initialize(app, _env)
      @app = app
    end

    def call(env)
      @app.call(env)
      Lab.run!('boot', env[:machine].name)
    end
  end

  class Destroy
    def initialize(app, _env)
      @app = app
    end

    def call(env)
      Lab.run!('remove', env[:machine].name)
      env[:machine].id = nil
      @app.call(env)
    end
  end

  class Provider < Vagrant.plugin('2', :provider)
    def initialize(machine)
      @machine = machine
    end

    def action(name)
      steps = { up: [Vagrant::Action::Builtin::ConfigValidate, Boot, Vagrant::Action::Builtin::Provision, Start], destroy: [Destroy] }[name]
      steps && Vagrant::Action::Builder.new.tap { |builder| steps.each { |step| builder.use(step) } }
    end

    def state
      id = @machine.id ? :running : :not_created
      Vagrant::MachineState.new(id, id.to_s, id.to_s)
    end

    def ssh_info
      { host: '127.0.0.1', port: 22, username: 'vagrant' } if @machine.id
    end
  end

  # Runs commands as Vagrant does by ssh: in a login shell, as the box's user or, with sudo, as root.
  class Communicator < Vagrant.plugin('2', :communicator)
    def initialize(machine)
      @machine = machine
    end

    def ready?
      !@machine.id.nil?
    end

    def upload(from, to)
      File.open(from) { |file| Lab.run!('exec', @machine.name, 'tee', to, input: file) }
    end

    def execute(command, options = nil, &block)
      options = { error_check: true, sudo: false }.merge(options || {})
      user = options[:sudo] ? 'root' : 'vagrant'
      show = block || proc {}
      status = Lab.run('exec', @machine.name, 'su', '-', user, '-s', '/bin/bash', '-c', command, &show)
      raise Vagrant::Errors::VagrantError.new, "exit status #{status}: #{command}" if options[:error_check] && status != 0
      status
    end

    def sudo(command, options = nil, &block)
      execute(command, (options || {}).merge(sudo: true), &block)
    end

    def test(command, options = nil)
      execute(command, { error_check: false }.merge(options || {})).zero?
    end

    def reset!; end
  end
end
