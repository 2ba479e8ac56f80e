//! Why a result does not get to where it should: a case for each address, token, right and answer that is in the way. No case
//! holds a token, or of a webhook more than its host.

use crate::chain::bound::TimeBound;
use crate::chain::case::cases;

cases! {
    /// What keeps a result from getting out.
    #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
    pub enum PublishFault {}

    "Where results go" {
        /// An address that is none; without the credentials in it.
        OutletMalformed { what: &'static str, why: String } Usage
            "{what}: it is no address: {why}"
            => "write it as https://HOST/PATH";
        /// An address that everybody on the way could read.
        NotSecure { what: &'static str, host: String } Usage
            "{what}: {host} would be spoken to without TLS"
            => "give an address of https://: what is sent proves who we are";
        /// An address with a user in it.
        UserInAddress { what: &'static str, host: String } Usage
            "{what}: the address of {host} holds a user or a password"
            => "leave them out: a token is given by the variable that --github-token-env names, and a webhook is signed with \
                the secret that --webhook-secret-env names";
        /// A certificate authority that cannot be used.
        AuthorityUnusable { why: String } Usage
            "the certificate authority for GitHub or the webhook: {why}"
            => "name a file of PEM certificates: --github-ca FILE";
        /// A proxy that cannot be used; the fault says which and why.
        ProxyUnusable { why: String } Unready
            "{why}"
            => "an administrator names another one, or none: kubectl studioci setup --https-proxy URL";
        /// A proxy with a user in it, which home would show.
        ProxyWithUser { host: String } Usage
            "--https-proxy: the address of {host} holds a user or a password"
            => "name a proxy that asks for none: the address stands in ConfigMap studioci, and every agent reads it";
        /// A token with letters that no header takes.
        TokenUnsendable {} Usage
            "the token for GitHub is empty, or holds characters that no token has"
            => "put the token alone, on one line, into the variable that --github-token-env names";
    }

    "GitHub" {
        /// The token is none, or no more.
        TokenRefused { server: String } Usage
            "{server} does not accept the token"
            => "put a token that has not expired into the variable that --github-token-env names, and run kubectl studioci \
                start again";
        /// The token may not do this, or the repository is not there; GitHub does not tell which.
        NotAllowed { server: String, repository: String, why: String } Usage
            "{server}: the token may not set commit statuses on {repository}, or there is no such repository: {why}"
            => "give the token the permission \"Commit statuses: read and write\" on that repository (a classic one the scope \
                repo:status, authorized for single sign-on where the organization asks for it), or name another repository: \
                --github OWNER/REPO";
        /// The build has no revision.
        NoRevision {} Usage
            "the image tells no revision, so there is no commit to set a status on"
            => "have the image's variable STUDIOCI_REVISION say which commit it was built from, or find it in the tag with \
                the annotation studioci.dev/revision-from-tag";
        /// What the build has for a revision names no commit.
        RevisionIsNoCommit { revision: String } Usage
            "revision {revision:?} is no commit: a commit's id is 7 to 64 digits of a-f and 0-9"
            => "let the image tell the commit that it was built from (git rev-parse HEAD)";
        /// No such commit in the repository.
        NoSuchCommit { revision: String, repository: String } Usage
            "{repository} has no commit {revision}, or several that begin so"
            => "push the commit before the image that is built from it, let the image tell the commit's whole id, and name the \
                repository that has it: --github OWNER/REPO";
        /// GitHub takes no more for this commit.
        TooManyStatuses { revision: String, context: String } Usage
            "commit {revision} has as many statuses of {context} as GitHub takes (1,000)"
            => "build another commit: GitHub deletes none";
        /// It is not GitHub that answers.
        NotGithub { server: String, code: u16 } Usage
            "{server} does not answer as GitHub does: HTTP {code}, and no JSON"
            => "check --github-url (of a GitHub Enterprise it ends in /api/v3), and what stands before it";
        /// It sends us elsewhere.
        SentElsewhere { server: String, to: String } Usage
            "{server} redirects to {to}, where the token is not sent"
            => "name the address that it redirects to, if that is GitHub: --github-url https://HOST/api/v3";
        /// It goes round in circles.
        RedirectedTooOften { server: String } Usage
            "{server} redirects again and again"
            => "name the repository as it is called now: --github OWNER/REPO";
        /// Another refusal.
        Refused { server: String, code: u16, why: String } Usage
            "{server} refuses the status: HTTP {code}: {why}"
            => "do what it says, then publish the result again: kubectl studioci report BUILD --publish";
        /// Too many requests of this token, or of this address.
        RateLimited { server: String, bound: TimeBound } Timeout
            "{server} takes no more requests for {bound}"
            => "wait; a token that many share meets its limit sooner: give the chain one of its own";
    }

    "A webhook" {
        /// A secret that cannot sign.
        HookSecretEmpty {} Usage
            "the secret of the webhook is empty"
            => "put one into the variable that --webhook-secret-env names; openssl rand -hex 32 makes one";
        /// Its template makes no body of a build.
        HookTemplateFails { why: String } Usage
            "the webhook's template makes no body of this build: {why}"
            => "correct the template, run kubectl studioci start with it, then publish the result again: kubectl studioci \
                report BUILD --publish";
        /// Its template came to no end by no fault of its own.
        HookNotRendered { why: String } Timeout
            "the webhook's template could not be rendered: {why}"
            => "this says nothing about the template: an agent tries it again; check the load of its node";
        /// It refuses.
        HookRefused { host: String, code: u16 } Usage
            "the webhook at {host} refuses what it is sent: HTTP {code}"
            => "see why in the receiver's log, then publish the result again: kubectl studioci report BUILD --publish";
        /// It sends us elsewhere.
        HookRedirects { host: String, to: String } Usage
            "the webhook at {host} redirects to {to}, which is not followed"
            => "give the address that it redirects to: --webhook URL";
    }

    "On the way" {
        /// No connection, or none that lasted.
        Unreached { server: String, why: String } Timeout
            "{server} cannot be reached: {why}"
            => "check that the cluster's pods reach it; a proxy is named by kubectl studioci setup --https-proxy URL";
        /// A certificate that we do not trust.
        CertificateRefused { server: String, why: String } Usage
            "{server} is not trusted: {why}"
            => "give the authority that signed it: --github-ca FILE";
        /// Silence.
        Unanswered { server: String, bound: TimeBound } Timeout
            "{server} did not answer within {bound}"
            => "wait until it is well, or check the proxy on the way";
        /// Its own trouble.
        ServerTrouble { server: String, code: u16 } Timeout
            "{server} has trouble of its own: HTTP {code}"
            => "wait until it is well (of GitHub: https://www.githubstatus.com)";
        /// An answer without an end.
        AnswerEndless { server: String, most: usize } Usage
            "{server} answers with more than {most} bytes"
            => "check the address: GitHub's answers are shorter, and a webhook's may be empty";
    }
}
