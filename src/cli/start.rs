//! `start`: begin a chain.

use std::path::Path;
use std::time::Duration;

use clap::Args;
use clap::ValueEnum;
use jiff::Timestamp;
use serde_json::Value;

use super::cleanup::count;
use super::context::Ctx;
use super::duration;
use super::failure::{ExitKind, Failure};
use super::here::of_checkout;
use super::live::LiveWait;
use super::named;
use super::output::{DryRunArgs, OutputArg, Results, of_results};
use super::pipeline::PipelineArgs;
use super::publishing::PublishArgs;
use crate::chain::build::Phase;
use crate::chain::chain_object::ChainSeen;
use crate::chain::retention::Rules;
use crate::chain::{kept_log, names};
use crate::local::git;
use crate::local::render::Renderer;
use crate::ops;
use crate::ops::start::{SecretCopy, SecretSource, StartOutcome, StartRequest};
use crate::output::narration::Narrator;
use crate::pipeline::facts::Fact;
use crate::state::home::Home;
use crate::state::narration::Narration;

/// Start a chain: claim a namespace and listen there for the next push
///
/// Renders the pipeline, claims a namespace, creates the first listener in it and waits until it listens. If the chain exists and nothing has changed, nothing is done. If the pipeline, the values or --tag have changed, the chain moves on to a new listener; running builds finish. A stopped chain continues where it was.
///
/// Namespace studioci keeps what later builds are rendered with: template, values and files in plain text in ConfigMap record-NAME, and the environment variables that the template reads in Secret chain-NAME.
#[derive(Debug, Args)]
#[command(
    mut_arg("dry_run", |arg| arg.help("If `client`, print what would be created of a new chain, without asking the cluster")),
    after_help = "\
Examples:
  # Start a chain from .studioci/pipeline.yaml; the next push is built
  kubectl studioci start

  # Start a chain, and build the image that is there now
  kubectl studioci start -f ci.yaml --values values.yaml --now

  # Move a chain to another tag
  kubectl studioci start --tag build-0007

  # Have the chain dispose of builds a week after their end, but for the newest five of each verdict
  kubectl studioci start --older-than 7d --keep 5

  # Set commit statuses on GitHub, with the token in $GITHUB_TOKEN
  kubectl studioci start --github

  # Copy a pull Secret of this namespace, and one of another, into the namespace of each build
  kubectl studioci start --secret registry-login --secret deploy-key=ci/deploy-key

  # Show what would be created
  kubectl studioci start --dry-run=client"
)]
pub struct StartArgs {
    /// The pipeline.
    #[command(flatten)]
    pub pipeline: PipelineArgs,
    /// Name of the chain (default: REPOSITORY-BRANCH)
    #[arg(long, value_name = "NAME", value_parser = named::of_new_chain)]
    pub chain: Option<String>,
    /// Tag to listen from instead of the template's; an existing chain continues from it
    #[arg(long, value_name = "TAG")]
    pub tag: Option<String>,
    /// Build the image that is there now, or a newer one that Keel finds first, instead of waiting for the next one
    #[arg(long)]
    pub now: bool,
    /// Whether it is only looked at.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
    /// Prefix of generated namespace names (default: the chain's name)
    #[arg(long, value_name = "PREFIX")]
    pub prefix: Option<String>,
    /// Allow builds to have rights with which they could act as the chain's agent
    #[arg(long)]
    pub trusted_build: bool,
    /// Pod Security level enforced in the chain's namespaces
    #[arg(long, value_name = "LEVEL")]
    pub pod_security: Option<PodSecurityLevel>,
    /// Copy an existing Secret into the namespace of each build, before its listener (repeatable)
    #[arg(long = "secret", value_name = "NAME[=[NAMESPACE/]NAME]", value_parser = secret)]
    pub secrets: Vec<SecretSource>,
    /// Have the chain dispose of builds that ended longer ago than this, such as 12h or 7d
    #[arg(long, value_name = "AGE", value_parser = duration::age, allow_hyphen_values = true)]
    pub older_than: Option<Duration>,
    /// Have the chain keep this many of its newest builds of each verdict, and dispose of the rest
    #[arg(long, value_name = "COUNT", value_parser = count, allow_hyphen_values = true)]
    pub keep: Option<usize>,
    /// Keep builds that did not pass for at least this long after their end
    #[arg(long, value_name = "AGE", value_parser = duration::age, allow_hyphen_values = true)]
    pub keep_failed: Option<Duration>,
    /// How much of each build's log to keep after its end: a size up to 512Ki, 0 for none (default: 256Ki)
    #[arg(long, value_name = "SIZE", value_parser = kept_log::size, allow_hyphen_values = true)]
    pub keep_log: Option<usize>,
    /// Output format, one of: json, jsonpath, jsonpath-as-json, jsonpath-file, kyaml, name, yaml
    #[arg(short, long, value_name = "FORMAT", value_parser = of_results)]
    pub output: Option<OutputArg>,
    /// Who is told of its builds.
    #[command(flatten)]
    pub publish: PublishArgs,
    /// How long to wait until the chain listens
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = duration::parse)]
    pub timeout: Duration,
}

/// The levels of Kubernetes' Pod Security Standards.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PodSecurityLevel {
    /// Unrestricted.
    Privileged,
    /// Prevents known privilege escalations.
    Baseline,
    /// Follows current pod hardening best practices.
    Restricted,
}

