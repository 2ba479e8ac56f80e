//! kubectl's preferences (kuberc), of which one thing counts here: which credential plugins may run. Aliases and default flags are
//! those of kubectl's own commands.
//!
//! Who forbids a plugin must be able to rely on that. So where preferences are there and cannot be read, or say something
//! that cannot be meant, no plugin runs. kubectl warns and runs it where the file is the one at home.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::config_fault::ConfigFault;
use super::options::Preferences;
use super::plugin_program::clean;
use crate::keel::nearest::nearest;
use crate::local::files::MOST_BYTES;
use crate::local::regular::{FileUnread, NamedBy, read_bytes};
use crate::pipeline::documents;

/// The group and the kind of preferences, in whatever version: the fields below count wherever they stand.
const GROUP: &str = "kubectl.config.k8s.io";
const KIND: &str = "Preference";

const POLICY: &str = "credentialPluginPolicy";
const ALLOWLIST: &str = "credentialPluginAllowlist";
/// The fields of a Preference, in the versions that there are.
const FIELDS: [&str; 7] = ["apiVersion", "kind", "defaults", "overrides", "aliases", POLICY, ALLOWLIST];

/// Which credential plugins may run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) enum PluginPolicy {
    /// All of them.
    #[default]
    AllowAll,
    /// None.
    DenyAll,
    /// These commands.
    Allowlist(Vec<String>),
}

impl PluginPolicy {
    /// The program that may run for this command, which is a clean path or a name; or why none may. `find` gives the program
    /// that a command means, and is asked about this one only once: what is judged is what runs.
    ///
    /// As client-go's `checkAllowlistLocked`, but that what cannot be found is never allowed.
    pub(super) fn program(
        &self,
        command: &str,
        find: impl Fn(&str) -> Option<PathBuf>,
    ) -> Result<PathBuf, String> {
        let listed = match self {
            // what is not found here is looked for by whoever runs it
            Self::AllowAll => return Ok(find(command).unwrap_or_else(|| command.into())),
            Self::DenyAll => return Err("policy set to \"DenyAll\"".to_owned()),
            Self::Allowlist(listed) => listed,
        };
        let Some(program) = find(command) else {
            return Err(format!(
                "plugin path {command:?} cannot be resolved for the credential plugin allowlist check"
            ));
        };
        let is_called_so = |entry: &&String| Path::new(entry).file_name() == program.file_name();
        let allowed = listed.iter().any(|entry| *entry == command)
            || listed.iter().filter(is_called_so).any(|entry| find(entry).as_ref() == Some(&program));
        if allowed {
            return Ok(program);
        }
        let path = program.display().to_string();
        Err(format!("plugin path {path:?} is not permitted by the credential plugin allowlist"))
    }
}

/// What preferences say.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Kuberc {
    /// Their file; empty where there is none.
    pub(super) file: String,
    pub(super) policy: PluginPolicy,
    /// What a person should know of them, a sentence each.
    pub(super) warnings: Vec<String>,
}

impl Kuberc {
    /// Reads them; without any, all plugins may run.
    pub(super) fn of(preferences: &Preferences) -> Result<Self, ConfigFault> {
        let (path, at_home) = match preferences {
            Preferences::Off => return Ok(Self::default()),
            Preferences::Contradicted(variable) => {
                return Err(ConfigFault::PreferencesOff { variable });
            }
            Preferences::Named(path) => (path, false),
            Preferences::AtHome(path) => (path, true),
        };
        let file = path.display().to_string();
        let unreadable = |why: String| ConfigFault::PreferencesUnreadable { file: file.clone(), why };
        // a named one, too: a pipe that nobody writes into would end in no preferences, which forbid nothing, or never
        let bytes = match read_bytes(path, NamedBy::Nobody, MOST_BYTES) {
            Ok(bytes) => bytes,
            Err(FileUnread::Refused(error)) if at_home && error.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Self::default());
            }
            Err(why) => return Err(unreadable(why.to_string())),
        };
        let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8 text".to_owned()))?;
        match Self::read(&file, &text)? {
            Some(kuberc) => Ok(kuberc),
            None if text.trim().is_empty() => Ok(Self::default()),
            None => {
                let why = format!("there is no {KIND} of {GROUP} in it");
                if !at_home {
                    return Err(unreadable(why));
                }
                let warnings = vec![format!("kuberc {file}: {why}, so that it forbids no credential plugin")];
                Ok(Self { file, warnings, ..Self::default() })
            }
        }
    }

    /// The first Preference of a text, as for kubectl; documents of another kind before it are passed over.
    fn read(file: &str, text: &str) -> Result<Option<Self>, ConfigFault> {
        for part in parts(text) {
            let value = documents::read_value(file, &part);
            let value = value.map_err(|fault| ConfigFault::PreferencesUnreadable {
                file: file.to_owned(),
                why: fault.one_line(),
            })?;
            let Value::Object(fields) = value else { continue };
            let text = |field: &str| fields.get(field).and_then(Value::as_str).unwrap_or_default();
            let group = text("apiVersion").split_once('/').map(|(group, _)| group);
            if group == Some(GROUP) && text("kind") == KIND {
                let mut warnings = unknown(&fields, &FIELDS, file);
                let policy = policy(&fields, file, &mut warnings);
                let policy =
                    policy.map_err(|why| ConfigFault::PreferencesInvalid { file: file.to_owned(), why })?;
                return Ok(Some(Self { file: file.to_owned(), policy, warnings }));
            }
        }
        Ok(None)
    }
}

