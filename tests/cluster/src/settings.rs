//! The command line and the files of every server: what the cluster is. The comments say why a setting is there; what
//! has none is what anybody would expect.

use serde_json::{Value, json};

use crate::cleanup::cgroup_name;
use crate::cluster::Options;
use crate::error::Error;
use crate::part::{Launch, Part};
use crate::state::State;
use crate::tools::Tools;

/// The API server's address. It is the first of the service range as well, so that the Service `kubernetes` leads to it
/// without any proxy, and in-cluster configuration works in pods unmodified.
pub const API_ADDRESS: &str = "127.100.0.1";
/// The API server's URL.
pub const API_URL: &str = "https://127.100.0.1:443";
/// The registry's host and port.
pub const REGISTRY: &str = "127.0.0.1:15000";
/// Host and port of the registry that wants a login, where a test opens one.
pub const LOCKED: &str = "127.0.0.1:15001";
/// The node's name. An address as name passes the kubelet's check, which refuses loopback addresses as `--node-ip`.
pub const NODE: &str = "127.0.0.1";
/// The kubelet's configuration, below the cluster's folder.
pub(crate) const KUBELET: &str = "kubelet.json";
/// The image of every pod's sandbox.
pub const PAUSE: &str = "pause:1";

const SERVICE_RANGE: &str = "127.100.0.0/24";
/// etcd's URL.
pub(crate) const ETCD: &str = "http://127.0.0.1:12379";
const ETCD_PEERS: &str = "http://127.0.0.1:12380";

/// The controllers that a chain needs, without those that serve networks, which the cluster has none of.
/// `node-lifecycle` takes the not-ready taint away, `persistentvolume-binder` ends `Pending` of claims, and the two
/// `-protection` ones let go of storage that is deleted.
const CONTROLLERS: [&str; 21] = [
    "clusterrole-aggregation-controller",
    "cronjob-controller",
    "daemonset-controller",
    "deployment-controller",
    "garbage-collector-controller",
    "job-controller",
    "namespace-controller",
    "node-lifecycle-controller",
    "persistentvolume-binder-controller",
    "persistentvolume-protection-controller",
    "persistentvolumeclaim-protection-controller",
    "pod-garbage-collector-controller",
    "replicaset-controller",
    "replicationcontroller-controller",
    "resourcequota-controller",
    "root-ca-certificate-publisher-controller",
    "serviceaccount-controller",
    "serviceaccount-token-controller",
    "statefulset-controller",
    "taint-eviction-controller",
    "ttl-after-finished-controller",
];

/// Writes every server's configuration file.
pub(crate) fn write(state: &State, tools: &Tools) -> Result<(), Error> {
    state.write("containerd.toml", &containerd(state, tools))?;
    // whatever registry an image names, it is looked for in ours, but for the one that wants a login
    for (name, host) in [("_default", REGISTRY), (LOCKED, LOCKED)] {
        state.write(&format!("certs.d/{name}/hosts.toml"), &looked_for_at(host))?;
    }
    state.write(
        "cni/10-loopback.conflist",
        &json!({"cniVersion": "1.0.0", "name": "loopback", "plugins": [{"type": "cni"}]}).to_string(),
    )?;
    state.write("resolv.conf", "nameserver 127.0.0.53\n")?;
    state.write(KUBELET, &kubelet(state).to_string())?;
    state.write("audit-policy.json", &audit_policy().to_string())
}

/// How a part is started.
pub(crate) fn launch(part: Part, state: &State, tools: &Tools, options: &Options) -> Launch {
    let file = |below: &str| state.path(below).display().to_string();
    let args: Vec<String> = match part {
        Part::Etcd => vec![
            "--name=only".into(),
            format!("--data-dir={}", file("etcd")),
            format!("--listen-client-urls={ETCD}"),
            format!("--advertise-client-urls={ETCD}"),
            format!("--listen-peer-urls={ETCD_PEERS}"),
            format!("--initial-advertise-peer-urls={ETCD_PEERS}"),
            format!("--initial-cluster=only={ETCD_PEERS}"),
            "--unsafe-no-fsync".into(),
            "--log-level=warn".into(),
        ],
        Part::Registry => vec![
            "registry".into(),
            "serve".into(),
            format!("--address={REGISTRY}"),
            format!("--disk={}", file("registry")),
        ],
        Part::Containerd => vec![format!("--config={}", file("containerd.toml"))],
        Part::ApiServer => api_server(state, options),
        Part::ControllerManager => vec![
            format!("--kubeconfig={}", file("pki/controllers.kubeconfig")),
            format!("--authentication-kubeconfig={}", file("pki/controllers.kubeconfig")),
            format!("--authorization-kubeconfig={}", file("pki/controllers.kubeconfig")),
            // each controller under its own name: admission policies tell them from everybody else
            "--use-service-account-credentials=true".into(),
            format!("--service-account-private-key-file={}", file("pki/tokens.key")),
            format!("--root-ca-file={}", file("pki/ca.crt")),
            format!("--controllers={}", CONTROLLERS.join(",")),
            "--bind-address=127.0.0.1".into(),
            "--leader-elect=false".into(),
            "--profiling=false".into(),
        ],
        Part::Scheduler => vec![
            format!("--kubeconfig={}", file("pki/scheduler.kubeconfig")),
            format!("--authentication-kubeconfig={}", file("pki/scheduler.kubeconfig")),
            format!("--authorization-kubeconfig={}", file("pki/scheduler.kubeconfig")),
            "--bind-address=127.0.0.1".into(),
            "--leader-elect=false".into(),
            "--profiling=false".into(),
        ],
        Part::Kubelet => vec![
            format!("--config={}", file(KUBELET)),
            format!("--kubeconfig={}", file("pki/kubelet.kubeconfig")),
            format!("--hostname-override={NODE}"),
            format!("--root-dir={}", file("kubelet")),
            format!("--cert-dir={}", file("kubelet-certs")),
        ],
    };
    let path =
        format!("{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", tools.dir().display());
    Launch { program: tools.program(part.name()), args, path }
}

