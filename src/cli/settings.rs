//! What the person's surroundings say: environment, home directory, terminals.
//!
//! Read once, at the process's edge. A flag always wins over what is found here. Only this file and the room
//! `local` read the environment.

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;

use crate::cluster::options::{InCluster, Preferences, Proxies};
use crate::output::console::StreamStyle;

/// Every variable that steers the program.
pub mod variable {
    /// List of kubeconfig files, as kubectl reads it.
    pub const KUBECONFIG: &str = "KUBECONFIG";
    /// kubectl's preferences; `off` means that there are none.
    pub const KUBERC: &str = "KUBERC";
    /// `false` turns kubectl's preferences off, too.
    pub const KUBECTL_KUBERC: &str = "KUBECTL_KUBERC";
    /// Where programs are looked for.
    pub const PATH: &str = "PATH";
    /// Absolute path of the kubectl that called us, set by kubectl 1.37 and newer.
    pub const KUBECTL_PATH: &str = "KUBECTL_PATH";
    /// No colours, whatever its value, unless it is empty (<https://no-color.org>).
    pub const NO_COLOR: &str = "NO_COLOR";
    /// `dumb` is a terminal without colours, and without a way back on a line.
    pub const TERM: &str = "TERM";
    /// Width for help texts.
    pub const COLUMNS: &str = "COLUMNS";
    /// Proxy of `https` servers; the first that says something wins, as in Go's programs.
    pub const HTTPS_PROXY: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
    /// Proxy of `http` servers.
    pub const HTTP_PROXY: [&str; 2] = ["HTTP_PROXY", "http_proxy"];
    /// Servers that are reached directly.
    pub const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];
    /// Set for a CGI script; whoever sends it a request with a header `Proxy` sets `HTTP_PROXY`, too.
    pub const REQUEST_METHOD: &str = "REQUEST_METHOD";
    /// The chain that is meant where none is named.
    pub const CHAIN: &str = "STUDIOCI_CHAIN";
    /// Host and port of the API server, set by the kubelet in every pod.
    pub const KUBERNETES_SERVICE: [&str; 2] = ["KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"];
}

/// What the surroundings say, before any flag.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProcessSettings {
    /// The kubeconfig files that `KUBECONFIG` names, if it says anything. As for kubectl, a list of empty names says that there
    /// is no file.
    pub kubeconfig: Option<Vec<PathBuf>>,
    /// What is said of kubectl's preferences.
    pub kuberc: KubercSetting,
    /// The folders of `PATH`.
    pub search_path: Vec<PathBuf>,
    /// Where the home directory is looked for.
    pub home: HomeFolder,
    /// The chain that is meant where none is named, if the environment says one.
    pub chain: Option<String>,
    /// Stdout.
    pub stdout: StreamStyle,
    /// Stderr.
    pub stderr: StreamStyle,
    /// Whether a line on stderr may be written over.
    pub live: bool,
    /// Whether a person may be asked.
    pub stdin_terminal: bool,
    /// Whether stdout is a terminal.
    pub stdout_terminal: bool,
    /// Width for help texts, where the environment names one.
    pub columns: Option<usize>,
    /// Proxies.
    pub proxies: Proxies,
    /// The pod that this runs in, if it is one.
    pub pod: Option<InCluster>,
    /// The kubectl that called us.
    pub kubectl: Option<PathBuf>,
}

/// What variables say of kubectl's preferences.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum KubercSetting {
    /// Nothing.
    #[default]
    Unsaid,
    /// They are in this file.
    File(PathBuf),
    /// None count: which variable says so, with its value.
    Off(&'static str),
}

impl KubercSetting {
    fn of(file: Option<OsString>, gate: Option<&str>) -> Self {
        if gate.is_some_and(|gate| gate.eq_ignore_ascii_case("false")) {
            return Self::Off("KUBECTL_KUBERC=false");
        }
        match file {
            Some(file) if file == "off" => Self::Off("KUBERC=off"),
            Some(file) => Self::File(file.into()),
            None => Self::Unsaid,
        }
    }
}

