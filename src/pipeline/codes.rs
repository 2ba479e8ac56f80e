//! The stable names of findings about a pipeline; those about Keel's keys are Keel's room's.

use crate::keel::lint::codes::codes;

codes! {
    /// What cannot be used at all and has no name of its own.
    UNUSABLE = "unusable";
    /// A number where a text is meant.
    UNQUOTED_NUMBER = "unquoted-number";
    /// A boolean where a text is meant.
    UNQUOTED_BOOLEAN = "unquoted-boolean";
    /// A boolean that only YAML 1.1 knows.
    OLD_BOOLEAN = "old-boolean";
    /// A value that the template does not read.
    VALUE_UNREAD = "value-unread";
    /// A value that is text and is taken for something else.
    VALUE_TEXT = "value-text";
    /// Support with 0 replicas.
    SUPPORT_AT_ZERO = "support-at-zero";
    /// Replicas of the build workload.
    REPLICAS_UNUSED = "replicas-unused";
    /// A ServiceAccount without its token.
    ACCOUNT_TOKEN = "account-token";
    /// A pull policy that is not used.
    PULL_POLICY = "pull-policy";
    /// A container beside the build container.
    SIDECAR = "sidecar";
    /// A variable that studioci sets.
    ENV_RESERVED = "env-reserved";
    /// A variable that is null.
    ENV_NULL = "env-null";
    /// A variable with a secret in plain text.
    ENV_SECRET = "env-secret";
    /// Keel's own choice of containers, replaced.
    CONTAINERS_REPLACED = "containers-replaced";
    /// Keel's keys on something else than the build workload.
    KEEL_PARKED = "keel-parked";
    /// A pull Secret that the pipeline does not hold.
    PULL_SECRET_ABSENT = "pull-secret-absent";
    /// A private registry without a pull Secret.
    PULL_SECRET_MISSING = "pull-secret-missing";
    /// A hook that does by hand what the agent does.
    OLD_HOOK = "old-hook";
    /// A hook of helm.
    HELM_HOOK = "helm-hook";
    /// A policy that closes the agent in.
    EGRESS_CLOSED = "egress-closed";
    /// A host in a namespace that the build is not in.
    NAMESPACE_LITERAL = "namespace-literal";
    /// Probes of what runs to its end.
    JOB_PROBE = "job-probe";
    /// A Service that may wait for an address for ever.
    LOAD_BALANCER = "load-balancer";
    /// A claim that may wait for a volume for ever.
    SHARED_CLAIM = "shared-claim";
    /// A container that asks for nothing.
    NO_REQUESTS = "no-requests";
    /// A build that may take all memory of a node.
    NO_MEMORY_LIMIT = "no-memory-limit";
    /// An image that may be another one tomorrow.
    LATEST = "latest";
    /// A tag that the policy's pattern does not match.
    TAG_UNMATCHED = "tag-unmatched";
    /// A registry on localhost.
    REGISTRY_LOCALHOST = "registry-localhost";
    /// A registry that may speak plain http.
    REGISTRY_PLAIN_HTTP = "registry-plain-http";
    /// A registry whose logins expire.
    REGISTRY_LOGIN = "registry-login";
    /// A tag with a revision that nobody reads.
    QUAY_REVISION = "quay-revision";
}