fn api_server(state: &State, options: &Options) -> Vec<String> {
    let file = |below: &str| state.path(below).display().to_string();
    let mut args = vec![
        format!("--etcd-servers={ETCD}"),
        format!("--bind-address={API_ADDRESS}"),
        format!("--advertise-address={API_ADDRESS}"),
        "--secure-port=443".into(),
        format!("--service-cluster-ip-range={SERVICE_RANGE}"),
        // EndpointSlices refuse loopback addresses
        "--endpoint-reconciler-type=none".into(),
        "--allow-privileged=true".into(),
        "--authorization-mode=Node,RBAC".into(),
        format!("--client-ca-file={}", file("pki/ca.crt")),
        format!("--tls-cert-file={}", file("pki/apiserver.crt")),
        format!("--tls-private-key-file={}", file("pki/apiserver.key")),
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local".into(),
        format!("--service-account-key-file={}", file("pki/tokens.pub")),
        format!("--service-account-signing-key-file={}", file("pki/tokens.key")),
        format!("--kubelet-client-certificate={}", file("pki/apiserver-kubelet.crt")),
        format!("--kubelet-client-key={}", file("pki/apiserver-kubelet.key")),
        format!("--kubelet-certificate-authority={}", file("pki/ca.crt")),
        "--kubelet-preferred-address-types=InternalIP".into(),
        format!("--audit-policy-file={}", file("audit-policy.json")),
        format!("--audit-log-path={}", file("logs/audit.jsonl")),
        // one file for the whole run, however long: its offsets are marks for tests
        "--audit-log-maxsize=100000".into(),
        "--profiling=false".into(),
    ];
    if let Some(limit) = options.max_mutating_requests_inflight {
        args.push(format!("--max-mutating-requests-inflight={limit}"));
    }
    args
}

/// Who asked for what, and what came of it; no bodies.
fn audit_policy() -> Value {
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "omitManagedFields": true,
        "rules": [{"level": "Metadata"}],
    })
}

fn kubelet(state: &State) -> Value {
    json!({
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "127.0.0.1",
        "port": 10250,
        "healthzBindAddress": "127.0.0.1",
        "authentication": {
            "anonymous": {"enabled": false},
            "webhook": {"enabled": true},
            "x509": {"clientCAFile": state.path("pki/ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": state.path("pki/kubelet-server.crt"),
        "tlsPrivateKeyFile": state.path("pki/kubelet-server.key"),
        "containerRuntimeEndpoint": format!("unix://{}", state.path("containerd/containerd.sock").display()),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": format!("/{}", cgroup_name(state)),
        "failCgroupV1": false,
        // as on cgroup v1: the kernel ends the process that takes too much memory, and not its container
        "singleProcessOOMKill": true,
        "failSwapOn": false,
        "makeIPTablesUtilChains": false,
        // below what the machine's own limits allow: neither score nor limit needs to be raised
        "oomScoreAdj": 0,
        "maxOpenFiles": 20000,
        // a full disk of the machine must not evict the pods of a test
        "evictionHard": {
            "memory.available": "0%", "nodefs.available": "0%", "nodefs.inodesFree": "0%",
            "imagefs.available": "0%", "imagefs.inodesFree": "0%",
        },
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "resolvConf": state.path("resolv.conf"),
        "podLogsDir": state.path("kubelet/pod-logs"),
        "volumePluginDir": state.path("kubelet/volume-plugins"),
        "syncFrequency": "10s",
        "clusterDNS": ["127.0.0.53"],
        "clusterDomain": "cluster.local",
    })
}

fn looked_for_at(host: &str) -> String {
    format!(
        "server = \"http://{host}\"\n[host.\"http://{host}\"]\n  capabilities = [\"pull\", \"resolve\"]\n"
    )
}

fn containerd(state: &State, tools: &Tools) -> String {
    let dir = state.dir().display();
    let tools = tools.dir().display();
    format!(
        r#"version = 3
imports = []
root  = "{dir}/containerd/root"
state = "{dir}/containerd/state"

[grpc]
  address = "{dir}/containerd/containerd.sock"

[plugins."io.containerd.internal.v1.opt"]
  path = "{dir}/containerd/opt"

# these two would put files into /run
[plugins."io.containerd.nri.v1.nri"]
  disable = true
[plugins."io.containerd.shim.v1.manager"]
  socket_dir = "{dir}/s"

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "{REGISTRY}/{PAUSE}"
  [plugins."io.containerd.cri.v1.images".registry]
    config_path = "{dir}/certs.d"

[plugins."io.containerd.cri.v1.runtime"]
  # no score below our own can be set from within a container
  restrict_oom_score_adj = true
  # a sysctl of the network may not be set in the namespace that all pods share
  enable_unprivileged_ports = false
  enable_unprivileged_icmp = false
  netns_mounts_under_state_dir = true
  disable_apparmor = true
  disable_hugetlb_controller = true
  tolerate_missing_hugetlb_controller = true
  cdi_spec_dirs = []
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["{tools}"]
    conf_dir = "{dir}/cni"
    use_internal_loopback = true
  [plugins."io.containerd.cri.v1.runtime".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      runtime_path = "{tools}/containerd-shim-runc-v2"
      [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
        BinaryName = "{tools}/runc-noseccomp"
        Root = "{dir}/containerd/runc"
        SystemdCgroup = false

[plugins."io.containerd.grpc.v1.cri"]
  stream_server_address = "127.0.0.1"
"#
    )
}
