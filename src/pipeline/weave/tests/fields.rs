//! Fields whose value is not what the API server takes there, across kinds.

use super::*;

/// A document of a kind; `rest` follows its name.
fn object(api_version: &str, kind: &str, rest: &str) -> String {
    with(&format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: other}}\n{rest}"))
}

fn of_pod(fields: &str) -> String {
    object("v1", "Pod", &format!("spec: {{containers: [{{name: a, image: b}}], {fields}}}"))
}

fn of_container(fields: &str) -> String {
    object("v1", "Pod", &format!("spec: {{containers: [{{name: a, image: b, {fields}}}]}}"))
}

fn of_volume(fields: &str) -> String {
    of_pod(&format!("volumes: [{{name: v, {fields}}}]"))
}

fn of_spec(api_version: &str, kind: &str, fields: &str) -> String {
    object(api_version, kind, &format!("spec: {{{fields}}}"))
}

const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// A document, what of it is wrong, and what is right in its place; with what is said of it, and what is to be written.
type Row = (fn(&str) -> String, &'static str, &'static str, &'static str, &'static str);

const SCALARS: &[Row] = &[
    // strings
    (
        of_container,
        "livenessProbe: {httpGet: {port: 80, path: 7}}",
        "livenessProbe: {httpGet: {port: 80, path: \"7\"}}",
        "livenessProbe.httpGet.path is 7, not a string",
        "write path: \"7\"",
    ),
    (
        of_container,
        "command: [echo, no]",
        "command: [echo, \"no\"]",
        "command[1] is no, which reads as false, not a string",
        "write \"no\"",
    ),
    (
        of_container,
        "terminationMessagePath: 1.10",
        "terminationMessagePath: /1.10",
        "terminationMessagePath is 1.10, which reads as 1.1",
        "write terminationMessagePath: \"1.10\"",
    ),
    (
        of_container,
        "ports: [{containerPort: 80, protocol: on}]",
        "ports: [{containerPort: 80, protocol: TCP}]",
        "ports[0].protocol is on, which reads as true",
        "write protocol: \"on\"",
    ),
    (
        of_container,
        "securityContext: {capabilities: {drop: [1]}}",
        "securityContext: {capabilities: {drop: [ALL]}}",
        "securityContext.capabilities.drop[0] is 1",
        "write \"1\"",
    ),
    (
        of_pod,
        "hostAliases: [{ip: 10, hostnames: [a]}]",
        "hostAliases: [{ip: 10.0.0.1, hostnames: [a]}]",
        "hostAliases[0].ip is 10",
        "write ip: \"10\"",
    ),
    (
        of_pod,
        "priorityClassName: 0644",
        "priorityClassName: a",
        "priorityClassName is 0644, which reads as 420",
        "write priorityClassName: \"0644\"",
    ),
    (
        of_pod,
        "topologySpreadConstraints: [{maxSkew: 1, topologyKey: y, whenUnsatisfiable: x}]",
        "topologySpreadConstraints: [{maxSkew: 1, topologyKey: z, whenUnsatisfiable: x}]",
        "topologySpreadConstraints[0].topologyKey is y, which reads as true",
        "write topologyKey: \"y\"",
    ),
    (
        of_volume,
        "nfs: {server: 1, path: /}",
        "nfs: {server: a, path: /}",
        "volumes[0].nfs.server is 1",
        "write server: \"1\"",
    ),
    (
        of_volume,
        "csi: {driver: a, volumeAttributes: {size: 1}}",
        "csi: {driver: a, volumeAttributes: {size: \"1\"}}",
        "csi.volumeAttributes: size is 1",
        "write size: \"1\"",
    ),
    // booleans
    (
        of_container,
        "tty: \"yes\"",
        "tty: yes",
        "containers[0].tty is \"yes\", not a boolean",
        "write tty: true",
    ),
    (
        of_container,
        "stdin: \"false\"",
        "stdin: false",
        "containers[0].stdin is \"false\", not a boolean",
        "write stdin: false",
    ),
    (
        of_container,
        "securityContext: {privileged: 1}",
        "securityContext: {privileged: off}",
        "securityContext.privileged is 1, not a boolean",
        "write privileged: true or privileged: false",
    ),
    (
        of_pod,
        "hostNetwork: nope",
        "hostNetwork: n",
        "spec.hostNetwork is \"nope\", not a boolean",
        "write hostNetwork: true or hostNetwork: false",
    ),
    (
        of_pod,
        "automountServiceAccountToken: \"False\"",
        "automountServiceAccountToken: False",
        "automountServiceAccountToken is \"False\"",
        "write automountServiceAccountToken: false",
    ),
    (
        of_volume,
        "secret: {secretName: a, optional: \"true\"}",
        "secret: {secretName: a, optional: true}",
        "volumes[0].secret.optional is \"true\"",
        "write optional: true",
    ),
    // whole numbers
    (
        of_pod,
        "securityContext: {runAsUser: \"1000\"}",
        "securityContext: {runAsUser: 1000}",
        "spec.securityContext.runAsUser is \"1000\", not a whole number",
        "write runAsUser: 1000",
    ),
    (
        of_pod,
        "securityContext: {supplementalGroups: [\"7\"]}",
        "securityContext: {supplementalGroups: [7]}",
        "supplementalGroups[0] is \"7\", not a whole number",
        "write 7",
    ),
    (
        of_pod,
        "terminationGracePeriodSeconds: 30s",
        "terminationGracePeriodSeconds: 30",
        "terminationGracePeriodSeconds is \"30s\"",
        "write a whole number",
    ),
    (
        of_pod,
        "activeDeadlineSeconds: 1.5",
        "activeDeadlineSeconds: 1.0",
        "activeDeadlineSeconds is 1.5, not a whole number",
        "write a whole number",
    ),
    (
        of_container,
        "ports: [{containerPort: \"80\"}]",
        "ports: [{containerPort: 80}]",
        "ports[0].containerPort is \"80\"",
        "write containerPort: 80",
    ),
    (
        of_container,
        "readinessProbe: {periodSeconds: yes}",
        "readinessProbe: {periodSeconds: 1e1}",
        "readinessProbe.periodSeconds is yes, which reads as true, not a whole number",
        "write a whole number",
    ),
    (
        of_volume,
        "configMap: {name: a, defaultMode: \"0644\"}",
        "configMap: {name: a, defaultMode: 0644}",
        "configMap.defaultMode is \"0644\"",
        "write defaultMode: 0644",
    ),
    // either
    (
        of_container,
        "livenessProbe: {tcpSocket: {port: true}}",
        "livenessProbe: {tcpSocket: {port: http}}",
        "tcpSocket.port is true, not a whole number or a string",
        "or a string in quotes",
    ),
    (
        of_container,
        "livenessProbe: {tcpSocket: {port: 8.5}}",
        "livenessProbe: {tcpSocket: {port: 8}}",
        "tcpSocket.port is 8.5, not a whole number or a string",
        "or a string in quotes",
    ),
    // quantities
    (
        of_container,
        "resources: {limits: {cpu: true}}",
        "resources: {limits: {cpu: 2}}",
        "resources.limits: cpu is true, not a quantity",
        "with a unit such as",
    ),
    (
        of_container,
        "resources: {requests: {memory: {a: b}}}",
        "resources: {requests: {memory: 1.5, cpu: 500m}}",
        "resources.requests: memory is a mapping, not a quantity",
        "with a unit such as",
    ),
    (
        of_volume,
        "emptyDir: {sizeLimit: []}",
        "emptyDir: {sizeLimit: 1Gi}",
        "emptyDir.sizeLimit is a list, not a quantity",
        "with a unit such as",
    ),
];