/// Where the home directory is looked for, once somebody needs it.
///
/// Never before: looking it up may read `/etc/nsswitch.conf` and load what that names, and an agent's `tell` runs where a
/// pushed image decides what stands there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HomeFolder {
    /// Where the system says.
    OfProcess,
    /// Here, or nowhere.
    At(Option<PathBuf>),
}

impl Default for HomeFolder {
    fn default() -> Self {
        Self::At(None)
    }
}

impl HomeFolder {
    fn folder(&self) -> Option<PathBuf> {
        match self {
            Self::OfProcess => dirs::home_dir(),
            Self::At(folder) => folder.clone(),
        }
    }

    /// Where programs keep their settings.
    fn settings(&self) -> Option<PathBuf> {
        match self {
            Self::OfProcess => dirs::config_dir(),
            Self::At(folder) => folder.as_ref().map(|home| home.join(".config")),
        }
    }
}

/// Which of the three streams are terminals.
#[derive(Debug, Clone, Copy, Default)]
pub struct Terminals {
    /// Stdin.
    pub stdin: bool,
    /// Stdout.
    pub stdout: bool,
    /// Stderr.
    pub stderr: bool,
}

impl ProcessSettings {
    /// Reads the process's surroundings.
    #[expect(clippy::disallowed_methods, reason = "the one reader of the environment")]
    pub fn from_process() -> Self {
        let terminals = Terminals {
            stdin: std::io::stdin().is_terminal(),
            stdout: std::io::stdout().is_terminal(),
            stderr: std::io::stderr().is_terminal(),
        };
        Self::resolve(&|name| std::env::var_os(name), HomeFolder::OfProcess, terminals)
    }

    /// Settings from given surroundings. An empty variable counts as unset.
    pub fn resolve(env: &dyn Fn(&str) -> Option<OsString>, home: HomeFolder, terminals: Terminals) -> Self {
        let set = |name: &str| env(name).filter(|value| !value.is_empty());
        let text = |name: &str| set(name).and_then(|value| value.into_string().ok());
        let either = |names: [&str; 2]| names.into_iter().find_map(text);
        let kubeconfig = set(variable::KUBECONFIG)
            .map(|list| split_paths(&list).filter(|path| !path.as_os_str().is_empty()).collect());
        let dumb = text(variable::TERM).as_deref() == Some("dumb");
        let colour = set(variable::NO_COLOR).is_none() && !dumb;
        let [host, port] = variable::KUBERNETES_SERVICE;
        let style = |terminal| StreamStyle { colour: terminal && colour };
        Self {
            kubeconfig,
            kuberc: KubercSetting::of(set(variable::KUBERC), text(variable::KUBECTL_KUBERC).as_deref()),
            search_path: set(variable::PATH).map(|list| split_paths(&list).collect()).unwrap_or_default(),
            home,
            chain: text(variable::CHAIN),
            stdout: style(terminals.stdout),
            stderr: style(terminals.stderr),
            live: terminals.stderr && !dumb,
            stdin_terminal: terminals.stdin,
            stdout_terminal: terminals.stdout,
            columns: text(variable::COLUMNS).and_then(|columns| columns.parse().ok()),
            proxies: Proxies {
                https: either(variable::HTTPS_PROXY),
                http: either(variable::HTTP_PROXY),
                none_for: either(variable::NO_PROXY),
                cgi: set(variable::REQUEST_METHOD).is_some(),
            },
            pod: text(host)
                .zip(text(port).and_then(|port| port.parse().ok()))
                .map(|(h, p)| InCluster::at(h, p)),
            kubectl: set(variable::KUBECTL_PATH).map(PathBuf::from),
        }
    }

    /// The file with what is said once for everywhere, there or not.
    pub fn settings_file(&self) -> Option<PathBuf> {
        self.home.settings().map(|folder| folder.join("kubectl-studioci").join("config.yaml"))
    }

