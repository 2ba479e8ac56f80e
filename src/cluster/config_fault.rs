//! Why a connection cannot even be tried: a case for each kubeconfig, flag, address, certificate and credential that is
//! missing or wrong. No case holds what a kubeconfig holds.

use crate::chain::case::cases;

cases! {
    /// What is wrong with a kubeconfig, a flag or a credential.
    #[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
    pub enum ConfigFault {}

    "The kubeconfig" {
        /// No flag, no variable and no home directory names one.
        NoKubeconfig {} Usage
            "kubeconfig: no file is named"
            => "name one with --kubeconfig or the variable KUBECONFIG, or a server with --server";
        /// None of the files that are looked for is there.
        KubeconfigMissing { files: String } Usage
            "kubeconfig: there is no such file: {files}"
            => "name one with --kubeconfig or the variable KUBECONFIG, or a server with --server";
        /// In a pod without a kubeconfig and without a ServiceAccount's token.
        NoTokenInPod { file: String } Usage
            "there is no kubeconfig, and this pod has no token of its ServiceAccount ({file})"
            => "name a kubeconfig with --kubeconfig or the variable KUBECONFIG, or let the pod mount the token \
                (automountServiceAccountToken: true)";
        /// A file that is there cannot be opened.
        KubeconfigUnreadable { file: String, why: String } Usage
            "kubeconfig {file}: {why}"
            => "check the path and its permissions";
        /// A file that is no kubeconfig; `fault` says the place, and nothing of what stands there.
        KubeconfigMisread { file: String, fault: String } Usage
            "kubeconfig {file}: {fault}"
            => "correct the file there; none of it is shown here, since it holds credentials";
        /// Files that cannot be merged.
        KubeconfigKindDiffers { file: String } Usage
            "kubeconfig {file}: its kind or apiVersion is not that of the files before it"
            => "give all files of KUBECONFIG, and all documents in one, apiVersion v1 and kind Config";
        /// Two entries of one list with the same name.
        EntryTwice { file: String, kind: &'static str, name: String } Usage
            "kubeconfig {file}: it has two {kind}s named {name:?}"
            => "rename one of them, or delete it: kubectl refuses the file, too";
        /// Nothing says which context is meant.
        NoCurrentContext { known: String } Usage
            "kubeconfig: it has no current-context"
            => "name one with --context ({known})";
        /// No context at all.
        NoContexts {} Usage
            "kubeconfig: it has no context"
            => "add one (kubectl config set-context), or name another file with --kubeconfig";
        /// A name, where there is no entry at all.
        NoEntries { kind: &'static str, name: String } Usage
            "kubeconfig: it has no {kind} named {name:?}, and no other"
            => "add one (kubectl config set), or name another file with --kubeconfig";
        /// A name that no entry has, much like that of one.
        EntryMisspelt { kind: &'static str, name: String, near: String, known: String } Usage
            "kubeconfig: it has no {kind} named {name:?}"
            => "did you mean {near:?}? ({known})";
        /// A name that no entry has.
        EntryUnknown { kind: &'static str, name: String, known: String } Usage
            "kubeconfig: it has no {kind} named {name:?}"
            => "name another one ({known})";
        /// A cluster without an address.
        NoServer {} Usage
            "kubeconfig: the cluster has no server"
            => "give the cluster a server, or name one with --server";
        /// A server, or a proxy, that is none; without the credentials in it.
        NoAddress { what: String, address: String, why: String, scheme: &'static str } Usage
            "{what}: {address:?} is no URL: {why}"
            => "write it as {scheme}://HOST:PORT";
        /// A server of https that is called http.
        ServerSpeaksHttps { server: String } Usage
            "server {server}: it speaks HTTPS, but its address says http"
            => "write the server as https://HOST:PORT";
        /// Certificates, keys or a proxy that the TLS library does not take.
        NoConnection { server: String, why: String } Usage
            "connection to {server}: {why}"
            => "check the certificates, keys and proxy of this context in the kubeconfig";
    }

    "Certificates and credentials" {
        /// A certificate authority that cannot be used.
        BadAuthority { what: String, why: String } Usage
            "certificate authority ({what}): {why}"
            => "give the cluster a readable PEM certificate";
        /// A cluster with an authority that nothing is checked against.
        TrustAndNone { cluster: String } Usage
            "specifying a root certificates file with the insecure flag is not allowed: \
                cluster {cluster:?} of the kubeconfig has both"
            => "take insecure-skip-tls-verify out of that cluster, or its certificate-authority(-data)";
        /// The same by flags.
        TrustAndNoneByFlag {} Usage
            "specifying a root certificates file with the insecure flag is not allowed: both flags are given"
            => "leave --insecure-skip-tls-verify out, and the server is checked against --certificate-authority";
        /// A certificate without its key, or a key without its certificate.
        HalfIdentity { user: String, has: &'static str, lacks: &'static str } Usage
            "user {user:?}: there is a {has} and no {lacks}"
            => "give both, as readable PEM files or base64 of them";
        /// A client certificate or key that cannot be read.
        IdentityUnreadable { field: String, why: String } Usage
            "{field}: {why}"
            => "give certificate and key, as readable PEM files or base64 of them";
        /// A token with letters that no header takes.
        TokenMalformed { whose: String } Usage
            "{whose}: the token holds characters that no token may hold"
            => "write it on one line, without blanks";
        /// A token's file cannot be read.
        TokenUnreadable { file: String, why: String } Usage
            "the token cannot be read from {file}: {why}"
            => "give the pod its ServiceAccount's token, or the user a readable tokenFile";
        /// A file of the pod's ServiceAccount is missing.
        AccountUnreadable { file: String, why: String } Usage
            "ServiceAccount file {file}: {why}"
            => "run this in a pod whose ServiceAccount's token is mounted";
        /// A user and a password that no header takes.
        PasswordMalformed {} Usage
            "the user's password holds characters that HTTP cannot send"
            => "use a token or a client certificate";
        /// A proxy's user or password that the proxy's protocol does not take.
        ProxyUserMalformed { proxy: String } Usage
            "the proxy {proxy}: its user or password is longer than 255 bytes"
            => "use shorter ones: SOCKS5 takes no longer ones";
        /// Impersonation without a user.
        NobodyToImpersonate {} Usage
            "impersonation: a uid, groups or extras are given, but no user"
            => "add --as USER";
        /// A way to sign in that kubectl no longer has.
        AuthProvider { name: String } Usage
            "kubeconfig: the user's auth-provider {name:?} is not supported (kubectl dropped it in 1.26)"
            => "let the cloud's own tool write a user with an exec plugin into the kubeconfig";
        /// A plugin that is to be told what cannot be read.
        PluginUninformed {} Usage
            "credential plugin: it is to be told the cluster's certificate authority, which cannot be read"
            => "correct the cluster's certificate authority";
        /// A plugin that gives no credentials.
        Plugin { plugin: String, why: String } Usage
            "credential plugin {plugin}: {why}"
            => "run the plugin by hand (kubectl config view shows its command line)";
        /// The same; the kubeconfig says what to do.
        PluginHinted { plugin: String, why: String, hint: String } Usage
            "credential plugin {plugin}: {why}"
            => "{hint}";
    }
}
