//! `start`: a chain begins.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::ValueEnum;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::output::{DryRun, dry_run};
use super::pipeline::PipelineArgs;
use super::{duration, not_built_yet};

/// Begin a chain: claim a namespace, and wait there for the next push
///
/// Renders the pipeline, claims a namespace, dispatches the first listener there and waits until it listens. A second `start` of the same chain changes nothing and says so. The environment that the template reads is kept
/// with the chain, and every later build is rendered with the same.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Begin a chain from .studioci/pipeline.yaml, and build the next push
  kubectl studioci start

  # Build the image that is there now, too
  kubectl studioci start -f ci.yaml --values values.yaml --now

  # See what would be created
  kubectl studioci start --dry-run=client")]
pub struct StartArgs {
    /// The pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArgs,
    /// Name of the chain (default: REPOSITORY-BRANCH)
    #[arg(long, value_name = "NAME")]
    pub chain: Option<String>,
    /// Tag to listen from, instead of the template's
    #[arg(long, value_name = "TAG")]
    pub tag: Option<String>,
    /// Build the image that is there now, instead of waiting for the next one
    #[arg(long)]
    pub now: bool,
    /// `client` says what would be created, and creates nothing
    #[arg(long, value_name = "none|client", default_value = "none", value_parser = dry_run)]
    pub dry_run: DryRun,
    /// Begin of the namespaces' names
    #[arg(long, value_name = "PREFIX", default_value = "ci")]
    pub prefix: String,
    /// Image that brings the agent, instead of the one that home names
    #[arg(long, value_name = "IMAGE")]
    pub agent_image: Option<String>,
    /// Path of the agent inside the CI image, which then needs no agent image; the build can then replace its agent
    #[arg(long, value_name = "PATH", conflicts_with = "agent_image")]
    pub agent_path: Option<PathBuf>,
    /// Let the build use rights with which it could become its own agent
    #[arg(long)]
    pub trusted_build: bool,
    /// Pod Security level that the chain's namespaces enforce
    #[arg(long, value_name = "LEVEL")]
    pub pod_security: Option<PodSecurity>,
    /// How long to wait until the chain listens
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration::parse)]
    pub timeout: Duration,
}

/// The levels of Kubernetes' Pod Security Standards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PodSecurity {
    /// Everything is allowed.
    Privileged,
    /// Known ways to escalate are refused.
    Baseline,
    /// Hardened.
    Restricted,
}

impl PodSecurity {
    /// The value of the label `pod-security.kubernetes.io/enforce`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }
}

pub(super) async fn run(args: StartArgs, _ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let _ = args;
    std::future::ready(Err(not_built_yet("start"))).await
}
