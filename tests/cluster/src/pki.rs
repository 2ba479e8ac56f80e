//! The cluster's certificates: one authority, EC keys throughout, made anew for every start and worth nothing outside.

use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType,
};
use serde_json::json;

use crate::error::{At, Error};
use crate::settings::{API_ADDRESS, API_URL, NODE};
use crate::state::State;

/// What a certificate says of its holder.
struct Subject<'a> {
    user: &'a str,
    groups: &'a [&'a str],
    names: &'a [&'a str],
    addresses: &'a [&'a str],
    usage: ExtendedKeyUsagePurpose,
}

/// Makes the authority, all servers' certificates, the key that signs service-account tokens, and a kubeconfig for each
/// part that is a client.
pub(crate) fn create(state: &State) -> Result<(), Error> {
    let key = KeyPair::generate()?;
    state.write("pki/ca.key", &key.serialize_pem())?;
    state.write("pki/ca.crt", &authority().self_signed(&key)?.pem())?;
    let tokens = KeyPair::generate()?;
    state.write("pki/tokens.key", &tokens.serialize_pem())?;
    state.write("pki/tokens.pub", &tokens.public_key_pem())?;

    let ca = Issuer::new(authority(), key);
    let service = [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
    ];
    issue(
        state,
        &ca,
        "pki/apiserver",
        &server("kube-apiserver", &[], &service, &[API_ADDRESS, "127.0.0.1"]),
    )?;
    let node = format!("system:node:{NODE}");
    issue(state, &ca, "pki/kubelet-server", &server(&node, &["system:nodes"], &["localhost"], &[NODE]))?;
    issue(state, &ca, "pki/apiserver-kubelet", &client("apiserver-kubelet", &["system:masters"]))?;
    for (file, user, groups) in [
        ("pki/admin", "admin", &["system:masters"][..]),
        ("pki/controllers", "system:kube-controller-manager", &[]),
        ("pki/scheduler", "system:kube-scheduler", &[]),
        ("pki/kubelet", node.as_str(), &["system:nodes"]),
    ] {
        issue(state, &ca, file, &client(user, groups))?;
        write_kubeconfig(state, file)?;
    }
    Ok(())
}

/// A kubeconfig for a new client certificate of that user in those groups.
pub(crate) fn kubeconfig_for(state: &State, user: &str, groups: &[&str]) -> Result<PathBuf, Error> {
    let stem = later(state, &client(user, groups))?;
    write_kubeconfig(state, &stem)?;
    Ok(state.path(&format!("{stem}.kubeconfig")))
}

/// A new certificate for a server of these names at 127.0.0.1, and its key, as files.
pub(crate) fn server_for(state: &State, names: &[&str]) -> Result<(PathBuf, PathBuf), Error> {
    let stem = later(state, &server("test", &[], names, &["127.0.0.1"]))?;
    Ok((state.path(&format!("{stem}.crt")), state.path(&format!("{stem}.key"))))
}

/// Issues a certificate after the start. The file's name is a number, since a user's may hold anything.
fn later(state: &State, subject: &Subject<'_>) -> Result<String, Error> {
    let file = state.path("pki/ca.key");
    let key = KeyPair::from_pem(&fs::read_to_string(&file).at("read", &file)?)?;
    let number = fs::read_dir(state.path("users")).at("list", state.path("users"))?.count();
    let stem = format!("users/{}-{number}", std::process::id());
    issue(state, &Issuer::new(authority(), key), &stem, subject)?;
    Ok(stem)
}

/// The same for every use of the key, so that certificates made later chain to the one that the servers know.
fn authority() -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "studioci test cluster");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
    params
}

fn client<'a>(user: &'a str, groups: &'a [&'a str]) -> Subject<'a> {
    Subject { user, groups, names: &[], addresses: &[], usage: ExtendedKeyUsagePurpose::ClientAuth }
}

fn server<'a>(
    user: &'a str,
    groups: &'a [&'a str],
    names: &'a [&'a str],
    addresses: &'a [&'a str],
) -> Subject<'a> {
    Subject { user, groups, names, addresses, usage: ExtendedKeyUsagePurpose::ServerAuth }
}

fn issue(state: &State, ca: &Issuer<'_, KeyPair>, stem: &str, subject: &Subject<'_>) -> Result<(), Error> {
    let names: Vec<String> = subject.names.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(names)?;
    for address in subject.addresses {
        let address: IpAddr = address.parse().expect("all addresses are constants of this crate");
        params.subject_alt_names.push(SanType::IpAddress(address));
    }
    // Kubernetes: the common name is the user, each organization a group
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, subject.user);
    for (slot, group) in organization_slots(subject.groups)? {
        params.distinguished_name.push(slot, group);
    }
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![subject.usage.clone()];
    let key = KeyPair::generate()?;
    state.write(&format!("{stem}.crt"), &params.signed_by(&key, ca)?.pem())?;
    state.write(&format!("{stem}.key"), &key.serialize_pem())
}

/// rcgen holds one value for each type of name. The type spelled by its number is another type to it, which makes two.
fn organization_slots<'a>(groups: &'a [&'a str]) -> Result<Vec<(DnType, &'a str)>, Error> {
    let slots = [DnType::OrganizationName, DnType::CustomDnType(vec![2, 5, 4, 10])];
    if groups.len() > slots.len() {
        return Err(Error::Host {
            what: format!("a client certificate for {} groups cannot be made", groups.len()),
            remedy: "ask for two groups at most".into(),
        });
    }
    Ok(slots.into_iter().zip(groups.iter().copied()).collect())
}

/// JSON is YAML, so this is what kubectl and all servers read.
fn write_kubeconfig(state: &State, stem: &str) -> Result<(), Error> {
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "studioci-test", "cluster": {
            "server": API_URL, "certificate-authority": state.path("pki/ca.crt"),
        }}],
        "users": [{"name": "me", "user": {
            "client-certificate": state.path(&format!("{stem}.crt")), "client-key": state.path(&format!("{stem}.key")),
        }}],
        "contexts": [{"name": "studioci-test", "context": {"cluster": "studioci-test", "user": "me"}}],
        "current-context": "studioci-test",
    });
    state.write(&format!("{stem}.kubeconfig"), &format!("{config:#}\n"))
}
