//! What kubectl's preferences come to, and what they forbid.

use super::*;

const HEAD: &str = "apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n";

fn read(rest: &str) -> Kuberc {
    Kuberc::read("FILE", &format!("{HEAD}{rest}")).unwrap().unwrap()
}

fn fault(text: &str) -> String {
    Kuberc::read("FILE", text).unwrap_err().to_string()
}

fn listed(commands: &[&str]) -> PluginPolicy {
    PluginPolicy::Allowlist(commands.iter().map(|command| (*command).to_owned()).collect())
}

#[test]
fn a_policy_is_what_the_first_preference_says() {
    for (rest, policy) in [
        ("", PluginPolicy::AllowAll),
        ("credentialPluginPolicy: \"\"\n", PluginPolicy::AllowAll),
        ("credentialPluginPolicy:\ncredentialPluginAllowlist: null\n", PluginPolicy::AllowAll),
        ("credentialPluginPolicy: AllowAll\n", PluginPolicy::AllowAll),
        ("credentialPluginPolicy: DenyAll\n", PluginPolicy::DenyAll),
        (
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist:\n- name: aws\n- command: /opt/login\n\
             - {name: gke, command: gke}\n",
            listed(&["aws", "/opt/login", "gke"]),
        ),
        (
            "defaults: [{command: get, options: []}]\naliases: []\ncredentialPluginPolicy: DenyAll\n",
            PluginPolicy::DenyAll,
        ),
    ] {
        let file = "FILE".to_owned();
        assert_eq!(read(rest), Kuberc { file, policy, warnings: Vec::new() }, "{rest}");
    }
    let deny = format!("{HEAD}credentialPluginPolicy: DenyAll\n");
    for text in [
        format!("# mine\n--- # first\nkind: Other\n---\n- a list\n---   \n{deny}---\n{HEAD}"),
        deny.replace("v1beta1", "v1alpha1"),
        deny.replace("v1beta1", "v1"),
        format!(
            "{{\"apiVersion\": \"{GROUP}/v1beta1\", \"kind\": \"Preference\", \"credentialPluginPolicy\": \"DenyAll\"}}"
        ),
    ] {
        let policy = Kuberc::read("FILE", &text).unwrap().unwrap().policy;
        assert_eq!(policy, PluginPolicy::DenyAll, "{text}");
    }
    for none in ["", "\n\n", "# nothing\n", "kind: Preference\n", &HEAD.replace("Preference", "preference")] {
        assert_eq!(Kuberc::read("FILE", none).unwrap(), None, "{none}");
    }
}

#[test]
fn a_field_that_means_nothing_is_warned_of() {
    let misspelt = read("credentialPluginPolcy: DenyAll\nx: 1\n");
    assert_eq!(misspelt.policy, PluginPolicy::AllowAll);
    assert_eq!(
        misspelt.warnings,
        [
            "kuberc FILE: the field \"credentialPluginPolcy\" is unknown and means nothing; did you mean \
             \"credentialPluginPolicy\"?",
            "kuberc FILE: the field \"x\" is unknown and means nothing",
        ]
    );
    let entry =
        read("credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{name: a, sha256: b}]\n");
    assert_eq!((entry.policy, entry.warnings.len()), (listed(&["a"]), 1));
}

#[test]
fn what_cannot_be_meant_is_refused_in_kubectls_words() {
    for (rest, said) in [
        ("credentialPluginPolicy: denyall\n", "unknown plugin policy: \"denyall\""),
        ("credentialPluginPolicy: Allowlist\n", "but allowlist is unspecified"),
        (
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: []\n",
            "but allowlist is empty; use \"DenyAll\" policy instead",
        ),
        ("credentialPluginAllowlist: [{name: a}]\n", "plugin policy is \"\" but allowlist is non-nil"),
        (
            "credentialPluginPolicy: DenyAll\ncredentialPluginAllowlist: []\n",
            "plugin policy is \"DenyAll\" but allowlist is non-nil",
        ),
        (
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{name: a}, {}]\n",
            "misconfigured credential plugin allowlist: empty allowlist entry #2",
        ),
        (
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{name: a, command: b}]\n",
            "ambiguous allowlist entry #1",
        ),
        (
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{name: /a//b}]\n",
            "non-normalized allowlist entry #1",
        ),
        (
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [a]\n",
            "unreadable allowlist entry #1",
        ),
        (
            "credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: a\n",
            "credentialPluginAllowlist is no list",
        ),
        ("credentialPluginPolicy: 5\n", "credentialPluginPolicy is no text"),
        ("credentialPluginPolicy: [DenyAll]\n", "credentialPluginPolicy is no text"),
    ] {
        let found = fault(&format!("{HEAD}{rest}"));
        assert!(found.starts_with("kuberc FILE: ") && found.contains(said), "{rest}: {found}");
    }
}

