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
            => "check the path and its permissions: a readable file belongs there";
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
            "{kind} {name:?} does not exist"
            => "the kubeconfig has no {kind} at all: add one (kubectl config set), or name another file with --kubeconfig";
        /// A name that no entry has, much like that of one.
        EntryMisspelt { kind: &'static str, name: String, near: String, known: String } Usage
            "{kind} {name:?} does not exist"
            => "did you mean {near:?}? ({known})";
        /// A name that no entry has.
        EntryUnknown { kind: &'static str, name: String, known: String } Usage
            "{kind} {name:?} does not exist"
            => "name another one ({known})";
        /// A cluster without an address.
        NoServer {} Usage
            "kubeconfig: the cluster has no server"
            => "give the cluster a server, or name one with --server";
        /// A server, or a proxy, that is none; without the credentials in it.
        NoAddress { what: String, address: String, why: String, scheme: &'static str } Usage
            "{what}: {address} is no URL: {why}"
            => "write it as {scheme}://HOST:PORT";
        /// A server of https that is called http.
        ServerSpeaksHttps { server: String, field: &'static str } Usage
            "server {server}: it speaks HTTPS, but its address says http"
            => "write {field} as https://HOST:PORT";
        /// A name to check the certificate against that is none.
        NoServerName { field: &'static str } Usage
            "{field}: it is no host name"
            => "write it without a scheme and a port";
        /// Certificates, keys or a proxy that the TLS library does not take.
        NoConnection { server: String, why: String } Usage
            "connection to {server}: {why}"
            => "check what kubectl config view shows of this context, and this machine's certificate authorities";
    }

    "Certificates and credentials" {
        /// A certificate authority that cannot be used.
        BadAuthority { what: String, why: String } Usage
            "certificate authority ({what}): {why}"
            => "put readable PEM certificates there";
        /// A cluster with an authority that nothing is checked against.
        TrustAndNone { cluster: String } Usage
            "specifying a root certificates file with the insecure flag is not allowed: \
                cluster {cluster:?} of the kubeconfig has both"
            => "take insecure-skip-tls-verify out of that cluster, or its certificate-authority(-data)";
        /// The same by flags.
        TrustAndNoneByFlag {} Usage
            "specifying a root certificates file with the insecure flag is not allowed: both flags are given"
            => "leave --insecure-skip-tls-verify out, and the server is checked against --certificate-authority";
        /// Two values of which only one can be meant.
        BothGiven { whose: String, first: &'static str, second: &'static str } Usage
            "{whose}: {first} and {second} are both given"
            => "leave one of them out; kubectl, too, wants to be told which one is meant";
        /// A certificate without its key, or a key without its certificate.
        HalfIdentity { has: String, lacks: String } Usage
            "{has} is given, and {lacks} is not"
            => "give both, as readable PEM files or base64 of them";
        /// A client certificate or key that cannot be read.
        IdentityUnreadable { field: String, why: String } Usage
            "{field}: {why}"
            => "give certificate and key, as readable PEM files or base64 of them";
        /// A key with a passphrase.
        KeyEncrypted { field: String } Usage
            "{field}: the key is encrypted, and nobody can be asked for its passphrase"
            => "decrypt it (openssl pkey -in ENCRYPTED -out DECRYPTED, readable by you alone) and give the decrypted one; \
                kubectl takes no encrypted one either";
        /// A key on a curve that is not supported.
        KeyOnP521 { field: String } Usage
            "{field}: the key is on the curve P-521, which this program does not support"
            => "get a certificate for a key on P-256 or P-384 (openssl genpkey -algorithm EC -pkeyopt \
                ec_paramgen_curve:P-384 -out KEY), or sign in by a token";
        /// A key of another kind, too short, or damaged.
        KeyUnusable { field: String } Usage
            "{field}: the key is damaged, or of a kind that this program does not support"
            => "give a key of RSA with 2048 bits or more, of ECDSA on P-256 or P-384, or of Ed25519, in PEM as openssl \
                genpkey writes it";
        /// The key of another certificate.
        KeyOfAnother { key: String, certificate: String } Usage
            "{key}: it is not the key of {certificate}"
            => "give the key that this certificate was made for";
        /// A token with letters that no header takes.
        TokenMalformed { whose: String } Usage
            "{whose}: the token holds characters that no token may hold"
            => "write it on one line, in ASCII, without blanks";
        /// A token's file cannot be read.
        TokenUnreadable { file: String, why: String } Usage
            "the token cannot be read from {file}: {why}"
            => "give the user a readable tokenFile";
        /// There are credentials that must not be sent, and the server asks for some.
        CredentialsWithheld { server: String, user: String, field: &'static str } Usage
            "the API server {server} wants to know who we are, and saw nobody: the credentials of {user} are not sent over \
                plain http"
            => "write {field} as https://HOST:PORT";
        /// A file of the pod's ServiceAccount is missing.
        AccountUnreadable { file: String, why: String } Usage
            "ServiceAccount file {file}: {why}"
            => "run this in a pod whose ServiceAccount's token is mounted";
        /// A proxy's user or password that the proxy's protocol does not take.
        ProxyUserMalformed { proxy: String } Usage
            "the proxy {proxy}: its user or password is longer than 255 bytes"
            => "use shorter ones: SOCKS5 takes no longer ones";
        /// Impersonation without a user.
        NobodyToImpersonate {} Usage
            "impersonation: a uid, groups or extras are given, but no user"
            => "add --as USER";
        /// Impersonation of somebody whom no header can name.
        ImpersonationMalformed { field: String } Usage
            "{field}: it holds characters that HTTP cannot send"
            => "write it on one line";
        /// A way to sign in that kubectl no longer has.
        AuthProvider { name: String } Usage
            "kubeconfig: the user's auth-provider {name:?} is not supported (kubectl dropped it in 1.26)"
            => "let the cloud's own tool write a user with an exec plugin into the kubeconfig";
        /// A plugin that is to be told what cannot be read.
        PluginUninformed {} Usage
            "credential plugin: it is to be told the cluster's certificate authority, which cannot be read"
            => "correct the cluster's certificate authority";
        /// A flag names preferences, and a variable turns them off.
        PreferencesOff { variable: &'static str } Usage
            "--kuberc names a file, and {variable} says that none counts"
            => "leave --kuberc out, or unset the variable";
        /// Preferences that cannot be read.
        PreferencesUnreadable { file: String, why: String } Usage
            "kuberc {file}: {why}"
            => "put it right: it may forbid the credential plugin that is to be run; or set KUBERC=off, and no preferences of \
                kubectl's count";
        /// Preferences that say something else than a policy.
        PreferencesInvalid { file: String, why: String } Usage
            "kuberc {file}: {why}"
            => "correct it: credentialPluginPolicy is AllowAll, DenyAll or Allowlist, and credentialPluginAllowlist, a list of \
                `command: NAME`, belongs to the last one; kubectl refuses it, too";
        /// A plugin that preferences forbid.
        PluginForbidden { plugin: String, file: String, why: String } Usage
            "credential plugin {plugin} is not allowed by kuberc {file}: {why}"
            => "sign in without it (--user, --token), or allow it there: kubectl kuberc set --section credentialplugin --policy \
                Allowlist --allowlist-entry command=COMMAND";
        /// A plugin of which the kubeconfig does not say enough.
        PluginMisdescribed { plugin: String, why: String } Usage
            "credential plugin {plugin}: {why}"
            => "correct the user's exec in the kubeconfig: command, apiVersion (client.authentication.k8s.io/v1), interactiveMode \
                (Never, IfAvailable or Always); kubectl wants them, too";
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
