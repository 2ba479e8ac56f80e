//! What a chain's webhook is sent of a build: its object, or what the chain's template makes of it.

use std::time::Duration;

use jiff::Timestamp;

use crate::chain::build::{Build, Phase};
use crate::chain::publishing::WebhookTemplate;
use crate::local::render::{Renderer, Task, Unrendered};
use crate::pipeline::fault::Fault;
use crate::pipeline::sources::Text;
use crate::publish::{Outcome, Outlets, PublishFault};

/// Has the webhook take what is told of a build from a phase on.
pub(super) async fn tell(
    outlets: &Outlets,
    template: Option<(&WebhookTemplate, Renderer)>,
    (build, since): (&Build, Phase),
    now: Timestamp,
) -> Outcome {
    let body = match (outlets.told(build, now), template) {
        (None, _) => String::new(),
        (Some(told), None) => told.object.to_string(),
        (Some(told), Some((template, renderer))) => {
            let task = Task::Body(text(template), vec![told]);
            // what else is to be done is not held up by it
            match tokio::task::spawn_blocking(move || renderer.text(&task)).await {
                Ok(Ok((body, _))) => outlets.masked(body),
                Ok(Err(Unrendered::Faulty(faults))) => return Outcome::Unpublished(unusable(&faults)),
                Ok(Err(Unrendered::NotRun(why))) => return later(why),
                Err(error) => return later(error.to_string()),
            }
        }
    };
    outlets.deliver(build, since, body, Duration::ZERO).await
}

/// A template as whoever renders takes it.
pub(crate) fn text(template: &WebhookTemplate) -> Text {
    Text { name: template.name.clone(), text: template.text.clone() }
}

fn unusable(faults: &[Fault]) -> PublishFault {
    let why = faults.iter().map(Fault::one_line).collect::<Vec<_>>().join("; ");
    PublishFault::HookTemplateFails { why }
}

fn later(why: String) -> Outcome {
    Outcome::Later { after: Duration::ZERO, why: PublishFault::HookNotRendered { why } }
}
