//! `-o` and `--dry-run`, as kubectl takes them.

use std::path::Path;

use clap::Args;
use serde_json::Value;

use super::failure::Failure;
use super::mistake::Mistake;
use super::pipeline::text;
use crate::output::columns::CustomColumns;
use crate::output::console::Console;
use crate::output::form::{ObjectForm, WholeForm};
use crate::output::jsonpath::JsonPath;
pub use crate::state::DryRun;

/// A complaint that is kubectl's own sentence, and is printed as it is.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(super) struct Sentence {
    text: String,
    /// Every word that would have been taken.
    pub(super) allowed: Vec<String>,
}

impl Sentence {
    fn new(text: String, allowed: &[&str]) -> Self {
        Self { text, allowed: allowed.iter().map(|&word| word.to_owned()).collect() }
    }

    /// Of what no list of words is taken.
    fn plain(text: String) -> Self {
        Self::new(text, &[])
    }
}

/// `--dry-run` of a verb that does not ask the server. What is not done then, each verb's help says itself.
#[derive(Debug, Clone, Copy, Args)]
pub struct DryRunArgs {
    /// If `client`, print what would be created without creating it
    #[arg(
        id = "dry_run",
        long = "dry-run",
        value_name = "none|client",
        default_value = "none",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "client",
        value_parser = dry_run
    )]
    pub asked: DryRun,
}

/// The same of one that can ask the server.
#[derive(Debug, Clone, Copy, Args)]
pub struct ServerDryRunArgs {
    /// If `client`, print what would be created; if `server`, have the server check it too; nothing is created
    #[arg(
        id = "dry_run",
        long = "dry-run",
        value_name = "none|client|server",
        default_value = "none",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "client",
        value_parser = server_dry_run
    )]
    pub asked: DryRun,
}

fn dry_run(text: &str) -> Result<DryRun, Sentence> {
    match text {
        "none" => Ok(DryRun::None),
        "client" => Ok(DryRun::Client),
        _ => Err(Sentence::new(
            format!("Invalid dry-run value ({text}). Must be \"none\" or \"client\"."),
            &["none", "client"],
        )),
    }
}

fn server_dry_run(text: &str) -> Result<DryRun, Sentence> {
    match text {
        "none" => Ok(DryRun::None),
        "client" => Ok(DryRun::Client),
        "server" => Ok(DryRun::Server),
        _ => Err(Sentence::new(
            format!("Invalid dry-run value ({text}). Must be \"none\", \"server\", or \"client\"."),
            &["none", "client", "server"],
        )),
    }
}

/// What `-o` says, before files are read that it names.
#[derive(Debug, Clone, PartialEq)]
pub enum OutputArg {
    /// A form.
    Form(ObjectForm),
    /// `jsonpath-file=FILE`.
    JsonPathFile(String),
    /// `custom-columns-file=FILE`.
    ColumnsFile(String),
    /// A template of Go, with what it is called.
    GoTemplate(String),
}

impl OutputArg {
    /// What the form is called.
    pub(super) fn word(&self) -> &str {
        match self {
            Self::Form(ObjectForm::Whole(form)) => form.word(),
            Self::Form(ObjectForm::Name) => "name",
            Self::Form(ObjectForm::Wide) => "wide",
            Self::Form(ObjectForm::Columns(_)) => "custom-columns",
            Self::JsonPathFile(_) => "jsonpath-file",
            Self::ColumnsFile(_) => "custom-columns-file",
            Self::GoTemplate(form) => form,
        }
    }

    /// Reads the file that it names.
    ///
    /// # Errors
    /// A file that cannot be read, or holds no such template; a template of Go, which nobody here can read.
    pub(super) fn read(&self) -> Result<ObjectForm, Failure> {
        const ABSENT: &str = "name the file behind `=`";
        let file = |path: &str| text(Path::new(path), ABSENT).map(|file| file.text);
        match self {
            Self::Form(form) => Ok(form.clone()),
            Self::JsonPathFile(path) => {
                let path = jsonpath(&file(path)?).map_err(Failure::usage)?;
                Ok(ObjectForm::Whole(WholeForm::JsonPath(path)))
            }
            Self::ColumnsFile(path) => {
                let columns = CustomColumns::of_file(&file(path)?).map_err(Failure::usage)?;
                Ok(ObjectForm::Columns(columns))
            }
            Self::GoTemplate(form) => Err(Mistake::NoGoTemplates { form: form.clone() }.into()),
        }
    }
}

const GO_TEMPLATES: [&str; 4] = ["go-template", "go-template-file", "template", "templatefile"];
const OF_RESULTS: [&str; 7] =
    ["json", "jsonpath", "jsonpath-as-json", "jsonpath-file", "kyaml", "name", "yaml"];
const OF_LISTS: [&str; 10] = [
    "custom-columns",
    "custom-columns-file",
    "json",
    "jsonpath",
    "jsonpath-as-json",
    "jsonpath-file",
    "kyaml",
    "name",
    "wide",
    "yaml",
];

/// `-o` of a verb that lists.
pub(super) fn of_lists(text: &str) -> Result<OutputArg, Sentence> {
    output(text, &OF_LISTS)
}

