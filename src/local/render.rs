//! Who renders: a child process that may fail in place of this one.
//!
//! A template is a program, and its text may be anybody's. So everything that a text decides (parsing, rendering,
//! reading YAML, weaving, every check) happens in [`child`], under bounds that no pipeline meets which is used as
//! one. The bounds are the same for a person and for an agent, so that what `start` takes, the agents take too; only how
//! long they wait for a machine that is busy differs.

mod measured;

use std::time::Duration;

use serde::{Deserialize, Serialize};

use self::measured::measured;
use super::child::{self, ChildLimits, Ended};
use crate::chain::webhook::WebhookBuild;
use crate::chain::wire;
use crate::pipeline::facts::{Facts, Reads};
use crate::pipeline::fault::Fault;
use crate::pipeline::lint::{self, LintFinding};
use crate::pipeline::moved::{self, Moved, Old};
use crate::pipeline::plan;
use crate::pipeline::sources::{Sources, Text};
use crate::pipeline::template;
use crate::pipeline::weave::{Plan, PlanInput, Running};
use crate::pipeline::webhook_body::last_body;

/// The hidden verb of the child.
pub const VERB: &str = "render-child";
/// Address space of the child. With an agent's own peak it stays below 80 % of the 256 MiB of its container; the program
/// alone takes some 40 MiB of it.
pub const MEMORY: u64 = 96 << 20;
/// CPU time of the child, seconds. A pipeline of a usual size takes some milliseconds.
pub const CPU: u64 = 2;
/// Bytes that a child is given at most: a template, its values, and facts.
pub const QUESTION_BYTES: usize = 8 << 20;
/// Bytes of its answer at most: an agent holds it several times over.
pub const ANSWER_BYTES: usize = 4 << 20;
/// Nodes of its answer at most: each takes far more memory than its bytes.
pub const ANSWER_NODES: usize = 100_000;
/// How deep its answer may be nested; the reader of JSON goes no deeper.
const ANSWER_DEPTH: usize = 100;
/// How long a person waits at most.
const PERSON: Duration = Duration::from_secs(9);
/// How long an agent waits: five times what its CPU limit of half a CPU makes of [`CPU`], and some.
const AGENT: Duration = Duration::from_secs(30);

/// Why there is nothing rendered.
#[derive(Debug, thiserror::Error)]
pub enum Unrendered {
    /// The pipeline cannot be used; every fault found, not only the first.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Faulty(Vec<Fault>),
    /// It came to no end by no fault of the pipeline, and may the next time; why.
    #[error("the pipeline could not be rendered: {0}")]
    NotRun(String),
}

/// What is asked of a template.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Task {
    /// What it reads of its surroundings.
    Reads(Text),
    /// What becomes of an old pipeline.
    Moved(Old),
    /// Its documents, as text.
    Documents {
        /// Template and values.
        sources: Sources,
        /// What it may read besides.
        facts: Facts,
        /// Whether secrets are shown.
        show_secrets: bool,
    },
    /// What `start` and a build would create, as text.
    Woven {
        /// Template and values.
        sources: Sources,
        /// What it may read besides.
        facts: Facts,
        /// Whether secrets are shown.
        show_secrets: bool,
    },
    /// Everything that may be wrong with it.
    Findings {
        /// Template and values.
        sources: Sources,
        /// What it may read besides.
        facts: Facts,
    },
    /// One of the others if the template reads nothing of its surroundings; else what it reads.
    IfAlone(Box<Task>),
    /// The plan of a chain's first listener.
    First {
        /// Template and values.
        sources: Sources,
        /// What it may read besides.
        facts: Facts,
        /// What the plan depends on besides.
        settings: PlanInput,
    },
    /// The plan of a push.
    Push {
        /// Template and values.
        sources: Sources,
        /// What it may read besides.
        facts: Facts,
        /// What the plan depends on besides.
        settings: PlanInput,
        /// What it has to fit; none where that was checked before.
        running: Option<Running>,
    },
    /// What a webhook's template makes of the last of these builds, if it makes something of each.
    Body(Text, Vec<WebhookBuild>),
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Answer {
    /// Of [`Task::Reads`].
    Reads(Reads),
    /// Of [`Task::Moved`].
    Moved(Box<Moved>),
    /// Of [`Task::Documents`], [`Task::Woven`] and [`Task::Body`], with what a person should know.
    Text(String, Vec<String>),
    /// Of [`Task::Findings`].
    Findings(Vec<LintFinding>),
    /// Of [`Task::First`] and [`Task::Push`].
    Plan(Box<Plan>),
}

impl Task {
    fn template(&self) -> &Text {
        match self {
            Self::Reads(template) | Self::Body(template, _) => template,
            Self::Moved(old) => &old.pipeline,
            Self::IfAlone(task) => task.template(),
            Self::Documents { sources, .. }
            | Self::Woven { sources, .. }
            | Self::Findings { sources, .. }
            | Self::First { sources, .. }
            | Self::Push { sources, .. } => &sources.template,
        }
    }

