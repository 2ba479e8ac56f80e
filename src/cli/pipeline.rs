//! The flags that name a pipeline, shared by `render` and `start`.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};

use super::failure::Failure;
use super::mistake::Mistake;
use crate::local::regular::NamedBy;
use crate::local::render::Renderer;
use crate::local::{self, files::FileError};
use crate::output::console::Console;
use crate::pipeline::facts::{self, Fact, Facts, Group, Reads};
use crate::pipeline::fault::did_you_mean;
use crate::pipeline::sources::{Sources, Text};
use crate::pipeline::values::{json_fault, name_fault};

/// What is known of the repository at this moment only, and takes git a look at every file.
const OF_NOW: [&str; 3] = ["tag", "version", "dirty"];

const HEADING: &str = "Pipeline options";

/// The template that is looked for where none is named.
const FILENAME: &str = ".studioci/pipeline.yaml";

/// A pipeline as typed: one template and what fills it.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct PipelineArgs {
    /// Pipeline template, or `-` for stdin; recorded in plain text
    ///
    /// `start` records it in plain text in ConfigMap record-NAME, readable by anyone who may read namespace studioci.
    #[arg(help_heading = HEADING, short, long = "filename", value_name = "FILE", default_value = FILENAME)]
    pub filename: PathBuf,
    /// YAML file of values, or `-` for stdin (can be repeated, the last one wins); recorded in plain text
    ///
    /// Mappings merge, everything else replaces; null removes what an earlier file gives. A number that would print differently (1.10, 007, 1e3) stays text as written.
    ///
    /// `start` records the whole file in plain text in ConfigMap record-NAME, readable by anyone who may read namespace studioci. Pass secrets through the environment instead.
    #[arg(help_heading = HEADING, long, value_name = "FILE")]
    pub values: Vec<PathBuf>,
    /// Set a value as JSON, or several with a JSON object (can be repeated); recorded in plain text
    ///
    /// For numbers, booleans and lists: --set-json Gpus=2, --set-json '{"Gpus": 2, "Debug": false}'. KEY=JSON replaces what a values file has there, a JSON object is merged into it. Values files are read first, then --set-json, --set and --set-file, as in helm.
    ///
    /// `start` records it in plain text in ConfigMap record-NAME, readable by anyone who may read namespace studioci. Pass secrets through the environment instead.
    #[arg(help_heading = HEADING, long, value_name = "KEY=JSON", value_parser = json_pair)]
    pub set_json: Vec<String>,
    /// Set a value as text (can be repeated); recorded in plain text
    ///
    /// Everything after the first `=` is the value, commas included.
    ///
    /// `start` records it in plain text in ConfigMap record-NAME, readable by anyone who may read namespace studioci. Pass secrets through the environment instead.
    #[arg(help_heading = HEADING, long, value_name = "KEY=VALUE", value_parser = value_pair)]
    pub set: Vec<(String, String)>,
    /// Set a value to the text of a file, or `-` for stdin (can be repeated); recorded in plain text
    ///
    /// `start` records the file's content in plain text in ConfigMap record-NAME, readable by anyone who may read namespace studioci. Pass secrets through the environment instead.
    #[arg(help_heading = HEADING, long, value_name = "KEY=FILE", value_parser = OsStringValueParser::new().try_map(|text| file_pair(&text)))]
    pub set_file: Vec<(String, PathBuf)>,
    /// Environment variable whose value is not secret and may appear anywhere (can be repeated); recorded in plain text
    ///
    /// `start` records its value in plain text in ConfigMap record-NAME, readable by anyone who may read namespace studioci. Every other variable that the template reads goes into Secret chain-NAME there.
    #[arg(help_heading = HEADING, long, value_name = "NAME", value_parser = variable)]
    pub env: Vec<String>,
}

