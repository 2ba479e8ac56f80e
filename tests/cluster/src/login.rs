//! Who somebody is to a registry: as docker's `config.json` has it, credential helpers among it, and how a registry asks.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{At, Error};

/// The name under which a helper gives a refresh token in place of a password.
const TOKEN_USER: &str = "<token>";
/// Under what docker keeps the login of Docker Hub.
const DOCKER_HUB: &str = "https://index.docker.io/v1/";

/// What is shown to a registry that asks.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// A user and a password.
    Password(String, String),
    /// A token that others are had for.
    Refresh(String),
}

impl std::fmt::Debug for Login {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Login(..)")
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct DockerConfig {
    auths: std::collections::BTreeMap<String, Auth>,
    creds_store: String,
    cred_helpers: std::collections::BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Auth {
    auth: String,
    identitytoken: String,
}

impl std::fmt::Debug for Auth {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Auth(..)")
    }
}

/// What a helper answers.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Helped {
    username: String,
    secret: String,
}

/// The login of a registry in `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`; none where there is none.
pub fn of_docker(host: &str) -> Result<Option<Login>, Error> {
    let folder = std::env::var_os("DOCKER_CONFIG").filter(|it| !it.is_empty()).map(PathBuf::from);
    let folder = folder.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".docker")));
    let Some(file) = folder.map(|folder| folder.join("config.json")) else { return Ok(None) };
    let text = match fs::read_to_string(&file) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        read => read.at("read", &file)?,
    };
    // what serde says of it may quote a password
    let config: DockerConfig = serde_json::from_str(&text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        refused(
            host,
            format!("{} is no configuration of docker's (line {line}, column {column})", file.display()),
        )
    })?;
    config.login(host)
}

impl DockerConfig {
    fn login(&self, host: &str) -> Result<Option<Login>, Error> {
        let key = if is_docker_hub(host) { DOCKER_HUB } else { host };
        let helper = self.cred_helpers.get(key).unwrap_or(&self.creds_store);
        if !helper.is_empty()
            && let Some(login) = helped(helper, key)?
        {
            return Ok(Some(login));
        }
        let Some(auth) = self.auths.get(key).or_else(|| self.auths.get(&format!("https://{key}"))) else {
            return Ok(None);
        };
        if !auth.identitytoken.is_empty() {
            return Ok(Some(Login::Refresh(auth.identitytoken.clone())));
        }
        if auth.auth.is_empty() {
            return Ok(None);
        }
        let pair = STANDARD.decode(&auth.auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let pair = pair.as_deref().and_then(|pair| pair.trim_end_matches('\0').split_once(':'));
        let (user, password) =
            pair.ok_or_else(|| refused(host, "docker's login of it cannot be read; log in anew".to_owned()))?;
        Ok(Some(Login::Password(user.to_owned(), password.to_owned())))
    }
}

/// What docker's helper of that name knows of a registry.
fn helped(helper: &str, key: &str) -> Result<Option<Login>, Error> {
    let program = format!("docker-credential-{helper}");
    let mut child = Command::new(&program)
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .at("run", &program)?;
    if let Some(mut stdin) = child.stdin.take() {
        // one that ends without reading says so by its answer
        let _ = stdin.write_all(key.as_bytes());
    }
    let output = child.wait_with_output().at("run", &program)?;
    if !output.status.success() {
        return Ok(None);
    }
    let answer: Helped = serde_json::from_slice(&output.stdout)
        .map_err(|_| refused(key, format!("what {program} answers cannot be read")))?;
    Ok(Some(match answer {
        Helped { username, secret } if username == TOKEN_USER => Login::Refresh(secret),
        Helped { username, secret } => Login::Password(username, secret),
    }))
}

/// Where the API of a registry is that images name by that host.
pub(crate) fn api_host(host: &str) -> &str {
    if is_docker_hub(host) { "registry-1.docker.io" } else { host }
}

fn is_docker_hub(host: &str) -> bool {
    matches!(host, "docker.io" | "index.docker.io" | "registry-1.docker.io")
}

/// How a registry asks (`WWW-Authenticate`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// For user and password with each request.
    Basic,
    /// For a token that somebody else gives: where, and what it is to be good for.
    Bearer { realm: String, service: String, scope: String },
}

impl Challenge {
    pub(crate) fn read(header: &str) -> Option<Challenge> {
        let (scheme, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Challenge::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let field = |name: &str| {
            let mut rest = rest;
            loop {
                let (key, after) = rest.trim_start_matches([',', ' ']).split_once('=')?;
                let (value, next) = match after.strip_prefix('"') {
                    Some(quoted) => quoted.split_once('"')?,
                    None => after.split_once(',').unwrap_or((after, "")),
                };
                if key.trim().eq_ignore_ascii_case(name) {
                    return Some(value.to_owned());
                }
                rest = next;
            }
        };
        let realm = field("realm")?;
        Some(Challenge::Bearer {
            realm,
            service: field("service").unwrap_or_default(),
            scope: field("scope").unwrap_or_default(),
        })
    }
}

/// The header of a user and a password.
pub(crate) fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

/// The token in an answer of whoever gives them.
pub(crate) fn token_in(body: &[u8]) -> Option<String> {
    let answer: Value = serde_json::from_slice(body).ok()?;
    let token = ["token", "access_token"].into_iter().find_map(|name| answer[name].as_str())?;
    Some(token.to_owned())
}

fn refused(registry: &str, why: String) -> Error {
    Error::Registry { request: format!("logging in to {registry}"), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> DockerConfig {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_login_is_found_as_docker_writes_it() {
        let pair = STANDARD.encode("me:a:b");
        let text = format!(
            r#"{{"auths": {{"ghcr.io": {{"auth": "{pair}"}}, "https://index.docker.io/v1/": {{"auth": "{pair}"}},
                "acr.example": {{"auth": "", "identitytoken": "t"}}, "empty.example": {{}}, "bad.example": {{"auth": "?"}}}}}}"#
        );
        let config = config(&text);
        let password = Some(Login::Password("me".into(), "a:b".into()));
        for (host, login) in [
            ("ghcr.io", password.clone()),
            ("docker.io", password),
            ("acr.example", Some(Login::Refresh("t".into()))),
            ("empty.example", None),
            ("other.example", None),
        ] {
            assert_eq!(config.login(host).unwrap(), login, "{host}");
        }
        let why = config.login("bad.example").unwrap_err().to_string();
        assert!(why.contains("log in anew"), "{why}");
        assert!(!format!("{config:?} {:?}", config.login("ghcr.io")).contains("a:b"), "no secret is shown");
    }

    #[test]
    fn a_challenge_is_read_whatever_the_order_of_its_fields() {
        let bearer = |scope: &str| {
            Some(Challenge::Bearer {
                realm: "https://auth.example/token".into(),
                service: "registry.example".into(),
                scope: scope.into(),
            })
        };
        for (header, challenge) in [
            (
                r#"Bearer realm="https://auth.example/token",service="registry.example",scope="repository:a/b:pull,push""#,
                bearer("repository:a/b:pull,push"),
            ),
            (r#"bearer service=registry.example, realm="https://auth.example/token""#, bearer("")),
            (r#"Basic realm="registry""#, Some(Challenge::Basic)),
            ("basic", Some(Challenge::Basic)),
            ("Bearer", None),
            ("Negotiate", None),
            ("", None),
        ] {
            assert_eq!(Challenge::read(header), challenge, "{header}");
        }
    }
}