    /// Does it, in this process and without bounds.
    ///
    /// # Errors
    /// Every fault found.
    pub fn perform(&self) -> Result<Answer, Vec<Fault>> {
        match self {
            Self::Reads(text) => template::reads(text).map(Answer::Reads).map_err(|fault| vec![fault]),
            Self::Moved(old) => Ok(Answer::Moved(Box::new(moved::moved(old)))),
            Self::Body(template, builds) => {
                let body = last_body(template, builds).map_err(|fault| vec![fault])?;
                Ok(Answer::Text(body, Vec::new()))
            }
            Self::IfAlone(task) => {
                let reads = template::reads(task.template()).map_err(|fault| vec![fault])?;
                if reads.is_nothing() { task.perform() } else { Ok(Answer::Reads(reads)) }
            }
            Self::Documents { sources, facts, show_secrets } => {
                let rendered = plan::documents(sources, facts).map_err(|fault| vec![fault])?;
                let text = if *show_secrets { rendered.text } else { rendered.masked };
                Ok(Answer::Text(text, rendered.notices.iter().map(ToString::to_string).collect()))
            }
            Self::Woven { sources, facts, show_secrets } => {
                let woven = plan::preview(sources, facts, *show_secrets)?;
                let notices = woven.plan.notices.iter().map(ToString::to_string).collect();
                Ok(Answer::Text(woven.text(&woven.plan.build.image.tag), notices))
            }
            Self::Findings { sources, facts } => Ok(Answer::Findings(lint::findings(sources, facts))),
            Self::First { sources, facts, settings } => {
                plan::first(sources, facts, settings).map(|(_, plan)| Answer::Plan(Box::new(plan)))
            }
            Self::Push { sources, facts, settings, running } => {
                let (_, plan) = plan::plan(sources, facts, settings)?;
                running.as_ref().map_or(Ok(()), |running| plan.fits(running))?;
                Ok(Answer::Plan(Box::new(plan)))
            }
        }
    }
}

/// What a task came to: an answer, or every fault found.
type Performed = Result<Answer, Vec<Fault>>;

/// Who renders.
#[derive(Debug, Clone, Copy)]
pub struct Renderer {
    run: fn(&Task, Duration) -> Result<Performed, Unrendered>,
    clock: Duration,
}

impl Renderer {
    /// For a person, who waits.
    pub fn person() -> Self {
        Self { run: apart, clock: PERSON }
    }

    /// For an agent, whose node may be busy.
    pub fn agent() -> Self {
        Self { run: apart, clock: AGENT }
    }

    /// In this very process: a test's own program is no child that renders.
    #[cfg(any(test, feature = "testing"))]
    pub fn here() -> Self {
        Self { run: |task, _| Ok(task.perform()), clock: Duration::ZERO }
    }

    fn ask(self, task: &Task) -> Result<Performed, Unrendered> {
        (self.run)(task, self.clock)
    }

    /// What a template reads of its surroundings.
    ///
    /// # Errors
    /// [`Unrendered::Faulty`], and [`Unrendered::NotRun`] where the child could not come to its end.
    pub fn reads(self, template: Text) -> Result<Reads, Unrendered> {
        match self.ask(&Task::Reads(template))?.map_err(Unrendered::Faulty)? {
            Answer::Reads(reads) => Ok(reads),
            other => Err(misread(&other)),
        }
    }

    /// What becomes of an old pipeline.
    ///
    /// # Errors
    /// As for [`Self::reads`].
    pub fn moved(self, old: Old) -> Result<Moved, Unrendered> {
        match self.ask(&Task::Moved(old))?.map_err(Unrendered::Faulty)? {
            Answer::Moved(moved) => Ok(*moved),
            other => Err(misread(&other)),
        }
    }

    /// Everything that may be wrong with a pipeline; of a template that cannot be read at all, that.
    ///
    /// # Errors
    /// As for [`Self::reads`].
    pub fn findings(self, sources: Sources, facts: Facts) -> Result<Vec<LintFinding>, Unrendered> {
        match self.ask(&Task::Findings { sources, facts })?.map_err(Unrendered::Faulty)? {
            Answer::Findings(findings) => Ok(findings),
            other => Err(misread(&other)),
        }
    }

    /// A text, and what a person should know of it.
    ///
    /// # Errors
    /// As for [`Self::reads`].
    pub fn text(self, task: &Task) -> Result<(String, Vec<String>), Unrendered> {
        match self.ask(task)?.map_err(Unrendered::Faulty)? {
            Answer::Text(text, notices) => Ok((text, notices)),
            other => Err(misread(&other)),
        }
    }