#[test]
fn a_scalar_is_refused_in_every_field_of_a_pod_that_takes_another_kind_of_value() {
    for (document, wrong, right, says, hint) in SCALARS {
        refused(&document(wrong), &[says, hint]);
        good(&document(right));
    }
}

#[track_caller]
fn refused(text: &str, says: &[&str]) {
    let Err(faults) = woven(text, &settings()) else { panic!("not refused: {text}") };
    let all = shown(&faults);
    assert_eq!(faults.len(), 1, "{text}\n{all}");
    assert!(faults[0].place.as_ref().is_some_and(|place| place.line > 1 && place.column > 0), "{all}");
    for words in says {
        assert!(all.contains(words), "{words:?} is not in:\n{all}");
    }
}

#[test]
fn a_field_is_held_against_its_type_in_every_kind() {
    let apps = |kind: &str, fields: &str| of_spec("apps/v1", kind, fields);
    for (wrong, right, says) in [
        (
            of_spec("v1", "Service", "type: 1, ports: [{port: 80}]"),
            of_spec("v1", "Service", "type: NodePort, ports: [{port: 80, targetPort: http}]"),
            "spec.type is 1, not a string",
        ),
        (
            of_spec("v1", "Service", "ports: [{port: \"80\"}]"),
            of_spec("v1", "Service", "ports: [{port: 80, targetPort: 0x50}]"),
            "spec.ports[0].port is \"80\", not a whole number",
        ),
        (
            of_spec("v1", "PersistentVolumeClaim", "accessModes: ReadWriteOnce"),
            of_spec(
                "v1",
                "PersistentVolumeClaim",
                "accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}",
            ),
            "write accessModes: [\"ReadWriteOnce\"]",
        ),
        (
            of_spec("v1", "ResourceQuota", "hard: [pods]"),
            of_spec("v1", "ResourceQuota", "hard: {pods: 4}"),
            "spec.hard is a list, not a mapping",
        ),
        (
            of_spec("v1", "LimitRange", "limits: [{type: 1}]"),
            of_spec("v1", "LimitRange", "limits: [{type: Container, max: {cpu: 1}}]"),
            "spec.limits[0].type is 1",
        ),
        (
            of_spec("v1", "ReplicationController", "replicas: \"1\""),
            of_spec("v1", "ReplicationController", "replicas: 1"),
            "spec.replicas is \"1\", not a whole number",
        ),
        (
            object("v1", "ServiceAccount", "automountServiceAccountToken: \"no\""),
            object("v1", "ServiceAccount", "automountServiceAccountToken: no"),
            "automountServiceAccountToken is \"no\", not a boolean",
        ),
        (
            object("v1", "ServiceAccount", "imagePullSecrets: [pull]"),
            object("v1", "ServiceAccount", "imagePullSecrets: [{name: pull}]"),
            "imagePullSecrets[0] is \"pull\", not a mapping",
        ),
        (
            object("v1", "ConfigMap", "immutable: \"true\""),
            object("v1", "ConfigMap", "immutable: true"),
            "immutable is \"true\", not a boolean",
        ),
        (
            object("v1", "Secret", "type: 7"),
            object("v1", "Secret", "type: Opaque"),
            "type is 7, not a string",
        ),
        (
            apps("StatefulSet", "serviceName: 1"),
            apps("StatefulSet", "serviceName: a"),
            "spec.serviceName is 1, not a string",
        ),
        (
            apps("StatefulSet", "volumeClaimTemplates: [{metadata: {name: d}, spec: {storageClassName: 1}}]"),
            apps(
                "StatefulSet",
                "volumeClaimTemplates: [{metadata: {name: d}, spec: {storageClassName: a}, status: {phase: 7}}]",
            ),
            "spec.volumeClaimTemplates[0].spec.storageClassName is 1",
        ),
        (
            apps("DaemonSet", "updateStrategy: {rollingUpdate: {maxUnavailable: 1.5}}"),
            apps("DaemonSet", "updateStrategy: {rollingUpdate: {maxUnavailable: 10%}}"),
            "maxUnavailable is 1.5, not a whole number or a string",
        ),
        (
            apps("ReplicaSet", "minReadySeconds: 3000000000"),
            apps("ReplicaSet", "minReadySeconds: 2147483647"),
            "is 3000000000, not a number that fits there",
        ),
        (
            apps("Deployment", "strategy: Recreate"),
            apps("Deployment", "strategy: {type: Recreate}"),
            "spec.strategy is \"Recreate\", not a mapping",
        ),
        (
            of_spec("batch/v1", "Job", "backoffLimit: \"4\""),
            of_spec("batch/v1", "Job", "backoffLimit: 4"),
            "spec.backoffLimit is \"4\"",
        ),
        (
            of_spec("batch/v1", "CronJob", "schedule: 5"),
            of_spec("batch/v1", "CronJob", "schedule: 5 4 * * *"),
            "spec.schedule is 5, not a string",
        ),
        (
            of_spec("batch/v1", "CronJob", "suspend: \"on\""),
            of_spec("batch/v1", "CronJob", "suspend: on"),
            "spec.suspend is \"on\", not a boolean",
        ),
        (
            of_spec("networking.k8s.io/v1", "Ingress", "rules: {host: a}"),
            of_spec("networking.k8s.io/v1", "Ingress", "rules: [{host: a}]"),
            "spec.rules is a mapping, not a list",
        ),
        (
            of_spec("networking.k8s.io/v1", "Ingress", "tls: [{hosts: a.example.com}]"),
            of_spec("networking.k8s.io/v1", "Ingress", "tls: [{hosts: [a.example.com]}]"),
            "write hosts: [\"a.example.com\"]",
        ),
        (
            of_spec("networking.k8s.io/v1", "NetworkPolicy", "podSelector: {}, policyTypes: [1]"),
            of_spec("networking.k8s.io/v1", "NetworkPolicy", "podSelector: {}, policyTypes: [Ingress]"),
            "spec.policyTypes[0] is 1",
        ),
        (
            of_spec("policy/v1", "PodDisruptionBudget", "minAvailable: [1]"),
            of_spec("policy/v1", "PodDisruptionBudget", "minAvailable: 50%"),
            "spec.minAvailable is a list, not a whole number or a string",
        ),
        (
            of_spec("autoscaling/v2", "HorizontalPodAutoscaler", "maxReplicas: \"4\""),
            of_spec("autoscaling/v2", "HorizontalPodAutoscaler", "maxReplicas: 4"),
            "spec.maxReplicas is \"4\"",
        ),
        (
            of_spec("autoscaling/v2", "HorizontalPodAutoscaler", "metrics: [{type: yes}]"),
            of_spec(
                "autoscaling/v2",
                "HorizontalPodAutoscaler",
                "metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 80}}}]",
            ),
            "spec.metrics[0].type is yes, which reads as true",
        ),
        (
            of_spec("autoscaling/v1", "HorizontalPodAutoscaler", "targetCPUUtilizationPercentage: 80%"),
            of_spec("autoscaling/v1", "HorizontalPodAutoscaler", "targetCPUUtilizationPercentage: 80"),
            "targetCPUUtilizationPercentage is \"80%\"",
        ),
        (
            object(RBAC, "Role", "rules: [{apiGroups: [\"\"], resources: [pods], verbs: get}]"),
            object(RBAC, "Role", "rules: [{apiGroups: [\"\"], resources: [pods], verbs: [get]}]"),
            "write verbs: [\"get\"]",
        ),
        (
            object(RBAC, "Role", "rules: [{apiGroups: [\"\"], resources: [pods], verbs: [on]}]"),
            object(RBAC, "Role", "rules: []"),
            "rules[0].verbs[0] is on, which reads as true",
        ),
        (
            object(RBAC, "RoleBinding", "roleRef: r\nsubjects: [{kind: ServiceAccount, name: a}]"),
            object(
                RBAC,
                "RoleBinding",
                "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: r}\nsubjects: [{kind: ServiceAccount, name: a}]",
            ),
            "roleRef is \"r\", not a mapping",
        ),
        (
            object(
                RBAC,
                "RoleBinding",
                "roleRef: {kind: Role, name: r}\nsubjects: {kind: ServiceAccount, name: a}",
            ),
            object(
                RBAC,
                "RoleBinding",
                "roleRef: {kind: Role, name: r}\nsubjects: [{kind: ServiceAccount, name: a}]",
            ),
            "subjects is a mapping, not a list",
        ),
        (
            object("v1", "Event", "involvedObject: {}\ncount: \"1\""),
            object("v1", "Event", "involvedObject: {}\ncount: 1"),
            "count is \"1\"",
        ),
        (
            object("events.k8s.io/v1", "Event", "eventTime: 7"),
            object("events.k8s.io/v1", "Event", "eventTime: 2026-01-01T00:00:00.000000Z"),
            "eventTime is 7, not a string",
        ),
        (
            with("apiVersion: v1\nkind: Namespace\nmetadata: {name: x, annotations: {a: 1}}"),
            with("apiVersion: v1\nkind: Namespace\nmetadata: {name: x, annotations: {a: \"1\"}}"),
            "metadata.annotations: a is 1",
        ),
        (
            with("apiVersion: v1\nkind: ConfigMap\nmetadata: other"),
            object("v1", "ConfigMap", ""),
            "metadata is \"other\", not a mapping",
        ),
    ] {
        refused(&wrong, &[says]);
        good(&right);
    }
}

