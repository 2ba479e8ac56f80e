//! What `start` is asked for, what it would create (worked out without a cluster), and what comes of it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::copy::{SecretCopy, SecretSource};
use super::publish::{PublishRequest, try_template};
use crate::chain::build::{Baseline, Build};
use crate::chain::record::ChainSettings;
use crate::chain::retention::Rules;
use crate::chain::{kept_log, names, rights, wire};
use crate::keel::image;
use crate::local::render::{Renderer, Task};
use crate::pipeline::facts::{Fact, Facts, Group};
use crate::pipeline::sources::Sources;
use crate::pipeline::weave::{self, Plan, PodSecurity};
use crate::state::chain::may_be_a_chain;
use crate::state::claim::Claim;
use crate::state::error::{Error, Result, StartFlagFault};
use crate::state::home::Home;
use crate::state::record::{CopiedValues, Record};
use crate::state::write;

/// What `start` is asked for.
#[derive(Debug, Clone)]
pub struct StartRequest {
    /// Template and values.
    pub sources: Sources,
    /// Facts of the person's machine, the environment that the template reads included.
    pub facts: Facts,
    /// The chain's name; none = `<repo>-<branch>`.
    pub chain: Option<String>,
    /// Prefix of namespaces; none = the chain's name.
    pub prefix: Option<String>,
    /// The tag to listen from instead of the template's.
    pub tag: Option<String>,
    /// Build the first image seen instead of waiting for a push.
    pub now: bool,
    /// Whether builds may get `studioci-trusted`.
    pub trusted_build: bool,
    /// Pod Security level to enforce; none = what the pipeline's Namespace document says.
    pub pod_security: Option<String>,
    /// Secrets to copy into the chain.
    pub secrets: Vec<SecretSource>,
    /// The same as they were read.
    pub copies: Vec<SecretCopy>,
    /// Which builds the chain is to dispose of; what is not given here, the pipeline's Namespace document says.
    pub retention: Rules,
    /// Whom the chain is to tell of its builds; what is not given here, the pipeline's Namespace document says.
    pub publish: PublishRequest,
    /// So many bytes of a build's log are to be kept; none = what that document says.
    pub keep_log: Option<usize>,
    /// Who renders.
    pub renderer: Renderer,
    /// How long the first listener may take.
    pub timeout: Duration,
    /// Now.
    pub at: Timestamp,
}

/// What came of `start`.
#[derive(Debug, Clone, PartialEq)]
pub enum StartOutcome {
    /// The chain turns from now on.
    Started(Build),
    /// It did already, and does by another pipeline or from another tag from now on.
    Configured(Build),
    /// It did already, with the same pipeline.
    Unchanged(Build),
}

/// What `start` would create, worked out without a cluster.
#[derive(Debug, Clone)]
pub struct Intent {
    /// The chain's record, under a fresh uuid.
    pub record: Record,
    /// A fresh seed.
    pub seed: Uuid,
    /// Home, as it was read.
    pub home: Home,
    /// The pipeline.
    pub plan: Plan,
    /// The tag to listen from.
    pub tag: String,
    /// What is not built.
    pub baseline: Baseline,
}

impl StartRequest {
    /// Works out the chain and its plan; touches no cluster.
    ///
    /// # Errors
    /// Everything that is wrong with the pipeline and the flags.
    pub fn intend(&self, home: &Home) -> Result<Intent> {
        let chain = self.chain_name()?;
        let prefix = self.prefix.clone().unwrap_or_else(|| names::prefix_of(&chain));
        if let Some(why) = names::label_fault(&prefix, names::PREFIX_MAX) {
            return Err(Error::BadPrefix { prefix, why });
        }
        if let Some((tag, Err(why))) = self.tag.as_ref().map(|tag| (tag, image::check_tag(tag))) {
            return Err(Error::BadTag { tag: tag.clone(), why: why.to_owned() });
        }
        let uuid = Uuid::new_v4().to_string();
        let labels = rights::labels(&chain);
        let settings = weave::PlanInput {
            chain: chain.clone(),
            chain_uuid: uuid.clone(),
            agent_image: home.agent_image.clone(),
            trusted_build: self.trusted_build,
            tag: self.tag.clone(),
            by_hand: false,
            namespace: None,
            copied: self.copies.iter().map(|copy| copy.filled(&labels)).collect(),
        };
        let (sources, facts) = (self.sources.clone(), self.facts.clone());
        let plan = self.renderer.plan(&Task::First { sources, facts, settings })?.map_err(Error::Pipeline)?;
        let tag = self.tag.clone().unwrap_or_else(|| plan.build.image.tag.clone());
        let baseline = if self.now { Baseline::None } else { Baseline::Pending(tag.clone()) };
        let mut pod_security = plan.namespace.pod_security.labels();
        if let Some(level) = &self.pod_security {
            pod_security.insert(format!("{}enforce", PodSecurity::PREFIX), level.clone());
        }
        let weave::Loan { labels, annotations, .. } = plan.namespace.clone();
        if let Some(why) = rights::lent_fault(&labels, &annotations) {
            return Err(Error::NotLendable { why });
        }
        let open = self.facts.env.iter().filter(|(_, value)| !value.secret);
        let remote = text(self.facts.git.get("url"));
        let (publish, of_publish) = self.publish.settle(&plan.namespace.publish, remote.as_deref())?;
        try_template(&publish, &chain, self.renderer)?;
        let settings = ChainSettings {
            chain,
            uuid,
            repository: plan.build.image.repository_key(),
            remote,
            prefix,
            workload: plan.build.name.clone(),
            container: plan.build.container.clone(),
            trusted_build: self.trusted_build,
            pod_security,
            labels,
            annotations,
            env: open.map(|(name, value)| (name.clone(), value.value.clone())).collect(),
            secrets: self.copies.iter().map(|copy| copy.secret.clone()).collect(),
            retention: self.retention(&plan.namespace.retention)?,
            publish,
            supersede: plan.namespace.supersede,
            keep_log: self.keep_log.or(plan.namespace.keep_log).unwrap_or_else(kept_log::default_size),
        };
        let held = self.copies.iter().flat_map(|copy| copy.held.0.clone()).chain(of_publish).collect();
        let record = Record {
            settings,
            sources: self.sources.clone(),
            facts: self.facts.clone(),
            held: CopiedValues(held),
        };
        record.write()?;
        Ok(Intent { record, seed: Uuid::new_v4(), home: home.clone(), plan, tag, baseline })
    }

