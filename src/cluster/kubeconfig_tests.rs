//! Kubeconfig files, flags over them, and every way in which they can be wrong.

use super::super::kubeconfig_files::read;
use super::super::options::InCluster;
use super::*;

fn choose(options: &Options) -> Result<Choice, Error> {
    super::choose(options, read(options)?)
}

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("studioci-kubeconfig-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const FIRST: &str = "
apiVersion: v1
kind: Config
current-context: lab
contexts:
- {name: lab, context: {cluster: lab, user: ann, namespace: team}}
- {name: broken-cluster, context: {cluster: nowhere, user: ann}}
- {name: broken-user, context: {cluster: lab, user: nobody}}
clusters:
- {name: lab, cluster: {server: 'https://lab:6443', certificate-authority: ca.pem}}
users:
- {name: ann, user: {token: t1}}
";
const SECOND: &str = "
apiVersion: v1
kind: Config
current-context: gpu
contexts:
- {name: gpu, context: {cluster: gpu, user: bob}}
- {name: lab, context: {cluster: gpu, user: bob}}
clusters:
- {name: gpu, cluster: {server: 'https://gpu'}}
users:
- {name: bob, user: {token: t2, as: carl, as-user-extra: {a: ['1'], b: ['2']}}}
";

#[test]
fn a_name_of_the_kubeconfig_begins_no_line_of_a_remedy() {
    let folder = Folder::new();
    let hostile = FIRST.replace("broken-user, context", "\"b\\nerror: forged\\e[31m\", context");
    for (context, text) in
        [(Some("production"), hostile.clone()), (None, hostile.replace("current-context: lab", ""))]
    {
        let options = Options {
            kubeconfig: Some(folder.write("config", text)),
            context: context.map(str::to_owned),
            ..Options::default()
        };
        let remedy = choose(&options).map(drop).unwrap_err().remedy();
        assert!(!remedy.contains('\n') && remedy.contains(r#""b\nerror: forged\u{1b}[31m""#), "{remedy}");
    }
}

fn server(choice: &Choice) -> &str {
    choice.cluster.server.as_deref().unwrap()
}

fn fault(options: &Options) -> String {
    let error = choose(options).unwrap_err();
    format!("{error} | {}", error.remedy())
}

#[test]
fn files_are_merged_and_the_first_word_wins() {
    let folder = Folder::new();
    let paths =
        vec![folder.0.join("missing"), PathBuf::new(), folder.write("a", FIRST), folder.write("b", SECOND)];
    let options = Options { kubeconfig_paths: paths, ..Options::default() };
    let choice = choose(&options).unwrap();
    assert_eq!((choice.context.as_deref(), server(&choice)), (Some("lab"), "https://lab:6443"));
    assert_eq!(choice.user, "ann");
    assert_eq!(
        choice.cluster.certificate_authority.as_deref(),
        Some(folder.0.join("ca.pem").to_str().unwrap()),
        "relative to its file"
    );

    let choice = choose(&Options { context: Some("gpu".to_owned()), ..options }).unwrap();
    assert_eq!(server(&choice), "https://gpu");
    assert_eq!((choice.user.as_str(), choice.auth.impersonate.as_deref()), ("bob", Some("carl")));
}

#[test]
fn flags_lie_over_the_context() {
    let folder = Folder::new();
    let path = folder.write("a", format!("{FIRST}---{SECOND}"));
    let options = Options {
        kubeconfig: Some(path),
        cluster: Some("gpu".to_owned()),
        user: Some("bob".to_owned()),
        server: Some("https://other:1".to_owned()),
        token: Some("t3".to_owned()),
        impersonate: Some("dan".to_owned()),
        impersonate_uid: Some("7".to_owned()),
        impersonate_groups: vec!["g".to_owned()],
        impersonate_extra: [("b", "3"), ("c", "4")]
            .map(|(key, it)| (key.to_owned(), vec![it.to_owned()]))
            .into(),
        insecure_skip_tls_verify: true,
        ..Options::default()
    };
    let choice = choose(&options).unwrap();
    assert_eq!((choice.context.as_deref(), server(&choice)), (Some("lab"), "https://other:1"));
    assert_eq!(choice.auth.impersonate.as_deref(), Some("dan"));
    assert_eq!(choice.auth.impersonate_uid.as_deref(), Some("7"));
    let extra = |it: &Choice| serde_json::to_value(&it.auth.impersonate_user_extra).unwrap();
    assert_eq!(extra(&choice), serde_json::json!({"a": ["1"], "b": ["3"], "c": ["4"]}), "key by key");
    assert_eq!(choice.cluster.insecure_skip_tls_verify, Some(true));
    assert_eq!(secrecy::ExposeSecret::expose_secret(choice.auth.token.as_ref().unwrap()), "t3");
}

#[test]
fn a_server_alone_needs_no_kubeconfig() {
    let options = Options { server: Some("localhost:8080".to_owned()), ..Options::default() };
    let choice = choose(&options).unwrap();
    assert_eq!((server(&choice), choice.context.as_deref()), ("localhost:8080", None));
}

#[test]
fn what_is_wrong_is_said_with_what_there_is_instead() {
    let folder = Folder::new();
    let first = folder.write("a", FIRST);
    let base = Options { kubeconfig: Some(first), ..Options::default() };
    let with = |change: fn(&mut Options)| {
        let mut options = base.clone();
        change(&mut options);
        fault(&options)
    };
    let cases = [
        (
            with(|it| it.context = Some("lap".to_owned())),
            "context \"lap\" does not exist | did you mean \"lab\"? (the kubeconfig has broken-cluster, broken-user, lab)",
        ),
        (
            with(|it| it.context = Some("production".to_owned())),
            "context \"production\" does not exist | name another one (the kubeconfig has broken-cluster, broken-user, lab)",
        ),
        (
            with(|it| it.context = Some("broken-cluster".to_owned())),
            "cluster \"nowhere\" does not exist | name another one (the kubeconfig has lab)",
        ),
        (
            with(|it| it.context = Some("broken-user".to_owned())),
            "user \"nobody\" does not exist | name another one (the kubeconfig has ann)",
        ),
        (
            with(|it| it.user = Some("anne".to_owned())),
            "user \"anne\" does not exist | did you mean \"ann\"? (the kubeconfig has ann)",
        ),
        (
            with(|it| it.impersonate_groups = vec!["g".to_owned()]),
            "impersonation: a uid, groups or extras are given, but no user | add --as USER",
        ),
        (
            with(|it| it.impersonate = Some("a\nb".to_owned())),
            "--as: it holds characters that HTTP cannot send | write it on one line",
        ),
        (
            with(|it| {
                it.impersonate = Some("a".to_owned());
                it.impersonate_groups = vec!["g".to_owned(), "g\0".to_owned()];
            }),
            "--as-group: it holds characters that HTTP cannot send | write it on one line",
        ),
    ];
    for (fault, expected) in cases {
        assert_eq!(fault, expected);
    }
}

#[test]
fn a_kubeconfig_that_is_not_there_or_not_one_is_named() {
    let folder = Folder::new();
    let missing = folder.0.join("missing");
    let text = fault(&Options { kubeconfig: Some(missing.clone()), ..Options::default() });
    assert!(text.starts_with(&format!("kubeconfig {}: ", missing.display())), "{text}");
    let text = fault(&Options { kubeconfig_paths: vec![missing.clone()], ..Options::default() });
    assert!(text.contains(&format!("there is no such file: {}", missing.display())), "{text}");
    let text = fault(&Options::default());
    assert!(text.contains("--kubeconfig"), "{text}");
    let broken = folder.write("broken", "contexts: {");
    let text = fault(&Options { kubeconfig: Some(broken.clone()), ..Options::default() });
    assert!(text.starts_with(&format!("kubeconfig {}: ", broken.display())), "{text}");
    let empty = folder.write("empty", "apiVersion: v1\nkind: Config\n");
    let text = fault(&Options { kubeconfig: Some(empty), ..Options::default() });
    assert_eq!(
        text,
        "kubeconfig: it has no context | add one (kubectl config set-context), or name another file with --kubeconfig"
    );
}

#[test]
fn who_we_are_for_messages() {
    let options = Options { server: Some("https://a".to_owned()), ..Options::default() };
    assert_eq!(choose(&options).unwrap().user, "nobody (no user in the kubeconfig)");
    let options = Options { token: Some("t".to_owned()), ..options };
    assert_eq!(choose(&options).unwrap().user, "the bearer of --token");
    // a server that takes no credentials has not looked yet at whom they are to act as
    let options = Options { impersonate: Some("ann".to_owned()), ..options };
    assert_eq!(choose(&options).unwrap().user, "the bearer of --token");
    let options =
        Options { token: None, client_certificate: Some("c.pem".into()), impersonate: None, ..options };
    assert_eq!(choose(&options).unwrap().user, "the owner of --client-certificate");
}

/// The YAML library's own words quote values and show lines around them; none of that may come through.
#[test]
fn a_kubeconfig_that_cannot_be_read_is_not_shown() {
    let folder = Folder::new();
    let user = |user: &str| {
        format!("{FIRST}- name: eve\n  user:\n    token: SECRET1\n    {user}\n    password: SECRET2\n")
    };
    for (text, said) in [
        (user("client-key-data: [SECRET3]"), "line 16, column 22: a text belongs there"),
        (user("client-key-data: {a: SECRET3}"), "line 16, column 22: a text belongs there"),
        (user("as-groups: SECRET3"), "a list belongs there"),
        (user("exec: SECRET3"), "a map belongs there"),
        (user("exec: {interactiveMode: SECRET3}"), "one of these belongs there: Never, IfAvailable, Always"),
        (user("exec: {command: x, env: SECRET3}"), "a list belongs there"),
        (user("exec: {command: x, provideClusterInfo: SECRET3}"), "true or false belongs there"),
        (user("auth-provider: {name: SECRET3, config: [SECRET3]}"), "a map belongs there"),
        (user("token: SECRET3"), "a key stands there for the second time"),
        (user("username: *SECRET3"), "an alias has no anchor"),
        (user("username: 'SECRET3"), "it is not YAML"),
        (user("username: \"SECRET3\\q\""), "it is not YAML"),
        (user("username: {SECRET3"), "a text belongs there"),
        (user("  username: SECRET3"), "it is not YAML"),
        (user("\tusername: SECRET3"), "it is not YAML"),
        (user("username: !!binary SECRET3!"), "a !!binary is not base64"),
        (user("as-user-extra: {SECRET3: 1}"), "line 16"),
        (user("? [SECRET3]\n    : SECRET3"), "line 16"),
        (user("SECRET3"), "line 1"),
        ("SECRET1".to_owned(), "line 1, column 1: a map belongs there"),
        ("- SECRET1".to_owned(), "line 1, column 1: a map belongs there"),
        ("users: SECRET1".to_owned(), "line 1, column 8: a list belongs there"),
        ("users: [{user: {token: SECRET1}}]".to_owned(), "the field name is missing"),
        ("clusters: [{name: a, cluster: {insecure-skip-tls-verify: SECRET1}}]".to_owned(), "line 1"),
        (format!("{FIRST}\n---\nkind: SECRET1"), "its kind or apiVersion is not that of the files before it"),
        ("apiVersion: v1\u{0}SECRET1".to_owned(), "line 1"),
    ] {
        let path = folder.write("broken", &text);
        let said_now = fault(&Options { kubeconfig: Some(path.clone()), ..Options::default() });
        assert!(said_now.starts_with(&format!("kubeconfig {}: ", path.display())), "{said_now}");
        assert!(said_now.contains(said), "{text}\n{said_now}, not {said}");
        assert!(!said_now.contains("SECRET") && !said_now.contains('\n'), "{text}\n{said_now}");
    }
}

/// As client-go: of a list the first file to name an entry wins with all of it, of the rest the first that says something.
#[test]
fn what_is_empty_in_one_file_is_taken_from_the_next() {
    let folder = Folder::new();
    let file = |name: &str, context: &str, port: u16| {
        folder.write(
            name,
            format!(
                "{context}clusters: [{{name: {name}c, cluster: {{server: 'https://127.0.0.1:{port}'}}}}]\n\
                 users: [{{name: {name}u, user: {{token: {name}}}}}]\n\
                 contexts: [{{name: {name}x, context: {{cluster: {name}c, user: {name}u}}}}]\n"
            ),
        )
    };
    let second = file("b", "kind: Config\napiVersion: v1\ncurrent-context: bx\n", 2);
    for first in [
        "current-context: \"\"\n",
        "current-context: ''\nkind: ''\napiVersion: ''\n",
        "current-context:\n",
        "current-context: ~\n",
        "kind: \"\"\n",
        "preferences: {}\n",
        "",
    ] {
        let paths = vec![file("a", first, 1), second.clone()];
        let choice = choose(&Options { kubeconfig_paths: paths, ..Options::default() }).unwrap();
        assert_eq!(choice.context.as_deref(), Some("bx"), "{first}");
        assert_eq!(server(&choice), "https://127.0.0.1:2", "{first}");
    }
    // an empty text in an entry says as little
    let full = "clusters: [{name: c, cluster: {server: 'k8s:1', certificate-authority: '', certificate-authority-data: '', \
                proxy-url: '', tls-server-name: ''}}]\n\
                users: [{name: u, user: {token: '', tokenFile: '', username: '', password: '', client-certificate: '', \
                client-key: '', client-key-data: '', as: '', as-uid: ''}}]\n\
                contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n";
    let choice =
        choose(&Options { kubeconfig: Some(folder.write("full", full)), ..Options::default() }).unwrap();
    let mut cluster = choice.cluster;
    assert_eq!(cluster.server.take().as_deref(), Some("k8s:1"));
    assert_eq!(serde_json::to_value(&cluster).unwrap(), serde_json::json!({}));
    assert_eq!(serde_json::to_value(&choice.auth).unwrap(), serde_json::json!({}));
    assert_eq!(choice.user, "u");
}

#[test]
fn an_entry_is_taken_whole_from_the_first_file_that_names_it() {
    let folder = Folder::new();
    let choose = |first: &str| {
        let second = "contexts: [{name: x, context: {cluster: c, user: u}}]\n\
                      clusters: [{name: c, cluster: {server: 'https://second', certificate-authority-data: eA==}}]\n\
                      users: [{name: u, user: {token: second, as: ann}}]\ncurrent-context: x\n";
        let paths = vec![folder.write("first", first), folder.write("second", second)];
        choose(&Options { kubeconfig_paths: paths, ..Options::default() })
    };
    let choice = choose("clusters: [{name: c, cluster: {server: 'https://first'}}]").unwrap();
    assert_eq!(server(&choice), "https://first");
    assert_eq!(choice.cluster.certificate_authority_data, None, "not of two files");
    for user in ["", ", user: ", ", user: {}", ", user: {token: ''}"] {
        let choice = choose(&format!("users: [{{name: u{user}}}]")).unwrap();
        assert!(choice.auth.token.is_none() && choice.auth.impersonate.is_none(), "{user}");
    }
    let choice = choose("clusters: [{name: c}]").unwrap();
    assert_eq!(choice.cluster.server, None);
}

#[test]
fn two_entries_of_one_name_in_a_file_are_refused_as_by_kubectl() {
    let folder = Folder::new();
    for (list, kind) in [("clusters", "cluster"), ("users", "user"), ("contexts", "context")] {
        let path = folder.write(list, format!("{list}: [{{name: a}}, {{name: b}}, {{name: a}}]"));
        let expected = format!(
            "kubeconfig {}: it has two {kind}s named \"a\" | rename one of them, or delete it: kubectl refuses the file, too",
            path.display()
        );
        assert_eq!(fault(&Options { kubeconfig_paths: vec![path], ..Options::default() }), expected);
    }
}

/// Whatever stands at whichever place of a kubeconfig with secrets in it.
#[test]
fn no_way_of_breaking_a_kubeconfig_shows_any_of_it() {
    let folder = Folder::new();
    let whole = "clusters:\n- {name: c, cluster: {server: 'https://h'}}\nusers:\n- name: u\n  user:\n    token: SECRET1\n    \
                 password: 'SECRET2'\n    client-key-data: \"SECRET3\"\n    exec: {command: x, args: [SECRET4]}\n\
                 contexts: [{name: x, context: {cluster: c, user: u}}]\ncurrent-context: x\n";
    let mut broken = 0;
    for at in whole.find("users").unwrap()..whole.find("contexts").unwrap() {
        for piece in ["\"", "'", "[", "}", ": ", "*", "!!int ", "|", "\t", "\n", "\0"] {
            for text in
                [format!("{}{piece}{}", &whole[..at], &whole[at..]), format!("{}{piece}", &whole[..at])]
            {
                let path = folder.write("broken", &text);
                if let Err(error) = choose(&Options { kubeconfig: Some(path), ..Options::default() }) {
                    broken += 1;
                    let said = format!("{error} {}", error.remedy());
                    assert!(!said.contains("SECRET") && !said.contains("ECRE"), "{text}\n{said}");
                }
            }
        }
    }
    assert!(broken > 1000, "{broken}");
}

/// A pod's ServiceAccount as the kubelet mounts it, in a folder of the test.
fn pod(folder: &Folder) -> InCluster {
    folder.write("ca.crt", "");
    folder.write("token", "t");
    InCluster { folder: folder.0.clone(), ..InCluster::at("fd00::1", 443) }
}

#[test]
fn without_a_kubeconfig_a_pod_is_its_service_account() {
    let folder = Folder::new();
    let none = Options { pod: Some(pod(&folder)), ..Options::default() };
    let missing = Options { kubeconfig_paths: vec![folder.0.join("config")], ..none.clone() };
    let empty = Options {
        kubeconfig_paths: vec![folder.write("empty", "kind: Config\ncurrent-context: ''\n")],
        ..none.clone()
    };
    for options in [&none, &missing, &empty] {
        let choice = choose(options).unwrap();
        assert_eq!(
            (server(&choice), choice.user.as_str()),
            ("https://[fd00::1]:443", "the pod's ServiceAccount")
        );
        assert_eq!(choice.auth.token_file, Some(folder.0.join("token").display().to_string()));
        assert_eq!(choice.cluster.certificate_authority, Some(folder.0.join("ca.crt").display().to_string()));
        assert!(choice.account.is_some() && choice.context.is_none());
    }
    // flags lie over it, as over a kubeconfig
    let flags =
        Options { token: Some("other".to_owned()), impersonate: Some("ann".to_owned()), ..none.clone() };
    let choice = choose(&flags).unwrap();
    assert_eq!((choice.auth.token_file, choice.user.as_str()), (None, "the bearer of --token"));
    assert_eq!(choice.auth.impersonate.as_deref(), Some("ann"));

    // whoever names a server, a file or an entry means that
    let named = |change: fn(&mut Options)| {
        let mut options = missing.clone();
        change(&mut options);
        choose(&options).map(|choice| choice.account.is_some()).map_err(|error| error.to_string())
    };
    assert_eq!(named(|it| it.server = Some("https://k8s".to_owned())), Ok(false));
    for (asked, said) in [
        (named(|it| it.context = Some("x".to_owned())), "kubeconfig: there is no such file: "),
        (named(|it| it.cluster = Some("x".to_owned())), "kubeconfig: there is no such file: "),
        (named(|it| it.user = Some("x".to_owned())), "kubeconfig: there is no such file: "),
        (named(|it| it.kubeconfig = Some("/nonexistent".into())), "kubeconfig /nonexistent: "),
    ] {
        assert!(asked.clone().unwrap_err().starts_with(said), "{asked:?}");
    }
    let first = Options { kubeconfig_paths: vec![folder.write("a", FIRST)], ..none.clone() };
    assert_eq!(choose(&first).unwrap().context.as_deref(), Some("lab"));
    let context_less = folder.write("less", "users: [{name: ann, user: {}}]");
    let error = fault(&Options { kubeconfig_paths: vec![context_less], ..none });
    assert_eq!(
        error,
        "kubeconfig: it has no context | add one (kubectl config set-context), or name another file with --kubeconfig"
    );
}

#[test]
fn a_pod_without_a_token_is_told_what_it_lacks() {
    let folder = Folder::new();
    let options = Options { pod: Some(pod(&folder)), ..Options::default() };
    std::fs::remove_file(folder.0.join("token")).unwrap();
    let text = fault(&options);
    let file = folder.0.join("token").display().to_string();
    assert!(
        text.starts_with(&format!(
            "there is no kubeconfig, and this pod has no token of its ServiceAccount ({file}) |"
        )),
        "{text}"
    );
    std::fs::create_dir(folder.0.join("token")).unwrap();
    assert_eq!(fault(&options), text, "a folder is no token");
}

#[test]
fn a_kubeconfig_is_text_in_utf8_or_utf16_and_else_a_fault() {
    let folder = Folder::new();
    let little: Vec<u8> = FIRST.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = FIRST.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let with_mark = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
    for bytes in [
        FIRST.as_bytes().to_vec(),
        with_mark(&[0xef, 0xbb, 0xbf], FIRST.as_bytes()),
        with_mark(&[0xff, 0xfe], &little),
        with_mark(&[0xfe, 0xff], &big),
    ] {
        let options = Options { kubeconfig: Some(folder.write("good", bytes)), ..Options::default() };
        assert_eq!(choose(&options).unwrap().context.as_deref(), Some("lab"));
    }
    for bytes in [
        with_mark(&[0xff, 0xfe], &little[1..]),
        with_mark(&[0xfe, 0xff], &[0xd8]),
        with_mark(&[0xfe, 0xff], &[0xd8, 0]),
        vec![0xc3],
    ] {
        let options = Options { kubeconfig: Some(folder.write("bad", &bytes)), ..Options::default() };
        assert!(fault(&options).contains("it is no text"), "{bytes:?}: {}", fault(&options));
    }
}
