//! The chain that is meant where none is named, by verbs that look and change nothing.
//!
//! What is said for a session goes before what the folder says, and that before what is said once for everywhere.

use std::io;
use std::path::Path;

use serde_json::Value;

use super::context::Ctx;
use super::failure::Failure;
use super::mistake::Mistake;
use super::named::{self, NamedArg};
use super::settings::{ProcessSettings, variable};
use crate::chain::names;
use crate::keel::nearest::nearest;
use crate::local;
use crate::local::files::FileError;
use crate::local::regular::NamedBy;
use crate::ops;
use crate::pipeline::{documents, facts};

/// The key of the settings file.
const CHAIN: &str = "chain";

/// A chain, and what says that it is meant; nothing where it is that of this checkout.
type MeantChain = (String, Option<String>);

/// That of `STUDIOCI_CHAIN`; else the one that `start` would begin here; else that of the settings file.
pub(super) fn chain_here(settings: &ProcessSettings) -> Result<String, Failure> {
    Ok(meant(settings, of_checkout)?.map_err(|why| Mistake::NoChainHere { why })?.0)
}

/// The name that was given, else the chain that somebody has said is meant; and where neither is, the chain of this checkout, which
/// counts only where it is there. What was said and is not there is an error: another chain's verdict is no answer.
pub(super) fn named_or_here(
    name: Option<NamedArg>,
    ctx: &mut Ctx,
) -> Result<(Option<NamedArg>, Option<String>), Failure> {
    if name.is_some() {
        return Ok((name, None));
    }
    Ok(match meant(&ctx.settings, of_checkout)? {
        Ok((name, Some(by))) => {
            ctx.console.talk(&format!("chain {name} is meant, by {by}"));
            (Some(NamedArg::chain(name)), None)
        }
        Ok((here, None)) => (None, Some(here)),
        Err(_) => (None, None),
    })
}

/// The chain that `start` would begin here, or why there is none.
pub(super) fn of_checkout() -> Result<String, String> {
    let git = local::git::facts(Path::new("."), |name| matches!(name, "repo" | "branch"));
    ops::start::chain_of_checkout(&facts::group(git))
}

/// The chain, or why there is none.
fn meant(
    settings: &ProcessSettings,
    of_checkout: impl FnOnce() -> Result<String, String>,
) -> Result<Result<MeantChain, String>, Failure> {
    if let Some(name) = &settings.chain {
        return Ok(Ok(checked(name, format!("variable {}", variable::CHAIN))?));
    }
    let why = match of_checkout() {
        Ok(name) => return Ok(Ok((name, None))),
        Err(why) => why,
    };
    let Some(file) = settings.settings_file() else { return Ok(Err(why)) };
    let by = format!("settings file {}", file.display());
    let text = match local::files::read(&file, NamedBy::Nobody, io::empty()) {
        Ok(file) => file.text,
        Err(FileError::Absent(_)) => return Ok(Err(why)),
        Err(fault) => return Err(Mistake::SettingsUnreadable { why: fault.to_string() }.into()),
    };
    match of_settings(&file.display().to_string(), &text)? {
        Some(name) => Ok(Ok(checked(&name, by)?)),
        None => Ok(Err(why)),
    }
}

fn checked(name: &str, by: String) -> Result<MeantChain, Mistake> {
    let name = named::of_new_chain(name).unwrap_or_default();
    match names::label_fault(&name, names::CHAIN_NAME_MAX) {
        Some(why) => Err(Mistake::NotAChain { by, name, why }),
        None => Ok((name, Some(by))),
    }
}

fn of_settings(file: &str, text: &str) -> Result<Option<String>, Failure> {
    let read = match documents::read_value(file, text)? {
        Value::Object(read) => read,
        Value::Null => return Ok(None),
        other => {
            let (file, found) = (file.to_owned(), found(&other));
            return Err(Mistake::SettingsMisread { file, found }.into());
        }
    };
    let mut chain = None;
    for (key, value) in read {
        let (file, known) = (file.to_owned(), [CHAIN]);
        match (key.as_str(), value) {
            (CHAIN, Value::Null) => {}
            (CHAIN, Value::String(name)) => chain = Some(name),
            (CHAIN, Value::Number(number)) => {
                return Err(Mistake::SettingUnquoted { file, key, value: number.to_string() }.into());
            }
            (CHAIN, Value::Bool(value)) => {
                return Err(Mistake::SettingUnquoted { file, key, value: value.to_string() }.into());
            }
            (CHAIN, other) => {
                return Err(Mistake::SettingNotText { file, key, found: found(&other) }.into());
            }
            _ => {
                let mistake = match nearest(&key, known) {
                    Some(near) => Mistake::SettingMisspelt { file, near: near.to_owned(), key },
                    None => Mistake::SettingUnknown { file, known: known.join(", "), key },
                };
                return Err(mistake.into());
            }
        }
    }
    Ok(chain)
}

