//! What is wrong with the flags by which `start` copies Secrets, disposes of builds and has others told of them.

use crate::chain::case::cases;
use crate::chain::link::LinkFault;
use crate::chain::repository::RepositoryFault;
use crate::publish::PublishFault;

cases! {
    /// A flag of `start` that cannot be followed.
    #[derive(Debug, thiserror::Error)]
    pub enum StartFlagFault {
        /// Where results go.
        #[error(transparent)]
        Publish(#[from] PublishFault),
        /// The link to a build.
        #[error(transparent)]
        Link(#[from] LinkFault),
        /// The repository on GitHub.
        #[error(transparent)]
        Repository(#[from] RepositoryFault),
    }

    "start: Secrets and retention" {
        /// Two Secrets of one name.
        CopiedTwice { name: String } Usage
            "--secret names {name} twice"
            => "give each a name of its own: --secret NAME=NAMESPACE/OTHER";
        /// A Secret that is not there.
        NothingToCopy { name: String, namespace: String } Usage
            "there is no Secret {name} in namespace {namespace} to copy"
            => "name it as --secret NAME=NAMESPACE/NAME; kubectl get secrets -n {namespace} shows those that are there";
        /// A Secret that is of no use elsewhere.
        NotCopied { name: String, namespace: String, kind: String } Usage
            "Secret {name} in namespace {namespace} is of type {kind}, which belongs to that namespace or cluster alone"
            => "give the build a ServiceAccount and a Role of its own in the pipeline";
        /// Secrets that together are too large.
        CopiedTooLarge { bytes: usize, most: usize } Usage
            "the Secrets to copy hold {bytes} bytes; a chain's Secret holds {most} of such"
            => "copy fewer: the pipeline can mount what is in a volume or in the image";
        /// A key that no Secret can have.
        CopiedKeyTooLong { name: String, key: String } Usage
            "Secret {name} cannot be copied: {key} is longer than the 253 characters of a key"
            => "copy it under a shorter name: --secret NAME=NAMESPACE/OTHER";
        /// A retention that never disposes of anything.
        NothingLetGo {} Usage
            "--keep-failed alone disposes of nothing: it says how long what did not pass stays at least"
            => "add --older-than AGE or --keep COUNT, here or as annotations of the pipeline's Namespace document";
        /// A template for a webhook that is not there.
        TemplateForNobody { name: String } Usage
            "{name} is the template of a webhook, and there is none"
            => "say who is sent what it makes: --webhook URL, or the annotation studioci.dev/webhook of the pipeline's Namespace \
                document";
        /// A secret that is not there.
        VariableUnset { variable: String, flag: &'static str, what: &'static str } Usage
            "the environment variable {variable} is not set, and {what}"
            => "set it to the secret alone, or name another variable: {flag} NAME";
    }
}