#[test]
fn a_list_where_a_mapping_belongs_and_the_reverse_is_told_once() {
    let build = |from: &str, to: &str| least(from, to);
    for (text, says) in [
        (of_container("env: {A: b}"), ["containers[0].env is a mapping, not a list", "after `- `"]),
        (
            of_container("args: make"),
            ["containers[0].args is \"make\", not a list", "write args: [\"make\"]"],
        ),
        (of_container("command: 7"), ["containers[0].command is 7, not a list", "write command: [\"7\"]"]),
        (
            of_container("resources: [a]"),
            ["containers[0].resources is a list, not a mapping", "`name: value`"],
        ),
        (of_volume("emptyDir: \"\""), ["volumes[0].emptyDir is \"\", not a mapping", "`name: value`"]),
        (of_pod("tolerations: {key: a}"), ["spec.tolerations is a mapping, not a list", "after `- `"]),
        (of_pod("nodeSelector: gpu"), ["spec.nodeSelector is \"gpu\", not a mapping", "`name: \"value\"`"]),
        (
            object("v1", "Pod", "spec: {containers: [a]}"),
            ["spec.containers[0] is \"a\", not a mapping", "`name: value`"],
        ),
        (object("v1", "Pod", "spec: a"), ["spec is \"a\", not a mapping", "`name: value`"]),
        // of the build workload, too
        (
            build("      containers:\n      - name", "      containers:\n        name"),
            ["spec.template.spec.containers is a mapping", "after `- `"],
        ),
        (
            build("    spec:\n      containers:\n", "    spec:\n    - containers:\n"),
            ["spec.template.spec is a list", "`name: value`"],
        ),
        (
            object("v1", "ConfigMap", &format!("immutable: {}", "long ".repeat(20))),
            ["immutable is \"long long", "\" …, not a boolean"],
        ),
    ] {
        refused(&text, &says);
    }
}