/// `-o` of a verb that says what became of an object.
pub(super) fn of_results(text: &str) -> Result<OutputArg, Sentence> {
    output(text, &OF_RESULTS)
}

/// `-o json` or `-o yaml`.
pub(super) fn whole(text: &str) -> Result<WholeForm, Sentence> {
    match output(text, &["json", "yaml"])? {
        OutputArg::Form(ObjectForm::Whole(form)) => Ok(form),
        _ => Err(unmatched(text, &["json", "yaml"])),
    }
}

fn output(text: &str, allowed: &[&str]) -> Result<OutputArg, Sentence> {
    let lower = text.to_lowercase();
    let (name, value) =
        text.split_once('=').map_or((lower.as_str(), None), |(name, value)| (name, Some(value)));
    if GO_TEMPLATES.contains(&name) && allowed.contains(&"jsonpath") {
        return Ok(OutputArg::GoTemplate(name.to_owned()));
    }
    let takes_one = name.starts_with("jsonpath") || name.starts_with("custom-columns");
    if !allowed.contains(&name) || (value.is_some() && !takes_one) {
        return Err(unmatched(text, allowed));
    }
    let value = value.unwrap_or_default();
    if takes_one && value.is_empty() {
        return Err(Sentence::plain(match name {
            "custom-columns" | "custom-columns-file" => {
                format!("{name} format specified but no custom columns given")
            }
            _ => "template format specified but no template given".to_owned(),
        }));
    }
    let form = match name {
        "json" => ObjectForm::Whole(WholeForm::Json),
        "yaml" => ObjectForm::Whole(WholeForm::Yaml),
        "kyaml" => ObjectForm::Whole(WholeForm::Kyaml),
        "name" => ObjectForm::Name,
        "wide" => ObjectForm::Wide,
        "jsonpath-file" => return Ok(OutputArg::JsonPathFile(value.to_owned())),
        "custom-columns-file" => return Ok(OutputArg::ColumnsFile(value.to_owned())),
        "custom-columns" => ObjectForm::Columns(CustomColumns::parse(value).map_err(Sentence::plain)?),
        "jsonpath" => ObjectForm::Whole(WholeForm::JsonPath(jsonpath(value).map_err(Sentence::plain)?)),
        _ => ObjectForm::Whole(WholeForm::JsonPathAsJson(jsonpath(value).map_err(Sentence::plain)?)),
    };
    Ok(OutputArg::Form(form))
}

fn jsonpath(text: &str) -> Result<JsonPath, String> {
    JsonPath::parse(text).map_err(|why| format!("error parsing jsonpath {text}, {why}"))
}

/// `--sort-by`.
pub(super) fn sort_by(text: &str) -> Result<JsonPath, Sentence> {
    JsonPath::relaxed(text).map_err(Sentence::plain)
}

/// Prints what became of one object after another: a line, or the object.
#[derive(Debug, Default)]
pub(super) struct Results {
    form: Option<ObjectForm>,
    printed: bool,
}

impl Results {
    /// In the form that was asked for.
    ///
    /// # Errors
    /// As [`OutputArg::read`].
    pub(super) fn of(output: Option<&OutputArg>) -> Result<Self, Failure> {
        Ok(Self { form: output.map(OutputArg::read).transpose()?, printed: false })
    }

    /// Whether objects are printed, and not lines.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.form, Some(ObjectForm::Whole(_)))
    }

    /// Prints one: `name` and what was done, the name, or the object.
    ///
    /// # Errors
    /// What stdout says; a path that cannot be followed.
    pub(super) fn print(
        &mut self,
        console: &mut Console,
        line: &str,
        name: &str,
        object: impl FnOnce() -> Value,
    ) -> Result<(), Failure> {
        let first = !std::mem::replace(&mut self.printed, true);
        match &self.form {
            Some(ObjectForm::Whole(form)) => {
                console.data(&form.print_next(&object(), first).map_err(Failure::usage)?)?;
            }
            Some(ObjectForm::Name) => console.line(name)?,
            _ => console.line(line)?,
        }
        Ok(())
    }
}

/// `-o name`, where that is all there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnlyName;

/// `-o` of a verb that deletes, in kubectl's words.
pub(super) fn only_name(text: &str) -> Result<OnlyName, Sentence> {
    let only = || format!("unexpected -o output mode: {text}. We only support '-o name'");
    if text == "name" { Ok(OnlyName) } else { Err(Sentence::new(only(), &["name"])) }
}

/// `-o yaml`, where that is all there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OnlyYaml;

pub(super) fn only_yaml(text: &str) -> Result<OnlyYaml, Sentence> {
    if text == "yaml" { Ok(OnlyYaml) } else { Err(unmatched(text, &["yaml"])) }
}

/// kubectl's words for a form that there is no printer for.
pub(super) fn unmatched(text: &str, allowed: &[&str]) -> Sentence {
    let joined = allowed.join(",");
    let text = format!(
        "unable to match a printer suitable for the output format \"{text}\", allowed formats are: {joined}"
    );
    Sentence::new(text, allowed)
}
