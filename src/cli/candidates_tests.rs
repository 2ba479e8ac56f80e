//! Words in, candidates out.

use super::*;

/// The completion of a command line, whose last word may be empty.
fn completion(line: &str) -> Completion {
    Completion::of(&line.split(' ').map(str::to_owned).collect::<Vec<_>>())
}

fn words(line: &str) -> Vec<String> {
    completion(line).candidates.into_iter().map(|it| it.word).collect()
}

#[test]
fn a_first_word_is_a_verb_and_none_of_the_hidden_ones() {
    insta::assert_snapshot!(words("").join(" "), @"init render claim start stop setup status watch logs report trigger retry cancel scale cleanup doctor completion version help");
    assert_eq!(words("sta"), ["start", "status"]);
    assert_eq!(words("-n x sta"), ["start", "status"], "whatever stands before");
    assert_eq!(words("--context c st"), ["start", "stop", "status"]);
    assert_eq!(words("help sta"), ["start", "status"]);
    for hidden in ["ag", "render-", "__"] {
        assert_eq!(words(hidden), [""; 0], "{hidden}");
    }
    assert_eq!(words("nonsense "), [""; 0]);
    let told = completion("versi").candidates.remove(0).told;
    assert_eq!(told, "Print the version of this program");
}

#[test]
fn every_verb_that_the_help_shows_is_completed_with_every_flag_that_it_shows() {
    let mut root = super::super::command();
    root.build();
    let mut seen = 0;
    for verb in root.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help") {
        let name = verb.get_name();
        assert_eq!(words(name).first().map(String::as_str), Some(name));
        let said = words(&format!("{name} --"));
        for arg in verb.get_arguments().filter(|arg| !arg.is_hide_set()) {
            if let Some(long) = arg.get_long() {
                assert!(said.contains(&format!("--{long}")), "{name} --{long}");
                seen += 1;
            }
        }
        assert!(said.iter().all(|word| !word.contains("cache-dir")), "{name}: {said:?}");
    }
    assert!(seen > 250, "{seen}");
}

#[test]
fn a_flag_is_said_until_it_is_given_or_contradicted() {
    let has = |line: &str, flag: &str| words(line).iter().any(|word| word == flag);
    assert!(has("logs --", "--follow") && has("logs -", "-f") && !has("logs --", "-f"));
    for given in ["logs -f --", "logs --follow --", "logs runner-main -f --", "logs -fc build --"] {
        assert!(!has(given, "--follow"), "{given}");
    }
    assert!(
        has("start --secret a --", "--secret") && has("start --set a=1 --", "--set"),
        "as often as one likes"
    );
    assert!(!has("logs --agent --", "--container") && !has("logs -c build --", "--agent"));
    assert!(has("status --context c --", "--kubeconfig") && !has("status --context c --", "--context"));
    assert!(!has("logs -- --", "--follow"), "after -- there are none");
}

#[test]
fn a_flags_value_is_what_its_own_parser_takes_in_every_way_to_write_it() {
    let forms = ["json", "name", "wide", "yaml"];
    for line in ["status -o ", "status --output ", "status --output=", "status -o=", "status name -o "] {
        let said = words(line);
        assert!(forms.iter().all(|form| said.iter().any(|word| word == form)), "{line}: {said:?}");
        assert_eq!(completion(line).beyond, Beyond::Nothing);
    }
    assert_eq!(words("report -o j"), ["json", "junit"]);
    assert_eq!(words("scale --dry-run="), ["none", "client", "server"]);
    assert_eq!(words("start --dry-run=c"), ["client"]);
    assert_eq!(words("start --pod-security "), ["privileged", "baseline", "restricted"]);
    assert_eq!(words("status --insecure-skip-tls-verify=t"), ["true"]);
    assert_eq!(words("scale "), ["up", "down"]);
    assert_eq!(words("completion f"), ["fish"]);
    for line in ["status --no-headers=", "status --nonsense=", "logs --tail ", "start --tag=b"] {
        let none = completion(line);
        assert_eq!((none.candidates, none.beyond), (Vec::new(), Beyond::Nothing), "{line}");
    }
}