#[test]
fn what_the_server_takes_is_taken() {
    for text in [
        // a field that is null is one that is left out
        of_container(
            "command: , env: ~, tty: , securityContext: , resources: {limits: }, livenessProbe: null",
        ),
        of_pod("securityContext: {runAsUser: , supplementalGroups: ~}, nodeSelector: , volumes: "),
        object("v1", "ConfigMap", "immutable:\ndata:"),
        with("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other, creationTimestamp: null, labels: }"),
        // a newer server may have it, and a status is not read
        of_pod("fieldOfTomorrow: {a: [1, yes]}, containersOfTomorrow: 7"),
        of_container("resizePolicy: [{fieldOfTomorrow: 1}]"),
        object("v1", "Pod", "spec: {containers: [{name: a, image: b}]}\nstatus: {phase: 7}"),
        with("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other, managedFields: [{manager: 7}]}"),
        // numbers as kubectl reads them
        of_pod("securityContext: {runAsUser: 1_000, runAsGroup: 0x3e8, fsGroup: 1e3}"),
        of_pod("terminationGracePeriodSeconds: 30.0, activeDeadlineSeconds: 9223372036854775807"),
        // JSON, whose numbers keep their fraction
        with(
            "{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {\"name\": \"other\"}, \"spec\": {\"ports\": [{\"port\": 80.0, \"targetPort\": 8e1}]}}",
        ),
        of_container(
            "resources: {limits: {cpu: 1e3, memory: \" 1Gi \", example.com/gpu: 1, ephemeral-storage: }}",
        ),
        object("v1", "Secret", "data: {a: AAEC, b: \"\", c: |\n  AA\n  EC\n}").replace(
            "{a: AAEC, b: \"\", c: |\n  AA\n  EC\n}",
            "\n  a: AAEC\n  b: \"\"\n  c: |\n    AA\n    EC",
        ),
        object("v1", "ConfigMap", "binaryData: {a: AAEC}\ndata: {b.c_d-E9: \"\", \"1\": x, .hidden: v}"),
    ] {
        good(&text);
    }
}