    /// The same of a template that reads nothing of its surroundings, else what it reads: most read nothing, and one child
    /// is enough for them.
    ///
    /// # Errors
    /// As for [`Self::reads`].
    pub fn text_if_alone(self, task: Task) -> Result<Result<(String, Vec<String>), Reads>, Unrendered> {
        match self.ask(&Task::IfAlone(Box::new(task)))?.map_err(Unrendered::Faulty)? {
            Answer::Text(text, notices) => Ok(Ok((text, notices))),
            Answer::Reads(reads) => Ok(Err(reads)),
            other @ (Answer::Plan(_) | Answer::Moved(_) | Answer::Findings(_)) => Err(misread(&other)),
        }
    }

    /// A plan, or the faults of the pipeline.
    ///
    /// # Errors
    /// [`Unrendered::NotRun`] where the child could not come to its end, which may be otherwise the next time.
    pub fn plan(self, task: &Task) -> Result<Result<Plan, Vec<Fault>>, Unrendered> {
        match self.ask(task)? {
            Ok(Answer::Plan(plan)) => Ok(Ok(*plan)),
            Ok(other) => Err(misread(&other)),
            Err(faults) => Ok(Err(faults)),
        }
    }
}

fn misread(answer: &Answer) -> Unrendered {
    let what = match answer {
        Answer::Reads(_) => "names",
        Answer::Text(..) => "a text",
        Answer::Plan(_) => "a plan",
        Answer::Moved(_) => "a converted pipeline",
        Answer::Findings(_) => "findings",
    };
    not_run(&format!("it answered with {what}, which nobody asked for"))
}

fn not_run(why: &str) -> Unrendered {
    Unrendered::NotRun(why.to_owned())
}

/// Has a child do it.
fn apart(task: &Task, clock: Duration) -> Result<Performed, Unrendered> {
    let name = task.template().name.as_str();
    let question = serde_json::to_vec(task).map_err(|error| not_run(&error.to_string()))?;
    if question.len() > QUESTION_BYTES {
        return Ok(Err(vec![
            Fault::new(format!(
                "template, values and facts together are larger than {} MiB",
                QUESTION_BYTES >> 20
            ))
            .why("no cluster takes objects of that size")
            .hint("put large files into the image"),
        ]));
    }
    match child::run(&[VERB], &question, &bounds(clock)) {
        Ok(answer) => match measured(name, &answer) {
            Err(fault) => Ok(Err(vec![fault])),
            Ok(()) => serde_json::from_slice(&answer)
                .map_err(|error| not_run(&format!("the answer of the child cannot be read: {error}"))),
        },
        Err(ended) => over(name, ended, clock).map(|fault| Err(vec![fault])),
    }
}

fn bounds(clock: Duration) -> ChildLimits {
    ChildLimits { memory: MEMORY, cpu: CPU, answer: ANSWER_BYTES, clock }
}

/// What the child does: the other side of a rendering.
///
/// # Errors
/// What the system refuses; then nothing was read.
pub fn serve() -> std::io::Result<()> {
    let most = QUESTION_BYTES as u64 + 1;
    child::serve(&bounds(Duration::ZERO), most, |question| {
        let outcome: Performed = match serde_json::from_slice::<Task>(question) {
            Ok(task) => task.perform(),
            Err(error) => Err(vec![
                Fault::new("this is no question that a rendering answers")
                    .why(error.to_string())
                    .hint("only this program asks it: use kubectl studioci render"),
            ]),
        };
        // what cannot be written is an answer that cannot be read
        serde_json::to_vec(&outcome).unwrap_or_default()
    })
}

/// The fault of a pipeline that went over a bound; an error where nothing is known of it.
fn over(name: &str, ended: Ended, clock: Duration) -> Result<Fault, Unrendered> {
    let bound = |what: String, why: &str, hint: &str| Ok(Fault::new(what).why(why).hint(hint));
    match ended {
        Ended::Memory => bound(
            format!("rendering {name} takes more memory than the {} MiB that it may", MEMORY >> 20),
            "no pipeline that is used as one needs it; something in the template grows without an end",
            "look for what multiplies: a `set` that joins a variable with itself in a loop, a `replace` that makes its \
             text longer, aliases to something long; put large files into the image",
        ),
        Ended::Cpu => bound(
            format!("rendering {name} takes more CPU time than the {CPU} s that it may"),
            "no pipeline that is used as one needs it; something in the template runs without an end",
            "look for loops in loops, and for very many tags",
        ),
        Ended::Answer => bound(
            format!("what {name} gives is larger than {} MiB", ANSWER_BYTES >> 20),
            "no cluster takes objects of that size",
            "put large files into the image, or into a volume",
        ),
        Ended::Broken(words) => bound(
            format!("{name} broke its rendering: {words}"),
            "that is a mistake in this program",
            &format!("write the template in another way, and report it: {}", wire::HOMEPAGE),
        ),
        Ended::Late => Err(not_run(&format!(
            "after {} s it had not had the {CPU} s of CPU time that it may use, so the machine is too busy",
            clock.as_secs()
        ))),
        Ended::Killed(signal) => Err(not_run(&format!("somebody ended it with signal {signal}"))),
        Ended::NotRun(why) => Err(not_run(&format!("the system does not let it begin: {why}"))),
    }
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
