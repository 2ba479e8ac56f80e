//! Which rights a script's calls of kubectl need.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Resources by the words that kubectl takes for them: plural, group, and the other words.
const RESOURCES: [(&str, &str, &[&str]); 21] = [
    ("pods", "", &["pod", "po"]),
    ("services", "", &["service", "svc"]),
    ("configmaps", "", &["configmap", "cm"]),
    ("secrets", "", &["secret"]),
    ("events", "", &["event", "ev"]),
    ("persistentvolumeclaims", "", &["persistentvolumeclaim", "pvc"]),
    ("serviceaccounts", "", &["serviceaccount", "sa"]),
    ("replicationcontrollers", "", &["replicationcontroller", "rc"]),
    ("resourcequotas", "", &["resourcequota", "quota"]),
    ("limitranges", "", &["limitrange", "limits"]),
    ("deployments", "apps", &["deployment", "deploy"]),
    ("statefulsets", "apps", &["statefulset", "sts"]),
    ("replicasets", "apps", &["replicaset", "rs"]),
    ("daemonsets", "apps", &["daemonset", "ds"]),
    ("jobs", "batch", &["job"]),
    ("cronjobs", "batch", &["cronjob", "cj"]),
    ("ingresses", "networking.k8s.io", &["ingress", "ing"]),
    ("networkpolicies", "networking.k8s.io", &["networkpolicy", "netpol"]),
    ("horizontalpodautoscalers", "autoscaling", &["horizontalpodautoscaler", "hpa"]),
    ("poddisruptionbudgets", "policy", &["poddisruptionbudget", "pdb"]),
    ("roles", "rbac.authorization.k8s.io", &["role"]),
];

/// Flags that take the word after them.
const WITH_VALUE: [&str; 37] = [
    "-n",
    "--namespace",
    "-o",
    "--output",
    "-l",
    "--selector",
    "-f",
    "--filename",
    "-k",
    "--kustomize",
    "-c",
    "--container",
    "--context",
    "--cluster",
    "--kubeconfig",
    "--user",
    "--token",
    "-s",
    "--server",
    "--timeout",
    "--for",
    "--field-selector",
    "--sort-by",
    "--as",
    "--tail",
    "--since",
    "--type",
    "-p",
    "--patch",
    "--replicas",
    "--image",
    "--from-file",
    "--from-literal",
    "--grace-period",
    "--template",
    "--request-timeout",
    "--certificate-authority",
];

/// A resource with its group.
type Named = (&'static str, &'static str);

/// What a call needs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Rights {
    /// Verbs by group and resource.
    pub(super) rules: BTreeMap<(String, String), BTreeSet<&'static str>>,
    /// What a build can only be given in a chain that trusts it.
    pub(super) trusted: bool,
}

/// What one call comes to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KubectlCall {
    /// It can be told.
    Needs(Rights),
    /// It makes what a file holds, which nobody has looked at: with these verbs.
    OfFile(&'static [&'static str]),
    /// It goes where no build gets: why.
    Beyond(String),
    /// It cannot be told: why.
    Untold(String),
    /// It asks the API server for nothing that a Role grants.
    Nothing,
}

/// The call behind `kubectl`. `own`: whether a word names the build's own namespace.
pub(super) fn call(words: &[String], own: impl Fn(&str) -> bool) -> KubectlCall {
    let CallLine { positional, namespace, everywhere, from_file, watches } = CallLine::read(words);
    if everywhere {
        return KubectlCall::Beyond(
            "it asks for every namespace, and a build has rights in its own alone".to_owned(),
        );
    }
    if let Some(other) = namespace.filter(|name| !own(name)) {
        return KubectlCall::Beyond(format!(
            "it goes to namespace {other}, and a build has rights in its own alone"
        ));
    }
    let Some((verb, rest)) = positional.split_first() else { return KubectlCall::Nothing };
    let verbs: &[&'static str] = match *verb {
        "get" if watches => &["get", "list", "watch"],
        "get" | "describe" => &["get", "list"],
        "wait" | "rollout" => &["get", "list", "watch"],
        "delete" => &["delete", "get", "list", "watch"],
        "create" => &["create", "get"],
        "apply" | "replace" | "edit" => &["create", "get", "patch", "update"],
        "label" | "annotate" | "patch" | "set" | "scale" => &["get", "patch"],
        "logs" => return logs(rest),
        "exec" | "cp" | "attach" | "port-forward" | "debug" => return into_pods(verb),
        "run" => {
            return KubectlCall::Needs(of(&[("pods", "")], &["create", "get", "list", "watch", "delete"]));
        }
        "config" | "version" | "api-resources" | "api-versions" | "explain" | "completion" | "kustomize"
        | "options" | "help" | "plugin" | "diff" => return KubectlCall::Nothing,
        other => return KubectlCall::Untold(format!("what `{other}` needs is not known here")),
    };
    if from_file {
        return KubectlCall::OfFile(verbs);
    }
    // what these do is one word more
    let words_of_its_own = usize::from(matches!(*verb, "rollout" | "set")).min(rest.len());
    let rest = &rest[words_of_its_own..];
    let mut rights = match resources(rest) {
        Ok(named) if named.is_empty() => return KubectlCall::Untold("it names no resource".to_owned()),
        Ok(named) => of(&named, verbs),
        Err(word) => return unknown(&word),
    };
    match (*verb, positional.get(1)) {
        // what happened to it is told, too
        ("describe", _) => merge(&mut rights, of(&[("events", "")], &["list"])),
        ("rollout", Some(&("restart" | "undo"))) => {
            for verbs in rights.rules.values_mut() {
                verbs.insert("patch");
            }
        }
        _ => {}
    }
    KubectlCall::Needs(rights)
}