impl PipelineArgs {
    /// Reads the files, and of the facts of this machine those that the template reads and those that a chain renders from
    /// later; warns of what has no effect.
    pub(super) fn read(&self, console: &mut Console) -> Result<(Sources, Facts), Failure> {
        let sources = self.sources()?;
        let reads = Renderer::person().reads(sources.template.clone())?;
        let facts = self.facts(&reads, true)?;
        self.warn_of_env(&reads, &facts, console);
        Ok((sources, facts))
    }

    /// Warns of each `--env` that has no effect.
    pub(super) fn warn_of_env(&self, reads: &Reads, facts: &Facts, console: &mut Console) {
        for name in self.env.iter().collect::<BTreeSet<_>>() {
            if !reads.env.contains(name) {
                let meant = did_you_mean(name, reads.env.iter().map(String::as_str));
                let meant = meant.map_or_else(String::new, |meant| format!("; {meant}"));
                console.warning(&format!("--env {name}: the template does not read env.{name}{meant}"));
            } else if !facts.env.contains_key(name) {
                console.warning(&format!("--env {name}: the environment has no such variable"));
            }
        }
    }

    /// Reads the files.
    pub(super) fn sources(&self) -> Result<Sources, Failure> {
        self.stdin_once()?;
        Ok(Sources {
            template: text_named(&self.filename, self.template_named(), TEMPLATE)?,
            values: self.values.iter().map(|path| text(path, VALUES)).collect::<Result<_, _>>()?,
            set_json: self.set_json.clone(),
            set: self.set.clone(),
            set_file: self
                .set_file
                .iter()
                .map(|(key, path)| Ok((key.clone(), text(path, SET_FILE)?)))
                .collect::<Result<_, Failure>>()?,
        })
    }

    fn template_named(&self) -> NamedBy {
        if self.filename == Path::new(FILENAME) { NamedBy::Nobody } else { NamedBy::Person }
    }

    /// Refuses flags that read stdin after another one has.
    fn stdin_once(&self) -> Result<(), Failure> {
        let values = self.values.iter().map(|path| ("--values", path));
        let files = self.set_file.iter().map(|(_, path)| ("--set-file", path));
        let mut named = [("-f", &self.filename)].into_iter().chain(values).chain(files);
        let mut named = named.by_ref().filter(|(_, path)| local::files::is_stdin(path)).map(|(flag, _)| flag);
        match (named.next(), named.next()) {
            (Some(first), Some(second)) => {
                let (first, second) = (first.to_owned(), second.to_owned());
                Err(Mistake::StdinTwice { first, second }.into())
            }
            _ => Ok(()),
        }
    }

    /// The facts of this machine that a template reads. `kept`: whether others are wanted, too, since a chain renders from
    /// them later.
    pub(super) fn facts(&self, reads: &Reads, kept: bool) -> Result<Facts, Failure> {
        let environment = local::environment::read(&reads.env)
            .map_err(|fault| Mistake::VariableNotText { variable: fault.name })?;
        let of_build = |name: &str| name == "hash" && reads.build.contains("revision");
        // of a later push nobody knows those that are not kept
        let git =
            |name: &str| reads.git.contains(name) || of_build(name) || (kept && !OF_NOW.contains(&name));
        Ok(Facts {
            git: facts::group(local::git::facts(Path::new("."), git)),
            user: facts::group(local::user::facts(|name| kept || reads.user.contains(name))),
            env: facts::environment(environment, &self.env.iter().cloned().collect()),
            ..facts_of_no_machine()
        })
    }
}

/// The facts that no machine knows.
pub(super) fn facts_of_no_machine() -> Facts {
    Facts {
        image: unset("image", ", as by `render --woven`", &["name", "tag", "digest", "ref"]),
        build: unset("build", "", &["namespace", "chain", "generation", "parent", "revision"]),
        ..Facts::default()
    }
}

fn unset(group: &str, such_as: &str, names: &[&str]) -> Group {
    let why = format!("{group} facts are known only where a build is planned{such_as}");
    names.iter().map(|name| ((*name).to_owned(), Fact::unset(why.clone()))).collect()
}