    /// The kubeconfig files to merge, first wins: `KUBECONFIG`, else `~/.kube/config`; empty without a home.
    pub fn kubeconfig_files(&self) -> Vec<PathBuf> {
        self.kubeconfig.clone().unwrap_or_else(|| self.of_kubectl("config").into_iter().collect())
    }

    /// Where kubectl's preferences are: in the file that a flag names, else in that of `KUBERC`, else in `~/.kube/kuberc`.
    pub fn preferences(&self, flag: Option<PathBuf>) -> Preferences {
        match (flag, &self.kuberc) {
            (Some(_), KubercSetting::Off(variable)) => Preferences::Contradicted(variable),
            (None, KubercSetting::Off(_)) => Preferences::Off,
            (Some(flag), _) => Preferences::Named(flag),
            (None, KubercSetting::File(file)) => Preferences::Named(file.clone()),
            (None, KubercSetting::Unsaid) => {
                self.of_kubectl("kuberc").map_or(Preferences::Off, Preferences::AtHome)
            }
        }
    }

    fn of_kubectl(&self, file: &str) -> Option<PathBuf> {
        Some(self.home.folder()?.join(".kube").join(file))
    }
}

#[expect(clippy::disallowed_methods, reason = "splits a list as the platform writes it; reads no variable")]
fn split_paths(list: &OsString) -> std::env::SplitPaths<'_> {
    std::env::split_paths(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Terminals = Terminals { stdin: true, stdout: true, stderr: true };

    fn resolve(pairs: &[(&str, &str)], home: Option<&str>, terminals: Terminals) -> ProcessSettings {
        let env =
            |name: &str| pairs.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value));
        ProcessSettings::resolve(&env, HomeFolder::At(home.map(PathBuf::from)), terminals)
    }

    #[test]
    fn kubeconfig_is_the_list_or_the_file_at_home() {
        let settings = resolve(&[("KUBECONFIG", "/a::/b")], Some("/home/p"), ALL);
        assert_eq!(settings.kubeconfig_files(), [PathBuf::from("/a"), "/b".into()]);
        let empty = resolve(&[("KUBECONFIG", ":")], Some("/home/p"), ALL);
        assert_eq!(empty.kubeconfig_files(), Vec::<PathBuf>::new(), "as for kubectl");
        for pairs in [&[][..], &[("KUBECONFIG", "")][..]] {
            let settings = resolve(pairs, Some("/home/p"), ALL);
            assert_eq!(settings.kubeconfig_files(), [PathBuf::from("/home/p/.kube/config")], "{pairs:?}");
        }
        assert_eq!(resolve(&[], None, ALL).kubeconfig_files(), Vec::<PathBuf>::new());
    }

    #[test]
    fn preferences_are_where_kubectl_has_them() {
        let at_home = Preferences::AtHome("/home/p/.kube/kuberc".into());
        let named = |path: &str| Preferences::Named(path.into());
        for (pairs, flag, expected) in [
            (&[][..], None, at_home.clone()),
            (&[("KUBERC", "")][..], None, at_home.clone()),
            (&[("KUBERC", "OFF")][..], None, named("OFF")),
            (&[("KUBERC", "/rc")][..], None, named("/rc")),
            (&[("KUBERC", "/rc")][..], Some("/flag"), named("/flag")),
            (&[("KUBERC", "off")][..], None, Preferences::Off),
            (&[("KUBERC", "off")][..], Some("/flag"), Preferences::Contradicted("KUBERC=off")),
            (&[("KUBECTL_KUBERC", "False"), ("KUBERC", "/rc")][..], None, Preferences::Off),
            (
                &[("KUBECTL_KUBERC", "false")][..],
                Some("/f"),
                Preferences::Contradicted("KUBECTL_KUBERC=false"),
            ),
            (&[("KUBECTL_KUBERC", "0")][..], None, at_home),
        ] {
            let settings = resolve(pairs, Some("/home/p"), ALL);
            assert_eq!(settings.preferences(flag.map(PathBuf::from)), expected, "{pairs:?} {flag:?}");
        }
        assert_eq!(resolve(&[], None, ALL).preferences(None), Preferences::Off);
    }

    #[test]
    fn colour_needs_a_terminal_that_wants_it() {
        let pipe = Terminals { stdout: false, ..ALL };
        for (pairs, terminals, colour) in [
            (&[][..], ALL, true),
            (&[("TERM", "xterm")][..], ALL, true),
            (&[("TERM", "dumb")][..], ALL, false),
            (&[("NO_COLOR", "1")][..], ALL, false),
            (&[("NO_COLOR", "")][..], ALL, true),
            (&[][..], pipe, false),
        ] {
            let settings = resolve(pairs, None, terminals);
            assert_eq!(settings.stdout.colour, colour, "{pairs:?} {terminals:?}");
        }
    }

    #[test]
    fn a_line_is_written_over_on_a_terminal_that_can_whatever_its_colours() {
        let (no_err, no_out) = (Terminals { stderr: false, ..ALL }, Terminals { stdout: false, ..ALL });
        for (pairs, terminals, live) in [
            (&[][..], ALL, true),
            (&[("NO_COLOR", "1")][..], ALL, true),
            (&[("TERM", "xterm")][..], no_out, true),
            (&[("TERM", "dumb")][..], ALL, false),
            (&[][..], no_err, false),
        ] {
            assert_eq!(resolve(pairs, None, terminals).live, live, "{pairs:?} {terminals:?}");
        }
    }

    #[test]
    fn a_pod_is_known_by_the_variables_that_the_kubelet_sets() {
        let pod = |pairs: &[(&str, &str)]| {
            resolve(pairs, None, ALL).pod.map(|pod| (pod.host, pod.port, pod.folder))
        };
        let (host, port) = (("KUBERNETES_SERVICE_HOST", "10.0.0.1"), ("KUBERNETES_SERVICE_PORT", "443"));
        let folder = PathBuf::from("/var/run/secrets/kubernetes.io/serviceaccount");
        assert_eq!(pod(&[host, port]), Some(("10.0.0.1".to_owned(), 443, folder)));
        for pairs in [
            &[][..],
            &[host],
            &[port],
            &[host, (port.0, "")],
            &[(host.0, ""), port],
            &[host, (port.0, "https")],
        ] {
            assert_eq!(pod(pairs), None, "{pairs:?}");
        }
    }

    #[test]
    fn what_is_taken_as_written() {
        let settings = resolve(
            &[
                ("HTTPS_PROXY", "http://upper"),
                ("https_proxy", "http://lower"),
                ("HTTP_PROXY", ""),
                ("http_proxy", "http://low"),
                ("NO_PROXY", "localhost"),
                ("STUDIOCI_CHAIN", "runner-main"),
                ("COLUMNS", "77"),
                ("KUBECTL_PATH", "/usr/bin/kubectl"),
                ("PATH", "/a:/b c"),
            ],
            None,
            ALL,
        );
        assert_eq!(settings.proxies.https.as_deref(), Some("http://upper"));
        assert_eq!(settings.proxies.http.as_deref(), Some("http://low"));
        assert_eq!(settings.proxies.none_for.as_deref(), Some("localhost"));
        assert!(!settings.proxies.cgi && resolve(&[("REQUEST_METHOD", "GET")], None, ALL).proxies.cgi);
        assert_eq!(settings.chain.as_deref(), Some("runner-main"));
        let file = PathBuf::from("/home/p/.config/kubectl-studioci/config.yaml");
        assert_eq!(
            (settings.settings_file(), resolve(&[], Some("/home/p"), ALL).settings_file()),
            (None, Some(file))
        );
        assert_eq!(settings.columns, Some(77));
        assert_eq!(settings.search_path, [PathBuf::from("/a"), "/b c".into()]);
        assert_eq!(settings.kubectl, Some("/usr/bin/kubectl".into()));
        assert_eq!(resolve(&[("COLUMNS", "wide")], None, ALL).columns, None);
    }
}