#[test]
fn what_is_no_yaml_may_forbid_a_plugin_and_is_refused_with_its_line() {
    for text in [
        format!("{HEAD}credentialPluginPolicy: {{\n"),
        format!("a: 1\n---\n{HEAD}credentialPluginPolicy: AllowAll\ncredentialPluginPolicy: DenyAll\n"),
        format!("--- x\n{HEAD}credentialPluginPolicy: DenyAll\n"),
    ] {
        let said = fault(&text);
        assert!(said.starts_with("kuberc FILE: FILE, line "), "{text}: {said}");
    }
}

#[test]
fn a_plugin_is_allowed_by_its_name_its_path_and_by_another_path_to_the_same_name() {
    // as PATH has them: `aws` twice, the first one is meant
    let find = |command: &str| {
        let program = match command {
            "aws" => "/bin/aws",
            "gke" => "/opt/gke",
            path if path.starts_with('/') && path != "/gone" => path,
            _ => return None,
        };
        Some(PathBuf::from(program))
    };
    for (command, entries, allowed) in [
        ("aws", &["gke", "aws"][..], true),
        ("aws", &["/bin/aws"], true),
        ("/bin/aws", &["aws"], true),
        ("/bin/aws", &["/bin/aws"], true),
        ("/evil/aws", &["aws"], false),
        ("/evil/aws", &["/bin/aws"], false),
        ("aws", &["/opt/aws"], false),
        ("aws", &["gke"], false),
        ("aws", &["AWS", "aws2", "bin/aws"], false),
        // what is not there is not allowed by its mere name
        ("gone", &["gone"], false),
        ("/gone", &["/gone"], false),
    ] {
        let program = listed(entries).program(command, find);
        assert_eq!(
            program.clone().ok(),
            find(command).filter(|_| allowed),
            "{command} by {entries:?}: {program:?}"
        );
    }
    let why = |policy: PluginPolicy, command: &str| policy.program(command, find).unwrap_err();
    assert_eq!(why(PluginPolicy::DenyAll, "aws"), "policy set to \"DenyAll\"");
    assert_eq!(
        why(listed(&["gke"]), "aws"),
        "plugin path \"/bin/aws\" is not permitted by the credential plugin allowlist"
    );
    assert_eq!(
        why(listed(&["gone"]), "gone"),
        "plugin path \"gone\" cannot be resolved for the credential plugin allowlist check"
    );
    assert_eq!(PluginPolicy::AllowAll.program("gone", find), Ok(PathBuf::from("gone")));
    assert_eq!(PluginPolicy::AllowAll.program("aws", find), Ok(PathBuf::from("/bin/aws")));
}

#[test]
fn the_program_that_was_judged_is_the_one_that_runs_though_it_is_another_a_moment_later() {
    for later in [None, Some("/evil/aws")] {
        for (command, entries) in
            [("aws", &["aws"][..]), ("aws", &["gke", "aws"]), ("/bin/aws", &["/bin/aws"])]
        {
            let asked = std::cell::Cell::new(0);
            let find = |_: &str| {
                asked.set(asked.get() + 1);
                if asked.get() == 1 { Some(PathBuf::from("/bin/aws")) } else { later.map(PathBuf::from) }
            };
            let program = listed(entries).program(command, find);
            assert_eq!(program, Ok(PathBuf::from("/bin/aws")), "{command} by {entries:?}, then {later:?}");
        }
    }
}

#[test]
fn preferences_at_home_may_be_missing_and_those_that_are_named_may_not() {
    let folder = std::env::temp_dir().join(format!("studioci-kuberc-{}", uuid::Uuid::new_v4()));
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join("kuberc");
    let said = |preferences: &Preferences| match Kuberc::of(preferences) {
        Ok(kuberc) => format!("{:?} {:?}", kuberc.policy, kuberc.warnings),
        Err(fault) => fault.to_string(),
    };
    let said = |preferences: &Preferences| said(preferences).replace(&folder.display().to_string(), "HOME");
    let both = || [Preferences::AtHome(path.clone()), Preferences::Named(path.clone())].map(|it| said(&it));
    let missing = "kuberc HOME/kuberc: No such file or directory (os error 2)";
    assert_eq!(both(), ["AllowAll []", missing]);
    std::fs::write(&path, "\n").unwrap();
    assert_eq!(both(), ["AllowAll []"; 2]);
    std::fs::write(&path, "kind: Config\n").unwrap();
    let none = "kuberc HOME/kuberc: there is no Preference of kubectl.config.k8s.io in it";
    let warned = format!("AllowAll [\"{none}, so that it forbids no credential plugin\"]");
    assert_eq!(both(), [warned.as_str(), none]);
    std::fs::write(&path, format!("{HEAD}credentialPluginPolicy: DenyAll\n")).unwrap();
    assert_eq!(both(), ["DenyAll []"; 2]);
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    assert_eq!(both(), ["kuberc HOME/kuberc: it is not UTF-8 text"; 2]);
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert_eq!(both(), ["kuberc HOME/kuberc: it is a directory, not a regular file"; 2]);
    assert_eq!(said(&Preferences::Off), "AllowAll []");
    assert!(
        said(&Preferences::Contradicted("KUBERC=off")).starts_with("--kuberc names a file, and KUBERC=off ")
    );
    std::fs::remove_dir_all(folder).unwrap();
}