/// What to do about a file that is not there, by the option that names it.
const TEMPLATE: &str = "name the pipeline with -f FILE; `-` is stdin";
const VALUES: &str = "name a file of values with --values FILE";
const SET_FILE: &str = "name the file whose text is the value with --set-file KEY=FILE";

/// The text of a file that a person has named.
pub(super) fn text(path: &Path, absent: &str) -> Result<Text, Failure> {
    text_named(path, NamedBy::Person, absent)
}

fn text_named(path: &Path, named: NamedBy, absent: &str) -> Result<Text, Failure> {
    let file = local::files::read(path, named, std::io::stdin()).map_err(|why| match why {
        FileError::Absent(file) => Mistake::FileAbsent { file, remedy: absent.to_owned() },
        FileError::Refused(file, why) => Mistake::FileRefused { file, why: why.to_string() },
        FileError::NotText(file) => Mistake::FileNotText { file },
        FileError::Irregular(file, what) => Mistake::FileIrregular { file, what },
        FileError::TooLarge(file) => Mistake::FileTooLarge { file },
    })?;
    Ok(Text { name: file.name, text: file.text })
}

/// Reads `KEY=VALUE`; only the first `=` parts.
pub(super) fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("expected KEY=VALUE".to_owned()),
    }
}

/// Reads the name of a variable.
fn variable(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        _ if text.is_empty() => Err("expected the NAME of a variable".to_owned()),
        Some((name, _)) => Err(format!(
            "expected NAME alone: the value comes from the environment; for one of your own give --set {name}=VALUE"
        )),
        None => Ok(text.to_owned()),
    }
}

fn value_pair(text: &str) -> Result<(String, String), String> {
    let (key, value) = pair(text)?;
    name_fault(&key).map_or(Ok((key, value)), Err)
}

fn json_pair(text: &str) -> Result<String, String> {
    json_fault(text).map_or_else(|| Ok(text.to_owned()), Err)
}

/// Reads `KEY=FILE`; a file's name may be any bytes.
fn file_pair(text: &OsString) -> Result<(String, PathBuf), String> {
    let mut parts = text.as_bytes().splitn(2, |byte| *byte == b'=');
    match (parts.next().map(str::from_utf8), parts.next()) {
        (Some(Ok(key)), Some(file)) if !key.is_empty() && !file.is_empty() => {
            name_fault(key).map_or_else(|| Ok((key.to_owned(), OsStr::from_bytes(file).into())), Err)
        }
        _ => Err("expected KEY=FILE".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_parts_at_the_first_equals_sign() {
        assert_eq!(pair("a=b=c,d"), Ok(("a".to_owned(), "b=c,d".to_owned())));
        assert_eq!(pair("a="), Ok(("a".to_owned(), String::new())));
        for text in ["", "a", "=b"] {
            assert!(pair(text).is_err(), "{text}");
        }
        let file = |text: &[u8]| file_pair(&OsStr::from_bytes(text).to_owned());
        assert_eq!(file(b"a=x/y=z"), Ok(("a".to_owned(), "x/y=z".into())));
        assert_eq!(file(b"a=x\xfe"), Ok(("a".to_owned(), OsStr::from_bytes(b"x\xfe").into())));
        for text in [&b"a="[..], b"=x", b"a", b"\xfe=x"] {
            assert!(file(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn all_flags_read_the_names_of_values_alike() {
        for name in ["a..b", ".a", "a.", " Tag", "a[0]"] {
            let said = |result: Result<(), String>| {
                let said = result.unwrap_err();
                assert!(said.starts_with(&format!("`{name}` is no name of a value: ")), "{said}");
            };
            said(value_pair(&format!("{name}=x")).map(drop));
            said(file_pair(&format!("{name}=x").into()).map(drop));
            said(json_pair(&format!("{name}=1")).map(drop));
        }
    }
}