/// What stands there; of a text no more than that it is one.
fn found(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(_) => "a text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::settings::HomeFolder;
    use super::*;

    struct Home(PathBuf);

    impl Home {
        fn new(settings: &str) -> Self {
            let home = std::env::temp_dir().join(format!("studioci-settings-{}", uuid::Uuid::new_v4()));
            let folder = home.join(".config/kubectl-studioci");
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("config.yaml"), settings).unwrap();
            Self(home)
        }

        fn meant(&self, variable: Option<&str>, checkout: Option<&str>) -> String {
            let settings = ProcessSettings {
                home: HomeFolder::At(Some(self.0.clone())),
                chain: variable.map(str::to_owned),
                ..ProcessSettings::default()
            };
            let of_checkout = || checkout.map(str::to_owned).ok_or_else(|| "no git".to_owned());
            let said = match meant(&settings, of_checkout) {
                Ok(Ok((name, by))) => format!("{name} by {}", by.as_deref().unwrap_or("this checkout")),
                Ok(Err(why)) => why,
                Err(failure) => failure.to_string(),
            };
            said.replace(&self.0.display().to_string(), "HOME")
        }
    }

    impl Drop for Home {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn a_session_goes_before_the_checkout_and_that_before_the_settings_file() {
        let home = Home::new("chain: mine\n");
        for (variable, checkout, expected) in [
            (Some("now"), Some("here"), "now by variable STUDIOCI_CHAIN"),
            (Some("now"), None, "now by variable STUDIOCI_CHAIN"),
            (None, Some("here"), "here by this checkout"),
            (Some("chain/now"), Some("here"), "now by variable STUDIOCI_CHAIN"),
            (None, None, "mine by settings file HOME/.config/kubectl-studioci/config.yaml"),
        ] {
            assert_eq!(home.meant(variable, checkout), expected);
        }
        for nothing in ["", "# chain: mine\n", "chain:\n", "chain: null\n", "chain: ~\n", "{}\n", "null\n"] {
            assert_eq!(Home::new(nothing).meant(None, None), "no git", "{nothing:?}");
        }
        let away = ProcessSettings::default();
        assert_eq!(meant(&away, || Err("no git".to_owned())).unwrap(), Err("no git".to_owned()));
    }

    #[test]
    fn a_settings_file_that_says_something_else_is_told_with_what_it_may_say() {
        let file = "HOME/.config/kubectl-studioci/config.yaml";
        for (text, said) in [
            (
                "chian: mine\n",
                "error: FILE: there is no setting \"chian\"\n  remedy: did you mean \"chain\"?",
            ),
            (
                "colour: red\n",
                "error: FILE: there is no setting \"colour\"\n  remedy: take it out; settings are: chain",
            ),
            (
                "chain: 7\n",
                "error: FILE: chain is 7, which YAML reads as no text, and a name is wanted\n  remedy: write it in quotes, \
                 chain: \"7\", or name another chain: kubectl studioci status --chains lists them",
            ),
            (
                "chain: true\n",
                "error: FILE: chain is true, which YAML reads as no text, and a name is wanted\n  remedy: write it in quotes, \
                 chain: \"true\", or name another chain: kubectl studioci status --chains lists them",
            ),
            (
                "chain: [a, b]\n",
                "error: FILE: chain is a list, and the name of one chain is wanted\n  remedy: write it as chain: NAME; kubectl \
                 studioci status --chains lists them",
            ),
            (
                "chain:\n  name: a\n",
                "error: FILE: chain is a mapping, and the name of one chain is wanted\n  remedy: write it as chain: NAME; \
                 kubectl studioci status --chains lists them",
            ),
            (
                "settings: {chain: a}\n",
                "error: FILE: there is no setting \"settings\"\n  remedy: take it out; settings are: chain",
            ),
            (
                "- chain\n",
                "error: FILE: it is a list, and settings are a mapping\n  remedy: write it as chain: NAME, or delete the file",
            ),
            (
                "mine\n",
                "error: FILE: it is a text, and settings are a mapping\n  remedy: write it as chain: NAME, or delete the file",
            ),
            (
                "5\n",
                "error: FILE: it is 5, and settings are a mapping\n  remedy: write it as chain: NAME, or delete the file",
            ),
        ] {
            assert_eq!(Home::new(text).meant(None, None), said.replace("FILE", file), "{text}");
        }
        for text in ["chain: a\n---\nchain: b\n", "---\n# mine\nchain: a\n---\n\nchain: b\n---\nchain: c\n"] {
            let several = Home::new(text).meant(None, None);
            let place = text.lines().position(|line| line == "chain: b").unwrap() + 1;
            let said = format!("error: a second document starts here\n  at {file}, line {place}, column 1\n");
            assert!(several.starts_with(&said), "{several}");
            assert!(several.contains("one is read") && !several.contains("put a line `---`"), "{several}");
        }
        for one in
            ["---\nchain: mine\n", "chain: mine\n---\n", "---\n---\nchain: mine\n", "chain: chain/mine\n"]
        {
            let said = Home::new(one).meant(None, None);
            assert!(said.starts_with("mine by "), "{one:?}: {said}");
        }
        let large = Home::new(&format!("chain: mine\n{}", "#".repeat(4 << 20))).meant(None, None);
        assert_eq!(
            large,
            format!(
                "error: settings: {file} is larger than 4 MiB\n  remedy: make it a text of at most 4 MiB that you may read, or \
                 delete it"
            )
        );
        let misread = Home::new("chain: {\n").meant(None, None);
        assert!(misread.starts_with("error: ") && misread.contains(file), "{misread}");
        for (home, variable, by) in [
            (Home::new("chain: My_chain\n"), None, &*format!("settings file {file}")),
            (Home::new(""), Some("My_chain"), "variable STUDIOCI_CHAIN"),
        ] {
            let said = home.meant(variable, None);
            assert!(
                said.starts_with(&format!("error: {by}: \"My_chain\" is no name of a chain: it ")),
                "{said}"
            );
        }
        // whoever is told by a nearer word does not need the file
        assert_eq!(Home::new("chian: x\n").meant(None, Some("here")), "here by this checkout");
    }
}
