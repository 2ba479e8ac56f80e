//! Kubeconfig files, flags over them, and every way in which they can be wrong.

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("studioci-kubeconfig-{}", uuid::Uuid::new_v4()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
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
- {name: bob, user: {token: t2, as: carl}}
";

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
    assert_eq!(choice.user, "carl (as asked for by --as)");
}

#[test]
fn flags_lie_over_the_context() {
    let folder = Folder::new();
    let path = folder.write("a", &format!("{FIRST}---{SECOND}"));
    let options = Options {
        kubeconfig: Some(path),
        cluster: Some("gpu".to_owned()),
        user: Some("bob".to_owned()),
        server: Some("https://other:1".to_owned()),
        token: Some("t3".to_owned()),
        impersonate: Some("dan".to_owned()),
        impersonate_uid: Some("7".to_owned()),
        impersonate_groups: vec!["g".to_owned()],
        insecure_skip_tls_verify: true,
        ..Options::default()
    };
    let choice = choose(&options).unwrap();
    assert_eq!((choice.context.as_deref(), server(&choice)), (Some("lab"), "https://other:1"));
    assert_eq!(choice.auth.impersonate.as_deref(), Some("dan"));
    assert_eq!(choice.auth.impersonate_uid.as_deref(), Some("7"));
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
            "kubeconfig: it has no context named \"lap\" | Did you mean \"lab\"? (it has broken-cluster, broken-user, lab)",
        ),
        (
            with(|it| it.context = Some("production".to_owned())),
            "kubeconfig: it has no context named \"production\" | Name one of the kubeconfig's: it has broken-cluster, broken-user, lab.",
        ),
        (
            with(|it| it.context = Some("broken-cluster".to_owned())),
            "kubeconfig: it has no cluster named \"nowhere\" | Name one of the kubeconfig's: it has lab.",
        ),
        (
            with(|it| it.context = Some("broken-user".to_owned())),
            "kubeconfig: it has no user named \"nobody\" | Name one of the kubeconfig's: it has ann.",
        ),
        (
            with(|it| it.user = Some("anne".to_owned())),
            "kubeconfig: it has no user named \"anne\" | Did you mean \"ann\"? (it has ann)",
        ),
        (
            with(|it| it.impersonate_groups = vec!["g".to_owned()]),
            "impersonation: a uid, groups or extras are given, but no user | Add --as USER.",
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
    assert_eq!(text, "kubeconfig: it has no current-context | Name one with --context (it has none).");
}

#[test]
fn who_we_are_for_messages() {
    let options = Options { server: Some("https://a".to_owned()), ..Options::default() };
    assert_eq!(choose(&options).unwrap().user, "nobody (no user in the kubeconfig)");
    let options = Options { token: Some("t".to_owned()), ..options };
    assert_eq!(choose(&options).unwrap().user, "the bearer of --token");
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