struct CallLine<'w> {
    positional: Vec<&'w str>,
    namespace: Option<&'w str>,
    everywhere: bool,
    from_file: bool,
    watches: bool,
}

impl<'w> CallLine<'w> {
    fn read(words: &'w [String]) -> Self {
        let mut line = Self {
            positional: Vec::new(),
            namespace: None,
            everywhere: false,
            from_file: false,
            watches: false,
        };
        let mut words = words.iter().map(String::as_str);
        while let Some(word) = words.next() {
            if word == "--" {
                break;
            }
            if !word.starts_with('-') || word == "-" {
                line.positional.push(word);
                continue;
            }
            let (flag, value) = match word.split_once('=') {
                Some((flag, value)) => (flag, Some(value)),
                None if WITH_VALUE.contains(&word) => (word, words.next()),
                // `-nNAME`
                None if word.starts_with("-n") && word.len() > 2 && !word.starts_with("--") => {
                    ("-n", Some(&word[2..]))
                }
                None => (word, None),
            };
            match flag {
                "-n" | "--namespace" => line.namespace = value,
                "-A" | "--all-namespaces" => line.everywhere = true,
                "-f" | "--filename" | "-k" | "--kustomize" if !line.positional.contains(&"logs") => {
                    line.from_file = true;
                }
                "-w" | "--watch" => line.watches = true,
                _ => {}
            }
        }
        line
    }
}

/// The resources that a command line names: `job/x`, `jobs,pods`, `job x`.
fn resources(words: &[&str]) -> Result<Vec<Named>, String> {
    let mut all = Vec::new();
    if words.iter().any(|word| word.contains('/')) {
        for word in words.iter().filter(|word| word.contains('/')) {
            let kind = word.split('/').next().unwrap_or_default();
            all.push(resource(kind).ok_or_else(|| kind.to_owned())?);
        }
    } else if let Some(kinds) = words.first() {
        for kind in kinds.split(',') {
            all.push(resource(kind).ok_or_else(|| kind.to_owned())?);
        }
    }
    Ok(all)
}

fn resource(word: &str) -> Option<Named> {
    let word = word.split('.').next().unwrap_or_default().to_lowercase();
    let found =
        RESOURCES.iter().find(|(plural, _, others)| *plural == word || others.contains(&word.as_str()));
    found.map(|(plural, group, _)| (*plural, *group))
}

fn unknown(word: &str) -> KubectlCall {
    if word.contains(['$', '{']) {
        return KubectlCall::Untold("which resource it names is known only when it runs".to_owned());
    }
    match word {
        "all" => KubectlCall::Untold("`all` is many resources: name those that are meant".to_owned()),
        "nodes" | "node" | "no" | "namespaces" | "namespace" | "ns" | "pv" | "persistentvolume"
        | "persistentvolumes" | "clusterrole" | "clusterroles" | "clusterrolebinding" | "storageclass"
        | "sc" | "crd" => KubectlCall::Beyond(format!(
            "{word} belongs to no namespace, and a build has rights in its own alone"
        )),
        _ => KubectlCall::Untold(format!("the resource `{word}` is not one that a pipeline may hold")),
    }
}

fn logs(rest: &[&str]) -> KubectlCall {
    let mut rights = of(&[("pods", "")], &["get", "list"]);
    merge(&mut rights, of(&[("pods/log", "")], &["get"]));
    if rest.iter().any(|word| word.contains('/')) {
        match resources(rest) {
            Ok(named) => merge(&mut rights, of(&named, &["get"])),
            Err(word) => return unknown(&word),
        }
    }
    KubectlCall::Needs(rights)
}