    /// The retention of the chain: flags before what the pipeline says.
    fn retention(&self, of_pipeline: &Rules) -> Result<Rules> {
        let rules = Rules {
            older_than: self.retention.older_than.or(of_pipeline.older_than),
            keep: self.retention.keep.or(of_pipeline.keep),
            keep_failed: self.retention.keep_failed.or(of_pipeline.keep_failed),
        };
        if rules.keep_failed.is_some() && !rules.let_go() {
            return Err(StartFlagFault::NothingLetGo {}.into());
        }
        Ok(rules)
    }

    fn chain_name(&self) -> Result<String> {
        let name = match &self.chain {
            Some(name) => name.clone(),
            None => chain_of_checkout(&self.facts.git).map_err(|why| Error::NoChainName { why })?,
        };
        may_be_a_chain(&name).map(|()| name)
    }
}

/// The name that a chain has unless it is given one, by the facts of the checkout that this runs in.
///
/// # Errors
/// Why there is none.
pub fn chain_of_checkout(git: &Group) -> std::result::Result<String, String> {
    if let (Some(repository), Some(branch)) = (text(git.get("repo")), text(git.get("branch"))) {
        return Ok(names::chain_name(&repository, &branch));
    }
    let found = ["repo", "branch"].into_iter().find_map(|name| match git.get(name) {
        Some(Fact::Unset(why)) => Some(why.clone()),
        _ => None,
    });
    Err(found.unwrap_or_else(|| "there is none here".to_owned()))
}

impl Intent {
    /// The claim of the first listener's namespace.
    pub fn first_claim(&self, now: Timestamp) -> Claim {
        Claim::of_listener(&self.record.settings, self.seed, &self.home.added, 1, &self.baseline, None, now)
    }

    /// The objects that `start` would create, as kubectl names them, in order.
    ///
    /// # Errors
    /// A kind that nothing here can create, which no plan holds.
    pub fn objects(&self, now: Timestamp) -> Result<Vec<String>> {
        let chain = &self.record.settings.chain;
        let claim = self.first_claim(now);
        let namespace = names::sequence(claim.seed, 1, &claim.prefix).next().unwrap_or_default();
        let there = rights::BuildNamespace { chain, namespace: &namespace, uid: "" };
        let mut objects = vec![
            format!("configmap/{}", wire::chain_object(chain)),
            format!("configmap/{}", wire::record_object(chain)),
            format!("configmap/{}", wire::history_object(chain)),
            format!("secret/{}", wire::chain_object(chain)),
            format!("secret/{}", wire::seed_object(chain)),
        ];
        objects.extend(kept_log::ring(chain).into_iter().map(|name| format!("secret/{name}")));
        objects.push(format!("role.rbac.authorization.k8s.io/{}", wire::chain_object(chain)));
        objects.push(format!("namespace/{namespace}"));
        let of_agent = rights::of_agent(&there, self.record.settings.trusted_build);
        for object in of_agent.iter().chain(&self.plan.pull_secrets) {
            objects.push(named(object)?);
        }
        objects.push(format!("deployment.apps/{}", self.plan.build.name));
        Ok(objects)
    }
}

fn named(object: &Value) -> Result<String> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    Ok(write::resource_of(object)?.object(name))
}

/// A fact that is a text.
fn text(fact: Option<&Fact>) -> Option<String> {
    match fact {
        Some(Fact::Known(value)) => value.as_str().map(str::to_owned),
        _ => None,
    }
}