#[test]
fn what_is_no_base64_is_told_with_the_field_for_plain_text() {
    refused(
        &object("v1", "Secret", "data: {pin: sword-fish}"),
        &["data: pin is a text, not base64", "as it is under stringData"],
    );
    refused(
        &object("v1", "ConfigMap", "binaryData: {a: b}"),
        &["binaryData: a is \"b\", not base64", "as it is under data"],
    );
}

#[test]
fn keys_of_data_that_no_server_takes() {
    let long = "k".repeat(254);
    for (kind, rest, says) in [
        ("ConfigMap", "data: {\"a_B c\": x}".to_owned(), "data: the key \"a_B c\" has ' '; only letters"),
        ("ConfigMap", "data: {a/b: x}".to_owned(), "data: the key \"a/b\" has '/'"),
        ("ConfigMap", "binaryData: {ä: AAEC}".to_owned(), "binaryData: the key \"ä\" has 'ä'"),
        (
            "ConfigMap",
            "binaryData: {a: AAEC}\ndata: {a: x}".to_owned(),
            "binaryData: the key \"a\" is in data, too",
        ),
        ("Secret", "stringData: {\"..\": x}".to_owned(), "stringData: the key \"..\" stands for a folder"),
        (
            "Secret",
            "stringData: {..a: x}".to_owned(),
            "stringData: the key \"..a\" stands for a folder, or begins with ..",
        ),
        ("Secret", "data: {\"\": AAEC}".to_owned(), "data: the key \"\" is empty"),
        ("Secret", format!("stringData: {{{long}: x}}"), "has 254 characters; at most 253 fit"),
    ] {
        refused(&object("v1", kind, &rest), &[says, "rename it"]);
    }
    good(
        &object("v1", "Secret", &format!("stringData: {{{}: x, ...: y}}", &long[1..]))
            .replace(", ...: y", ""),
    );
}