impl PodSecurityLevel {
    /// The value of the label `pod-security.kubernetes.io/enforce`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Privileged => "privileged",
            Self::Baseline => "baseline",
            Self::Restricted => "restricted",
        }
    }

    /// The levels that hold at least as much; none for the one that holds nothing.
    pub fn and_stricter(self) -> &'static [&'static str] {
        match self {
            Self::Privileged => &[],
            Self::Baseline => &["baseline", "restricted"],
            Self::Restricted => &["restricted"],
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the time of the claim is taken here")]
pub(super) async fn run(args: StartArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let mut results = Results::of(args.output.as_ref())?;
    let (sources, facts) = args.pipeline.read(&mut ctx.console)?;
    if let Some(Fact::Unset(why)) = facts.git.get("dir")
        && args.chain.is_some()
        && git::lies_in_one(Path::new("."))
    {
        ctx.console.warning(&format!(
            "git cannot read this repository ({why}), so that the chain does not know whose it is"
        ));
    }
    let request = StartRequest {
        sources,
        facts,
        chain: args.chain,
        prefix: args.prefix,
        tag: args.tag,
        now: args.now,
        trusted_build: args.trusted_build,
        pod_security: args.pod_security.map(|level| level.as_str().to_owned()),
        copies: args.secrets.iter().map(SecretCopy::unread).collect(),
        secrets: in_namespace(args.secrets, ctx.connection.namespace.as_deref()),
        retention: Rules { older_than: args.older_than, keep: args.keep, keep_failed: args.keep_failed },
        publish: args.publish.read(ctx.settings.proxies.clone())?,
        keep_log: args.keep_log,
        renderer: Renderer::person(),
        timeout: args.timeout,
        at: Timestamp::now(),
    };
    if args.dry_run.asked.is_dry() {
        return preview(&request, &mut results, ctx);
    }
    let cluster = ctx.connect()?;
    let outcome = {
        let shown = ctx.console.live().filter(|_| args.output.is_none());
        let chain = request.chain.clone().or_else(|| of_checkout().ok());
        let wait = LiveWait::on(shown, "Starting").of_chain(chain);
        let narrator = Narrator::of(&mut ctx.console);
        let say = |it: Narration<'_>| {
            wait.narrates(&it);
            narrator.say(&it);
        };
        let starting = Box::pin(ops::start::start(&cluster, &request, &say));
        wait.during(&cluster, Some((Phase::Claimed, Phase::Listening)), starting).await?
    };
    let (build, operation) = match outcome {
        StartOutcome::Started(build) => (build, "started"),
        StartOutcome::Configured(build) => (build, "configured"),
        StartOutcome::Unchanged(build) => (build, "unchanged"),
    };
    let chain = build.chain.as_str();
    let object = || {
        let (name, uuid) = (chain.to_owned(), Some(build.chain_uuid.clone()));
        ChainSeen { name, uuid, newest: Some(build.clone()), ..ChainSeen::default() }.object(None)
    };
    let name = format!("chain/{chain}");
    results.print(&mut ctx.console, &format!("{name} {operation}"), &name, object)?;
    let standing = match (&build.waiting, build.phase) {
        (Some(why), Phase::Claimed) => format!("namespace {}: {why}", build.namespace),
        (_, phase) => format!("namespace {}: {phase}", build.namespace),
    };
    ctx.console.talk(&standing);
    ctx.console.talk(&format!("Follow the next build with: kubectl studioci watch {chain}"));
    Ok(ExitKind::Done)
}

/// Reads `NAME`, `NAME=OTHER` or `NAME=NAMESPACE/OTHER`.
fn secret(text: &str) -> Result<SecretSource, String> {
    let (name, source) = text.split_once('=').unwrap_or((text, text));
    let (namespace, there) = match source.split_once('/') {
        Some((namespace, there)) => (Some(namespace), there),
        None => (None, source),
    };
    let of_namespace = namespace.map(|namespace| (namespace, names::label_fault(namespace, 63)));
    let faults =
        [Some((name, names::object_fault(name))), Some((there, names::object_fault(there))), of_namespace];
    for (what, fault) in faults.into_iter().flatten() {
        if let Some(why) = fault {
            return Err(format!("{what:?} {why}"));
        }
    }
    Ok(SecretSource {
        name: name.to_owned(),
        namespace: namespace.map(str::to_owned),
        there: there.to_owned(),
    })
}

/// Those that name no namespace are read in that of the connection flags.
fn in_namespace(secrets: Vec<SecretSource>, namespace: Option<&str>) -> Vec<SecretSource> {
    let of_flags = || namespace.map(str::to_owned);
    secrets
        .into_iter()
        .map(|source| SecretSource { namespace: source.namespace.or_else(of_flags), ..source })
        .collect()
}

/// What would be created, without asking the cluster: as `kubectl create --dry-run=client`, it says `created` of what may be there.
fn preview(request: &StartRequest, results: &mut Results, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    let intent = request.intend(&Home::unasked())?;
    for notice in &intent.plan.notices {
        ctx.console.warning(&notice.to_string());
    }
    if results.is_whole() {
        let name = intent.record.settings.chain.clone();
        let object = || ChainSeen { name, ..ChainSeen::default() }.object(None);
        results.print(&mut ctx.console, "", "", object)?;
        return Ok(ExitKind::Done);
    }
    for object in intent.objects(request.at)? {
        let line = format!("{object} created (dry run)");
        results.print(&mut ctx.console, &line, &object, || Value::Null)?;
    }
    Ok(ExitKind::Done)
}