/// What reaches into a pod could take an agent's place.
fn into_pods(verb: &str) -> KubectlCall {
    let resource = match verb {
        "attach" => "pods/attach",
        "port-forward" => "pods/portforward",
        "debug" => "pods/ephemeralcontainers",
        _ => "pods/exec",
    };
    let verbs: &[&'static str] = if verb == "debug" { &["get", "patch"] } else { &["create"] };
    let mut rights = of(&[(resource, "")], verbs);
    merge(&mut rights, of(&[("pods", "")], &["get", "list"]));
    rights.trusted = true;
    KubectlCall::Needs(rights)
}

/// Verbs on resources.
pub(super) fn of(named: &[Named], verbs: &[&'static str]) -> Rights {
    let mut rights = Rights::default();
    for (resource, group) in named {
        let key = ((*group).to_owned(), (*resource).to_owned());
        rights.rules.entry(key).or_default().extend(verbs);
    }
    rights
}

pub(super) fn merge(into: &mut Rights, more: Rights) {
    into.trusted |= more.trusted;
    for (key, verbs) in more.rules {
        into.rules.entry(key).or_default().extend(verbs);
    }
}

impl Rights {
    /// As the rules of a Role.
    pub(super) fn yaml(&self) -> String {
        // resources that share group and verbs share a rule
        let mut rules: BTreeMap<(&str, &BTreeSet<&'static str>), Vec<&str>> = BTreeMap::new();
        for ((group, resource), verbs) in &self.rules {
            rules.entry((group, verbs)).or_default().push(resource);
        }
        let mut text = String::new();
        for ((group, verbs), resources) in rules {
            let group = if group.is_empty() { "\"\"" } else { group };
            let verbs: Vec<&str> = verbs.iter().copied().collect();
            let (resources, verbs) = (resources.join(", "), verbs.join(", "));
            let _ = write!(text, "- apiGroups: [{group}]\n  resources: [{resources}]\n  verbs: [{verbs}]\n");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> String {
        let words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        match call(&words, |name| name.starts_with('$')) {
            KubectlCall::Needs(rights) => {
                let rules = rights.rules.iter().map(|((group, resource), verbs)| {
                    let verbs: Vec<&str> = verbs.iter().copied().collect();
                    let dot = if group.is_empty() { "" } else { "." };
                    format!("{resource}{dot}{group}: {}", verbs.join(" "))
                });
                rules.collect::<Vec<_>>().join("; ") + if rights.trusted { "; trusted" } else { "" }
            }
            KubectlCall::OfFile(verbs) => format!("file: {}", verbs.join(" ")),
            KubectlCall::Beyond(why) => format!("beyond: {why}"),
            KubectlCall::Untold(why) => format!("untold: {why}"),
            KubectlCall::Nothing => String::new(),
        }
    }

    #[test]
    fn a_call_needs_what_kubectl_asks_for() {
        for (line, expected) in [
            ("--namespace $NS get job/x -o jsonpath={.status}", "jobs.batch: get list"),
            ("get pods -w", "pods: get list watch"),
            ("delete -n $NS deploy a", "deployments.apps: delete get list watch"),
            ("logs job/x -f", "pods: get list; pods/log: get; jobs.batch: get"),
            ("logs mypod", "pods: get list; pods/log: get"),
            ("describe job/x", "events: list; jobs.batch: get list"),
            ("wait --for=condition=complete job/x --timeout 60s", "jobs.batch: get list watch"),
            ("rollout restart deployment/x", "deployments.apps: get list patch watch"),
            ("create configmap a --from-file b", "configmaps: create get"),
            ("create -f -", "file: create get"),
            ("apply -k dir", "file: create get patch update"),
            ("get cm,secrets", "configmaps: get list; secrets: get list"),
            ("get jobs.batch", "jobs.batch: get list"),
            ("exec p -- ls", "pods: get list; pods/exec: create; trusted"),
            ("version", ""),
            ("", "untold: what `` needs is not known here"),
            ("get nodes", "beyond: nodes belongs to no namespace, and a build has rights in its own alone"),
            ("get pods -A", "beyond: it asks for every namespace, and a build has rights in its own alone"),
            ("get po -nother", "beyond: it goes to namespace other, and a build has rights in its own alone"),
            ("get $WHAT", "untold: which resource it names is known only when it runs"),
            ("get foos", "untold: the resource `foos` is not one that a pipeline may hold"),
            ("frobnicate", "untold: what `frobnicate` needs is not known here"),
            ("delete", "untold: it names no resource"),
        ] {
            assert_eq!(told(line), expected, "{line}");
        }
    }

    #[test]
    fn resources_with_the_same_verbs_share_a_rule() {
        let mut rights = of(&[("pods", ""), ("secrets", "")], &["get"]);
        merge(&mut rights, of(&[("jobs", "batch")], &["create", "get"]));
        assert_eq!(
            rights.yaml(),
            "- apiGroups: [\"\"]\n  resources: [pods, secrets]\n  verbs: [get]\n- apiGroups: [batch]\n  resources: [jobs]\n  \
             verbs: [create, get]\n"
        );
    }
}