#[test]
fn every_value_that_is_one_of_a_few_words_is_completed_and_taken() {
    let mut root = super::super::command();
    root.build();
    let mut seen = Vec::new();
    for verb in root.get_subcommands().filter(|verb| !verb.is_hide_set() && verb.get_name() != "help") {
        for arg in verb.get_arguments().filter(|arg| !arg.is_global_set()) {
            let Some(long) = arg.get_long().filter(|_| arg.get_action().takes_values()) else { continue };
            let name = arg.get_value_names().unwrap()[0].as_str();
            let (verb, said) = (verb.get_name(), words(&format!("{} --{long}=", verb.get_name())));
            if name == "FORMAT" || name.contains('|') {
                assert!(!said.is_empty(), "{verb} --{long}");
            }
            for word in said {
                let line = ["x", verb, &format!("--{long}={word}")];
                let refused = root.clone().try_get_matches_from(line).err();
                let value = refused.filter(|it| it.kind() != clap::error::ErrorKind::MissingRequiredArgument);
                // the word of a form that goes on behind `=` is completed without, as kubectl does
                let value = value.filter(|it| !it.to_string().contains(" format specified but no "));
                assert!(value.is_none(), "{verb} --{long}={word}: {}", value.unwrap());
                seen.push(format!("{verb} {long}"));
            }
        }
    }
    seen.dedup();
    assert!(seen.len() > 12, "{seen:?}");
}

#[test]
fn what_only_others_know_is_asked_of_them() {
    for (line, beyond) in [
        ("status ", Beyond::ChainsAndBuilds),
        ("watch run", Beyond::ChainsAndBuilds),
        ("scale up ", Beyond::ChainsAndBuilds),
        ("stop ", Beyond::Chains),
        ("trigger ", Beyond::Chains),
        ("retry ", Beyond::Builds),
        ("cleanup --chain ", Beyond::Chains),
        ("start --chain=", Beyond::Chains),
        ("cleanup ", Beyond::Namespaces),
        ("cleanup a b ", Beyond::Namespaces),
        ("status --context ", Beyond::Contexts),
        ("--context ", Beyond::Contexts),
        ("status --cluster=", Beyond::Clusters),
        ("status --user ", Beyond::Users),
        ("start -f ", Beyond::Files),
        ("start --values ", Beyond::Files),
        ("start --set-file Key=", Beyond::Files),
        ("status --kubeconfig ", Beyond::Files),
        ("status one ", Beyond::Nothing),
        ("stop one ", Beyond::Nothing),
        ("status -n ", Beyond::Nothing),
        ("version ", Beyond::Nothing),
    ] {
        assert_eq!(completion(line).beyond, beyond, "{line}");
    }
}

#[test]
fn a_name_is_completed_behind_its_kind_too() {
    for (line, beyond) in [
        ("status namespace/", Beyond::Builds),
        ("watch ns/ci", Beyond::Builds),
        ("logs chain/", Beyond::Chains),
        ("stop chains/a", Beyond::Chains),
        ("cleanup ci-a namespaces/", Beyond::Namespaces),
        ("retry ns/", Beyond::Builds),
        ("cleanup --chain chain/", Beyond::Chains),
        ("stop namespace/", Beyond::Nothing),
        ("retry chain/", Beyond::Nothing),
        ("status pod/", Beyond::Nothing),
        ("start -f a/b", Beyond::Files),
        ("status --context a/", Beyond::Contexts),
    ] {
        assert_eq!(completion(line).beyond, beyond, "{line}");
    }
    let mut behind = completion("cleanup ns/ci-a namespace/ci");
    behind.add(["ci-a", "ci-b", "main"].map(|word| Candidate::new(word, "")));
    let said: Vec<_> = behind.candidates.iter().map(|it| it.word.as_str()).collect();
    assert_eq!(said, ["namespace/ci-b"], "none that is there already, by whatever it was called");
}

#[test]
fn a_name_that_steers_the_terminal_is_not_offered() {
    let mut contexts = completion("status --context ");
    contexts.add(
        ["near", "a\u{1b}[31mred", "two\nlines", "\u{9b}31m", "rtl\u{202e}"].map(|it| Candidate::new(it, "")),
    );
    let said: Vec<_> = contexts.candidates.iter().map(|it| it.word.as_str()).collect();
    assert_eq!(said, ["near"]);
}

#[test]
fn of_what_others_say_only_what_fits_is_taken_and_nothing_twice() {
    let told = ["ci-a", "ci-b", "main"].map(|word| Candidate::new(word, "Passed.\tlate\nmore"));
    let mut completion = completion("cleanup ci-a ci-");
    completion.add(told);
    let said: Vec<_> = completion.candidates.iter().map(|it| (it.word.as_str(), it.told.as_str())).collect();
    assert_eq!(said, [("ci-b", "Passed. late")]);
}