#[test]
fn names_that_no_server_takes() {
    let named = |api_version: &str, kind: &str, name: &str| {
        with(&format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: {name}}}"))
    };
    for (api_version, kind, name, says) in [
        ("v1", "ConfigMap", "aB", "its name \"aB\" has 'B'; only a-z, 0-9, '-' and '.' are allowed"),
        ("v1", "ConfigMap", "a_b", "its name \"a_b\" has '_'"),
        ("v1", "Secret", "\"a b\"", "its name \"a b\" has ' '"),
        (
            "apps/v1",
            "Deployment",
            "a..b",
            "its name \"a..b\" has no letter or digit at an end, or beside a dot",
        ),
        ("batch/v1", "Job", "-a", "its name \"-a\" has no letter or digit at an end"),
        ("v1", "Pod", "a-", "its name \"a-\" has no letter or digit at an end"),
        ("v1", "Service", "a.b", "its name \"a.b\" has '.'; only a-z, 0-9 and '-' are allowed"),
        (RBAC, "Role", "a/b", "its name \"a/b\" has '/'"),
        (RBAC, "Role", "a%b", "its name \"a%b\" has '%'"),
        (RBAC, "Role", "..", "its name \"..\" stands for a folder in a path"),
    ] {
        refused(&named(api_version, kind, name), &[says, "rename it"]);
    }
    for (api_version, kind, name) in [
        ("v1", "ConfigMap", "a.b-c.9"),
        ("v1", "ServiceAccount", "1a"),
        ("v1", "Service", "1a"),
        (RBAC, "Role", "\"A:b_C d\""),
    ] {
        good(&named(api_version, kind, name));
    }
}

#[test]
fn a_number_in_quotes_is_told_as_it_is_to_be_written() {
    for (written, hint) in [
        ("\"1000\"", "write replicas: 1000"),
        ("\"0x10\"", "write replicas: 0x10"),
        ("\" 1\"", "write a whole number"),
        ("\"1.5\"", "write a whole number"),
        ("\"3000000000\"", "write a whole number"),
        ("one", "write a whole number"),
        ("", "write a whole number"),
    ] {
        let text = of_spec("apps/v1", "StatefulSet", &format!("replicas: {written}"));
        match written {
            "" => drop(good(&text)),
            _ => refused(&text, &["spec.replicas is \"", hint]),
        }
    }
}

#[test]
fn a_quantity_is_a_number_and_a_unit_that_the_server_knows() {
    let limit = |memory: &str| of_container(&format!("resources: {{limits: {{memory: {memory}}}}}"));
    for memory in
        ["4GB", "512mb", "1 Gi", "1gi", "Gi", "\"\"", "1.2.3", "1e", ".", "\"1,5\"", "1Gi2", "1K", "--1"]
    {
        refused(&limit(memory), &["resources.limits: memory is \"", "not a quantity", "with a unit such as"]);
    }
    for memory in [
        "4G",
        "512M",
        "1Gi",
        "1.5Gi",
        "500m",
        "1E",
        "1e3",
        "\"1e3\"",
        "\"12E-2\"",
        "+1Ki",
        "-1",
        ".5",
        "\"5.\"",
        "0",
        "1k",
    ] {
        good(&limit(memory));
    }
}
