//! `setup`: install what a cluster needs once.

use clap::Args;

use super::context::Ctx;
use super::failure::{ExitKind, Failure};
use super::mistake::Mistake;
use super::named;
use super::output::whole;
use super::start::PodSecurityLevel;
use crate::chain::rights::{self, Added, Narrowed, Team};
use crate::ops::setup;
use crate::output::form::WholeForm;
use crate::state::chain::may_be_a_chain;

/// Install what a cluster needs, once per cluster, or print it
///
/// Installs namespace studioci, the roles, and the admission policies that confine builds. Requires the rights of a cluster administrator; no other verb does.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  # Install, with the agent image named by its digest
  kubectl studioci setup --agent-image $AGENT_IMAGE

  # Install again what was changed or deleted, with the same agent image
  kubectl studioci setup

  # Print the manifests and apply them with kubectl
  kubectl studioci setup --print --agent-image $AGENT_IMAGE | kubectl apply -f -

  # Let a group use all chains
  kubectl studioci setup --print --group devs | kubectl apply -f -

  # Print what lets a group use one chain, held to a Pod Security level
  kubectl studioci setup --print --group devs --chain runner-main --pod-security baseline")]
pub struct SetupArgs {
    /// Print the manifests instead of installing them; needs no cluster
    #[arg(long)]
    pub print: bool,
    /// Image of the agent, by digest (default: the one installed, else that of this release)
    #[arg(long, value_name = "IMAGE")]
    pub agent_image: Option<String>,
    /// Label key that a webhook of this cluster adds to namespaces (can be repeated)
    #[arg(long, value_name = "KEY")]
    pub added_label: Vec<String>,
    /// Annotation key that a webhook of this cluster adds to namespaces (can be repeated)
    #[arg(long, value_name = "KEY")]
    pub added_annotation: Vec<String>,
    /// Proxy by which agents reach GitHub and webhooks (`''` for none; default: the one in use)
    #[arg(long, value_name = "URL")]
    pub https_proxy: Option<String>,
    /// Hosts that agents reach without that proxy, separated by commas (`''` for none)
    #[arg(long, value_name = "LIST")]
    pub no_proxy: Option<String>,
    /// Whose bindings are printed instead.
    #[command(flatten)]
    pub team: TeamArgs,
}

/// What lets a group use what is installed.
#[derive(Debug, Args)]
pub struct TeamArgs {
    /// Group whose bindings to print instead of the manifests
    #[arg(
        long,
        value_name = "GROUP",
        requires = "print",
        conflicts_with_all = ["agent_image", "added_label", "added_annotation", "https_proxy", "no_proxy"]
    )]
    pub group: Option<String>,
    /// The one chain that the group may use (default: all)
    #[arg(long, value_name = "NAME", requires = "group", value_parser = named::of_new_chain)]
    pub chain: Option<String>,
    /// Lowest Pod Security level that the group may start the chain with (default: none)
    #[arg(long, value_name = "LEVEL", requires = "chain")]
    pub pod_security: Option<PodSecurityLevel>,
    /// Output format of the bindings, one of: json, yaml (default: yaml)
    #[arg(short, long, value_name = "FORMAT", requires = "group", value_parser = whole)]
    pub output: Option<WholeForm>,
}

/// Prints what lets a group use all chains, or one.
fn print_team(group: &str, args: &TeamArgs, ctx: &mut Ctx) -> Result<(), Failure> {
    if let Some(why) = rights::group_fault(group) {
        return Err(Mistake::NotATeam { group: group.to_owned(), why }.into());
    }
    let narrowed = match &args.chain {
        None => None,
        Some(chain) => {
            may_be_a_chain(chain)?;
            if args.pod_security.is_none() {
                ctx.console.warning(
                    "without --pod-security the group may start the chain with pods that mount their node and reach \
                     whatever runs there; --pod-security baseline holds it to that level, or to restricted",
                );
            }
            let levels = args.pod_security.map_or(&[][..], PodSecurityLevel::and_stricter);
            Some(Narrowed { chain, levels })
        }
    };
    let form = args.output.as_ref().unwrap_or(&WholeForm::Yaml);
    for (number, object) in rights::of_team(&Team { group, narrowed }).iter().enumerate() {
        ctx.console.data(&form.print_next(object, number == 0).map_err(Failure::usage)?)?;
    }
    Ok(())
}

pub(super) async fn run(args: SetupArgs, ctx: &mut Ctx) -> Result<ExitKind, Failure> {
    if let Some(group) = &args.team.group {
        return print_team(group, &args.team, ctx).map(|()| ExitKind::Done);
    }
    let added = Added { labels: args.added_label, annotations: args.added_annotation };
    let asked = setup::Asked {
        agent_image: args.agent_image,
        added: Some(added).filter(|it| !it.is_empty()),
        https_proxy: args.https_proxy,
        no_proxy: args.no_proxy,
    };
    if args.print {
        ctx.console.data(&setup::print(&asked)?)?;
        return Ok(ExitKind::Done);
    }
    let cluster = ctx.connect()?;
    let mut lost = None;
    let installed = {
        let console = &mut ctx.console;
        let mut line = |line: &setup::Line| {
            if let Err(error) = console.event(&line.to_string()) {
                lost.get_or_insert(error);
            }
        };
        setup::setup(&cluster, &asked, &mut line).await?
    };
    for notice in &installed.notices {
        ctx.console.warning(notice);
    }
    lost.map_or(Ok(ExitKind::Done), |error| Err(error.into()))
}