/// The documents of a text, parted as kubectl parts them. Each begins with empty lines, so that its lines have their numbers.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for (place, line) in text.lines().enumerate() {
        let parting = line.strip_prefix("---").map(str::trim);
        if parting.is_some_and(|rest| rest.is_empty() || rest.starts_with('#')) {
            parts.push("\n".repeat(place + 1));
        } else if let Some(part) = parts.last_mut() {
            part.push_str(line);
            part.push('\n');
        }
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// A warning for each field that means nothing.
fn unknown(fields: &Map<String, Value>, known: &[&str], file: &str) -> Vec<String> {
    let strange = fields.keys().filter(|key| !known.contains(&key.as_str()));
    let said = strange.map(|key| {
        let meant = nearest(key, known.iter().copied());
        let meant = meant.map_or_else(String::new, |meant| format!("; did you mean {meant:?}?"));
        format!("kuberc {file}: the field {key:?} is unknown and means nothing{meant}")
    });
    said.collect()
}

/// The policy, by kubectl's rules and in its words where it has some; or why it cannot be meant.
fn policy(
    fields: &Map<String, Value>,
    file: &str,
    warnings: &mut Vec<String>,
) -> Result<PluginPolicy, String> {
    let kind = match fields.get(POLICY) {
        None | Some(Value::Null) => "",
        Some(Value::String(kind)) => kind,
        Some(_) => return Err(format!("{POLICY} is no text")),
    };
    let listed = match fields.get(ALLOWLIST) {
        None | Some(Value::Null) => None,
        Some(Value::Array(entries)) => Some(entries),
        Some(_) => return Err(format!("{ALLOWLIST} is no list")),
    };
    match (kind, listed) {
        ("" | "AllowAll", None) => Ok(PluginPolicy::AllowAll),
        ("DenyAll", None) => Ok(PluginPolicy::DenyAll),
        ("" | "AllowAll" | "DenyAll", Some(_)) => Err(format!(
            "misconfigured credential plugin allowlist: plugin policy is {kind:?} but allowlist is non-nil"
        )),
        ("Allowlist", None) => {
            Err("credential plugin policy set to \"Allowlist\", but allowlist is unspecified".to_owned())
        }
        ("Allowlist", Some(entries)) if entries.is_empty() => Err(
            "credential plugin policy set to \"Allowlist\", but allowlist is empty; use \"DenyAll\" policy instead"
                .to_owned(),
        ),
        ("Allowlist", Some(entries)) => {
            let commands = entries.iter().enumerate().map(|(place, entry)| {
                command(entry, file, warnings).map_err(|why| {
                    format!("misconfigured credential plugin allowlist: {why} allowlist entry #{}", place + 1)
                })
            });
            commands.collect::<Result<_, _>>().map(PluginPolicy::Allowlist)
        }
        (kind, _) => Err(format!("unknown plugin policy: {kind:?}")),
    }
}

/// The command of an entry; `name` is what it was called first.
fn command(entry: &Value, file: &str, warnings: &mut Vec<String>) -> Result<String, &'static str> {
    let Value::Object(fields) = entry else { return Err("unreadable") };
    warnings.extend(unknown(fields, &["name", "command"], file));
    let text = |field: &str| match fields.get(field) {
        None | Some(Value::Null) => Ok(""),
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(_) => Err("unreadable"),
    };
    let (name, command) = (text("name")?, text("command")?);
    match if command.is_empty() { name } else { command } {
        "" => Err("empty"),
        _ if !name.is_empty() && !command.is_empty() && name != command => Err("ambiguous"),
        one if clean(one) != one => Err("non-normalized"),
        one => Ok(one.to_owned()),
    }
}

#[cfg(test)]
#[path = "kuberc_tests.rs"]
mod tests;
