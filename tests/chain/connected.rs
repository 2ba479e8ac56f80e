//! `native_02`: whatever a kubeconfig, flags, credentials and proxies come to, it is for us what it is for kubectl.
//!
//! Each row is a connection that kubectl makes first and we make after it. The ways to the server note who comes by, the server
//! writes down who asked: both calls must have taken the same way as the same one, or both have failed. Where we differ, the
//! row says why.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};
use studioci::chain::base64::base64;
use test_cluster::settings::API_ADDRESS;

use crate::world::{Aside, World};

mod judge;
mod ways;

use judge::{Court, Fate, Row};
use ways::{LOGIN, Ways};

/// A namespace of the proof's own, with accounts in it.
const ACCOUNTS: &str = "native-02-accounts";
const ROBOT: &str = "system:serviceaccount:native-02-accounts:robot";
const OTHER: &str = "system:serviceaccount:native-02-accounts:other";
const ANN: &str = "ann of devs";
const DIRECT: &str = "direct";
/// A server that only proxies know, and another way to say this machine, which is no loopback address.
const NAMED: &str = "https://api.corp.example:6443";
const TO_NAMED: &str = "to api.corp.example:6443";

/// Who there is, and how they sign in.
struct People {
    authority: String,
    /// A certificate and its key, as files.
    ann: (String, String),
    bob: (String, String),
    robot: String,
    other: String,
}

struct Stage<'a> {
    world: &'a World,
    ways: &'a Ways,
    people: People,
    /// The kubeconfig of most rows.
    all: String,
    record: String,
}

fn text(path: impl AsRef<Path>) -> String {
    fs::read_to_string(path).unwrap()
}

impl People {
    fn new(world: &World) -> Self {
        let issued = |name: &str, groups: &[&str]| {
            let config: Value =
                serde_json::from_str(&text(world.cluster.kubeconfig_for(name, groups).unwrap())).unwrap();
            let field = |key: &str| config["users"][0]["user"][key].as_str().unwrap().to_owned();
            let authority = config["clusters"][0]["cluster"]["certificate-authority"].as_str().unwrap();
            (authority.to_owned(), (field("client-certificate"), field("client-key")))
        };
        let token = |name: &str| {
            world.kubectl(&["create", "serviceaccount", name, "-n", ACCOUNTS]).ok();
            world.kubectl(&["create", "token", name, "-n", ACCOUNTS]).ok().trim().to_owned()
        };
        let (authority, ann) = issued("ann", &["devs"]);
        let (_, bob) = issued("bob", &[]);
        Self { authority, ann, bob, robot: token("robot"), other: token("other") }
    }
}

/// Everybody may look at all there is, and act as anybody.
fn let_everybody_in(world: &World) {
    let rights = json!([
        {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch", "impersonate"]},
    ]);
    let meta = json!({"name": "native-02"});
    let api = "rbac.authorization.k8s.io";
    let role =
        json!({"apiVersion": format!("{api}/v1"), "kind": "ClusterRole", "metadata": meta, "rules": rights});
    let binding = json!({
        "apiVersion": format!("{api}/v1"), "kind": "ClusterRoleBinding", "metadata": meta,
        "roleRef": {"apiGroup": api, "kind": "ClusterRole", "name": "native-02"},
        "subjects": [{"apiGroup": api, "kind": "Group", "name": "system:authenticated"}],
    });
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": ACCOUNTS}});
    let all = crate::world::documents(&[role, binding, namespace]);
    world.kubectl(&["apply", "-f", &world.file("rights.yaml", &all)]).ok();
}

fn clear(world: &World) {
    for what in [["clusterrole", "native-02"], ["clusterrolebinding", "native-02"], ["namespace", ACCOUNTS]] {
        world.kubectl(&["delete", what[0], what[1], "--ignore-not-found"]).ok();
    }
}

/// The API server over plain HTTP, as whoever started this.
fn plain(world: &World) -> (Aside, SocketAddr) {
    let mut kubectl = world.kubectl_aside(&["proxy", "--port=0", "--address=0.0.0.0", "--accept-hosts=.*"]);
    let line = kubectl.line();
    let port = line.trim().rsplit(':').next().unwrap().parse().unwrap();
    (kubectl, SocketAddr::from(([127, 0, 0, 1], port)))
}

fn named(name: &str, kind: &str, entry: &Value) -> Value {
    json!({"name": name, kind: entry})
}

fn config(
    current: Option<&str>,
    contexts: &[(&str, Value)],
    clusters: &[(&str, Value)],
    users: &[(&str, Value)],
) -> String {
    let list = |kind: &str, entries: &[(&str, Value)]| -> Vec<Value> {
        entries.iter().map(|(name, entry)| named(name, kind, entry)).collect()
    };
    let mut config = json!({
        "apiVersion": "v1", "kind": "Config", "contexts": list("context", contexts),
        "clusters": list("cluster", clusters), "users": list("user", users),
    });
    if let Some(current) = current {
        config["current-context"] = current.into();
    }
    config.to_string()
}

fn context(cluster: &str, user: &str) -> Value {
    json!({"cluster": cluster, "user": user})
}

/// A user by a certificate.
fn identity((certificate, key): &(String, String)) -> Value {
    json!({"client-certificate": certificate, "client-key": key})
}

/// An entry with more fields, or other ones.
fn with(entry: &Value, more: Value) -> Value {
    let mut entry = entry.clone();
    let Value::Object(more) = more else { unreachable!("fields") };
    entry.as_object_mut().unwrap().extend(more);
    entry
}

impl<'a> Stage<'a> {
    fn new(world: &'a World, ways: &'a Ways) -> Self {
        let people = People::new(world);
        let record = world.folder("plugin").join("record").display().to_string();
        let mut stage = Self { world, ways, people, all: String::new(), record };
        let (here, ann) = (stage.here(), stage.ann());
        let nowhere = with(&here, json!({"server": format!("https://127.0.0.1:{}", ways.nobody)}));
        stage.all = world.file(
            "all.kubeconfig",
            &config(
                Some("ann"),
                &[
                    ("ann", context("here", "ann")),
                    ("bob", context("here", "bob")),
                    ("robot", context("here", "robot")),
                    ("nowhere", context("nowhere", "ann")),
                    ("bare", context("bare", "ann")),
                    ("named", context("named", "ann")),
                ],
                &[("here", here), ("nowhere", nowhere), ("bare", stage.bare()), ("named", stage.of_name())],
                &[
                    ("ann", ann),
                    ("bob", identity(&stage.people.bob)),
                    ("robot", json!({"token": stage.people.robot})),
                    ("nobody", json!({})),
                ],
            ),
        );
        stage
    }

    fn door(&self) -> String {
        format!("https://127.0.0.1:{}", self.ways.door)
    }

    /// The server through the door.
    fn here(&self) -> Value {
        json!({"server": self.door(), "certificate-authority": self.people.authority})
    }

    /// The same at an address that is no loopback one; there is no certificate for it.
    fn bare(&self) -> Value {
        let server = format!("https://0.0.0.0:{}", self.ways.door);
        with(&self.here(), json!({"server": server, "tls-server-name": "kubernetes"}))
    }

    /// The same by a name that only proxies know.
    fn of_name(&self) -> Value {
        with(&self.here(), json!({"server": NAMED, "tls-server-name": "kubernetes"}))
    }

    fn ann(&self) -> Value {
        identity(&self.people.ann)
    }

    /// A kubeconfig with this cluster and user alone.
    fn file(&self, name: &str, cluster: &Value, user: &Value) -> String {
        let entries = (("c", cluster.clone()), ("u", user.clone()));
        self.world.file(name, &config(Some("x"), &[("x", context("c", "u"))], &[entries.0], &[entries.1]))
    }

    /// A row over the kubeconfig with everybody in it.
    fn row(&self, name: &'static str) -> Row {
        Row::new(name).env("KUBECONFIG", &*self.all)
    }

    /// A row over a kubeconfig of its own.
    fn of(&self, name: &'static str, cluster: &Value, user: &Value) -> Row {
        // a file name that no path of another row holds
        let file: String =
            name.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '-' }).collect();
        Row::new(name).env("KUBECONFIG", self.file(&format!("{file}.kubeconfig"), cluster, user))
    }

    /// A user by a credential plugin that answers so.
    fn plugin(&self, mode: Option<&str>, answer: &Value) -> Value {
        let mut exec = json!({
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "/bin/sh",
            "args": ["-c", r#"printf '%s\n' "$KUBERNETES_EXEC_INFO" >> "$RECORD"; printf '%s\n' "$ANSWER""#],
            "env": [{"name": "RECORD", "value": self.record}, {"name": "ANSWER", "value": answer.to_string()}],
        });
        if let Some(mode) = mode {
            exec["interactiveMode"] = mode.into();
        }
        json!({ "exec": exec })
    }

    fn token_by_plugin(&self, mode: Option<&str>) -> Value {
        self.plugin(mode, &credential(&json!({"token": self.people.robot})))
    }
}

/// What a plugin prints.
fn credential(status: &Value) -> Value {
    json!({"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status})
}

fn kubeconfigs(stage: &Stage<'_>) -> Vec<Row> {
    let world = stage.world;
    let (here, ann, bob) = (stage.here(), stage.ann(), identity(&stage.people.bob));
    let anns = stage.file("ann.kubeconfig", &here, &ann);
    let bobs = stage.file("bob.kubeconfig", &here, &bob);
    let home = world.folder("home/.kube");
    fs::copy(&anns, home.join("config")).unwrap();
    let home = world.folder("home").display().to_string();
    let missing = "/nonexistent/config".to_owned();
    let list = |files: &[&str]| files.join(":");
    // a file that says who, and one that says where and who is called the same
    let who = world.file("who", &config(Some("x"), &[("x", context("c", "u"))], &[], &[("u", bob.clone())]));
    let whence = world.file(
        "whence",
        &config(Some("y"), &[("y", context("c", "v"))], &[("c", here.clone())], &[("v", ann.clone())]),
    );
    let bare = world.file(
        "bare",
        &config(None, &[("x", context("c", "u"))], &[("c", here.clone())], &[("u", ann.clone())]),
    );
    let twice = world.file(
        "twice",
        &config(
            Some("x"),
            &[("x", context("c", "u"))],
            &[("c", here.clone())],
            &[("u", ann.clone()), ("u", bob.clone())],
        ),
    );
    let astray = |cluster: &str, user: &str| {
        let contexts = [("x", context(cluster, user))];
        world.file(
            &format!("astray-{cluster}-{user}"),
            &config(Some("x"), &contexts, &[("c", here.clone())], &[("u", ann.clone())]),
        )
    };
    let broken = world.file("broken", "contexts: {");
    let odd = text(&anns).replacen('{', r#"{"more": [1], "extensions": [{"name": "e", "extension": {"a": 1}}], "preferences": {"colors": true}, "#, 1);
    let odd = world.file("odd", &odd);
    let folder = world.folder("conf");
    for (from, to) in [
        (&stage.people.authority, "ca.crt"),
        (&stage.people.ann.0, "ann.crt"),
        (&stage.people.ann.1, "ann.key"),
    ] {
        fs::copy(from, folder.join(to)).unwrap();
    }
    let relative_user = json!({"client-certificate": "ann.crt", "client-key": "./ann.key"});
    stage.file("conf/relative", &with(&here, json!({"certificate-authority": "ca.crt"})), &relative_user);
    let data = |path: &str| base64(text(path));
    let (certificate, key) = &stage.people.ann;
    let in_data = json!({"client-certificate-data": data(certificate), "client-key-data": data(key)});
    let authority_in_data =
        json!({"server": stage.door(), "certificate-authority-data": data(&stage.people.authority)});
    let new = |name, files: &[&str]| Row::new(name).env("KUBECONFIG", list(files));
    let quoted = with(&here, json!({"insecure-skip-tls-verify": "true", "certificate-authority": ""}));
    vec![
        Row::new("the file at home").without("KUBECONFIG").env("HOME", &*home).reaches(ANN).by(DIRECT),
        new("KUBECONFIG goes before the file at home", &[&bobs])
            .env("HOME", &*home)
            .reaches("bob")
            .by(DIRECT),
        new("an empty KUBECONFIG is none", &[]).env("HOME", &*home).reaches(ANN).by(DIRECT),
        new("a KUBECONFIG of empty names names no file", &["", ""])
            .env("HOME", &*home)
            .refused("no file is named"),
        new("of several files each says a part", &[&who, &whence]).typed().reaches("bob").by(DIRECT),
        new("of a name in two files the first counts", &[&anns, &bobs]).reaches(ANN).by(DIRECT),
        new("of a name in two files the first counts, the other way", &[&bobs, &anns])
            .reaches("bob")
            .by(DIRECT),
        new("a missing file among several", &[&missing, &anns]).reaches(ANN).by(DIRECT),
        new("the same file twice", &[&anns, &anns]).reaches(ANN).by(DIRECT),
        new("missing files alone", &[&missing]).env("HOME", &*home).refused("there is no such file"),
        new("a broken file among several", &[&anns, &broken]).refused("line 1"),
        new("a folder among several", &[&anns, &home]).refused("irectory"),
        new("a path from the folder we are in", &["conf/relative"]).reaches(ANN).by(DIRECT),
        new("a tilde in a variable is no home", &["~/.kube/config"])
            .env("HOME", &*home)
            .refused("there is no such file"),
        new("--kubeconfig goes before KUBECONFIG", &[&anns])
            .args(&["--kubeconfig", &bobs])
            .typed()
            .reaches("bob")
            .by(DIRECT),
        new("--kubeconfig by a path from the folder we are in", &[&bobs])
            .args(&["--kubeconfig=conf/relative"])
            .reaches(ANN)
            .by(DIRECT),
        new("a tilde in a flag's value is no home", &[&anns])
            .args(&["--kubeconfig=~/.kube/config"])
            .env("HOME", &*home)
            .refused("No such file"),
        new("--kubeconfig of a missing file", &[&anns])
            .args(&["--kubeconfig", &missing])
            .refused("No such file"),
        new("two entries of one name in a file", &[&twice]).refused("it has two users named \"u\""),
        new("no current-context", &[&bare]).refused("it has no current-context"),
        new("--context where there is no current one", &[&bare])
            .args(&["--context=x"])
            .reaches(ANN)
            .by(DIRECT),
        new("--cluster and --user without any context", &[&bare])
            .args(&["--cluster=c", "--user=u"])
            .reaches(ANN)
            .by(DIRECT),
        new("a context without a user that there is", &[&astray("c", "v")])
            .refused("user \"v\" does not exist")
            .but_we(
                Fate::Refused("user \"v\" does not exist"),
                "kubectl asks as nobody, and is refused for it",
            ),
        new("a context without a cluster that there is", &[&astray("d", "u")])
            .refused("cluster \"d\" does not exist"),
        new("fields that nobody knows", &[&odd]).reaches(ANN).by(DIRECT),
        stage
            .of("certificates in the kubeconfig itself", &authority_in_data, &in_data)
            .reaches(ANN)
            .by(DIRECT),
        stage
            .of("an authority as a file and in itself", &with(&authority_in_data, here.clone()), &ann)
            .refused("certificate-authority"),
        stage
            .of(
                "a certificate as a file and in itself",
                &here,
                &with(&in_data, json!({"client-certificate": certificate})),
            )
            .refused("client-certificate"),
        stage
            .of("a key as a file and in itself", &here, &with(&in_data, json!({"client-key": key})))
            .refused("client-key"),
        stage
            .of("true in quotes", &quoted, &ann)
            .refused("")
            .but_we(Fate::As(ANN.to_owned()), "what is meant is plain")
            .by(DIRECT),
        stage.row("--context").args(&["--context", "bob"]).typed().reaches("bob").by(DIRECT),
        stage
            .row("--context that there is none of")
            .args(&["--context", "carl"])
            .refused("context \"carl\" does not exist"),
        stage.row("--cluster").args(&["--context=nowhere", "--cluster=here"]).typed().reaches(ANN).by(DIRECT),
        stage
            .row("--cluster that there is none of")
            .args(&["--cluster=there"])
            .refused("cluster \"there\" does not exist"),
        stage.row("--user").args(&["--user=bob"]).typed().reaches("bob").by(DIRECT),
        stage
            .row("--user that there is none of")
            .args(&["--user=carl"])
            .refused("user \"carl\" does not exist"),
        stage.row("-n").args(&["-n", "kube-system"]).typed().reaches(ANN).by(DIRECT),
    ]
}

fn servers(stage: &Stage<'_>) -> Vec<Row> {
    let (here, ann) = (stage.here(), stage.ann());
    let (door, people) = (stage.door(), &stage.people);
    let open = format!("https://0.0.0.0:{}", stage.ways.door);
    let silent = format!("https://127.0.0.1:{}", stage.ways.silent);
    // an authority that has not signed the server's certificate, though it is one
    let strange = stage.world.file("strange.crt", &text(&people.bob.0));
    let astray = with(&here, json!({"certificate-authority": strange}));
    let nobody = with(&here, json!({"insecure-skip-tls-verify": true}));
    let missing = with(&here, json!({"certificate-authority": "/nonexistent/ca.crt"}));
    let untrusted = "signed by no certificate authority that is trusted";
    let host = format!("127.0.0.1:{}", stage.ways.door);
    let plain = Row::new("flags alone").without("KUBECONFIG");
    vec![
        stage.row("--server").args(&["--context=nowhere", "--server", &door]).typed().reaches(ANN).by(DIRECT),
        stage.row("-s without a scheme").args(&["-s", &host]).refused("").by(DIRECT).but_we(
            Fate::As(ANN.to_owned()),
            "who names an authority means https; kubectl speaks http there",
        ),
        stage.row("--server with a slash").args(&["--server", &format!("{door}/")]).reaches(ANN).by(DIRECT),
        stage
            .row("--server of http that speaks https")
            .args(&["--server", &door.replace("https", "http")])
            .by(DIRECT)
            .refused("it speaks HTTPS"),
        stage.row("--server where nobody listens").args(&["--context=nowhere"]).refused("connection refused"),
        stage.row("--server that nobody knows").args(&["--context=named"]).refused("api.corp.example"),
        stage.row("--server that is none").args(&["--server=https://"]).refused("is no URL"),
        stage.row("tls-server-name of a cluster").args(&["--context=bare"]).reaches(ANN).by(DIRECT),
        stage
            .row("--server of another name than in the certificate")
            .args(&["--server", &open])
            .by(DIRECT)
            .refused("its certificate is not for"),
        stage
            .row("--tls-server-name")
            .args(&["--server", &open, "--tls-server-name=kubernetes"])
            .typed()
            .reaches(ANN)
            .by(DIRECT),
        stage
            .row("--tls-server-name of another server")
            .args(&["--tls-server-name=elsewhere"])
            .by(DIRECT)
            .refused("its certificate is not for elsewhere"),
        stage
            .row("--server takes a cluster's tls-server-name away")
            .args(&["--context=bare", "--server", &open])
            .by(DIRECT)
            .refused("its certificate is not for"),
        stage.of("an authority that did not sign", &astray, &ann).by(DIRECT).refused(untrusted),
        stage.of("no authority", &json!({"server": door}), &ann).by(DIRECT).refused(untrusted),
        stage.of("an authority in no file", &missing, &ann).refused("/nonexistent/ca.crt"),
        stage
            .of("--certificate-authority", &astray, &ann)
            .args(&["--certificate-authority", &people.authority])
            .typed()
            .reaches(ANN)
            .by(DIRECT),
        stage
            .of("--certificate-authority by a path from the folder we are in", &astray, &ann)
            .args(&["--certificate-authority=conf/ca.crt"])
            .reaches(ANN)
            .by(DIRECT),
        stage
            .row("--certificate-authority of a missing file")
            .args(&["--certificate-authority=none"])
            .refused("none"),
        stage
            .of("--insecure-skip-tls-verify", &astray, &ann)
            .args(&["--insecure-skip-tls-verify"])
            .typed()
            .reaches(ANN)
            .by(DIRECT),
        stage
            .row("--insecure-skip-tls-verify=false")
            .args(&["--insecure-skip-tls-verify=false"])
            .reaches(ANN)
            .by(DIRECT),
        stage
            .row("an authority and none by flags")
            .args(&["--insecure-skip-tls-verify", "--certificate-authority", &people.authority])
            .refused("specifying a root certificates file with the insecure flag is not allowed"),
        stage
            .of("an authority and none in a kubeconfig", &nobody, &ann)
            .refused("specifying a root certificates file with the insecure flag is not allowed"),
        stage.row("--request-timeout").args(&["--request-timeout=20s"]).typed().reaches(ANN).by(DIRECT),
        stage
            .row("--request-timeout in bare seconds")
            .args(&["--request-timeout=1", "--server", &silent])
            .by("silent")
            .refused("in time"),
        stage.row("--request-timeout that is none").args(&["--request-timeout=soon"]).refused("soon"),
        plain
            .args(&[
                "--server",
                &door,
                "--certificate-authority",
                &people.authority,
                "--token",
                &people.robot,
            ])
            .reaches(ROBOT)
            .by(DIRECT),
    ]
}

fn credentials(stage: &Stage<'_>) -> Vec<Row> {
    let (here, ann, people) = (stage.here(), stage.ann(), &stage.people);
    let tokens = stage.world.folder("tokens");
    let file = |name: &str, text: &str| {
        fs::write(tokens.join(name), text).unwrap();
        tokens.join(name).display().to_string()
    };
    let token = file("other", &format!("{}\n", people.other));
    let by_file = json!({ "tokenFile": token });
    let (certificate, key) = &people.bob;
    let basic = json!({"username": "u", "password": "pw"});
    let refused = "does not accept the credentials of";
    let acting = |more: Value| with(&ann, more);
    let url = stage.door().replace("://", "://u:pw@");
    let oidc = json!({"auth-provider": {"name": "oidc", "config": {
        "idp-issuer-url": "https://idp.example", "client-id": "c", "id-token": people.robot,
    }}});
    let relative = json!({"tokenFile": "tokens/other"});
    vec![
        stage.row("a token").args(&["--context=robot"]).reaches(ROBOT).by(DIRECT),
        stage
            .row("--token")
            .args(&["--context=robot", "--token", &people.other])
            .typed()
            .reaches(OTHER)
            .by(DIRECT),
        stage
            .row("--token beside a certificate, which the server looks at first")
            .args(&["--token", &people.robot])
            .reaches(ANN)
            .by(DIRECT),
        stage
            .row("a token that the server does not know")
            .args(&["--user=nobody", "--token=secret"])
            .by(DIRECT)
            .refused(refused),
        stage.of("tokenFile", &here, &by_file).reaches(OTHER).by(DIRECT),
        stage.of("tokenFile from the kubeconfig's folder", &here, &relative).reaches(OTHER).by(DIRECT),
        stage
            .of("tokenFile goes before token", &here, &with(&by_file, json!({"token": people.robot})))
            .reaches(OTHER)
            .by(DIRECT),
        stage
            .of(
                "a token where its file is missing",
                &here,
                &json!({"token": people.robot, "tokenFile": "none"}),
            )
            .reaches(ROBOT)
            .by(DIRECT),
        stage
            .of("--token over tokenFile", &here, &by_file)
            .args(&["--token", &people.robot])
            .reaches(OTHER)
            .by(DIRECT)
            .but_we(
                Fate::As(ROBOT.to_owned()),
                "a flag is what is meant now; kubectl takes the file, which is a known fault of it",
            ),
        stage
            .of("tokenFile that is missing", &here, &json!({"tokenFile": "none"}))
            .refused("tokenFile of user \"u\""),
        stage
            .of("tokenFile that is empty", &here, &json!({"tokenFile": file("empty", "\n")}))
            .refused("it is empty"),
        stage
            .of("user and password, which API servers no longer take", &here, &basic)
            .by(DIRECT)
            .refused("API servers have not taken them since"),
        stage
            .of("a password beside a token", &here, &with(&basic, json!({"token": people.robot})))
            .refused("username"),
        stage
            .of("--token beside a password", &here, &basic)
            .args(&["--token", &people.robot])
            .refused("username"),
        stage
            .of(
                "a user in the server's address goes before a token",
                &with(&here, json!({"server": url})),
                &json!({"token": people.robot}),
            )
            .by(DIRECT)
            .refused("system:anonymous"),
        stage.row("nobody").args(&["--user=nobody"]).by(DIRECT).refused("").but_we(
            Fate::Refused("system:anonymous"),
            "kubectl asks for a name and a password, which no server takes",
        ),
        stage
            .row("--client-certificate and --client-key")
            .args(&["--client-certificate", certificate, "--client-key", key])
            .typed()
            .reaches("bob")
            .by(DIRECT),
        stage
            .row("--client-certificate without its key")
            .args(&["--client-certificate", certificate])
            .refused("")
            .but_we(
                Fate::Refused("it is not the key of --client-certificate"),
                "a key is looked at before anybody is asked",
            ),
        stage.row("--as").args(&["--as=carl"]).typed().reaches("ann of devs as carl").by(DIRECT),
        stage
            .row("--as-group, --as-uid, --as-user-extra")
            .args(&[
                "--as=carl",
                "--as-group=ops",
                "--as-group=qa",
                "--as-uid=7",
                "--as-user-extra=team=a",
                "--as-user-extra=team=b",
            ])
            .typed()
            .reaches("ann of devs as carl of ops+qa uid 7 team=a+b")
            .by(DIRECT),
        stage.row("--as-group without --as").args(&["--as-group=ops"]).refused("but no user"),
        stage
            .of("as, as-groups", &here, &acting(json!({"as": "dan", "as-groups": ["ops"]})))
            .reaches("ann of devs as dan of ops")
            .by(DIRECT),
        stage
            .of("--as over as", &here, &acting(json!({"as": "dan", "as-groups": ["ops"]})))
            .args(&["--as=carl"])
            .reaches("ann of devs as carl of ops")
            .by(DIRECT),
        stage
            .of("--as-group over as-groups", &here, &acting(json!({"as": "dan", "as-groups": ["ops"]})))
            .args(&["--as-group=qa"])
            .reaches("ann of devs as dan of qa")
            .by(DIRECT),
        stage
            .of(
                "--as-user-extra beside as-user-extra",
                &here,
                &acting(json!({"as": "dan", "as-user-extra": {"a": ["1"], "b": ["2"]}})),
            )
            .args(&["--as-user-extra=b=3", "--as-user-extra=c=4"])
            .reaches("ann of devs as dan a=1 b=3 c=4")
            .by(DIRECT),
        stage
            .of("a provider that kubectl dropped", &here, &json!({"auth-provider": {"name": "gcp"}}))
            .refused("auth-provider \"gcp\""),
        stage.of("an id-token of oidc", &here, &oidc).reaches(ROBOT).by(DIRECT),
    ]
}

fn plugins(stage: &Stage<'_>) -> Vec<Row> {
    let (here, people) = (stage.here(), &stage.people);
    let by = |mode| stage.token_by_plugin(Some(mode));
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut user = by("Never");
        change(&mut user["exec"]);
        user
    };
    let set = |field: &'static str, value: Value| changed(&move |exec| exec[field] = value.clone());
    let expires = |at: &str| {
        stage.plugin(Some("Never"), &credential(&json!({"token": people.robot, "expirationTimestamp": at})))
    };
    let pem = json!({"clientCertificateData": text(&people.bob.0), "clientKeyData": text(&people.bob.1)});
    let other_version = json!({"apiVersion": "client.authentication.k8s.io/v1beta1", "kind": "ExecCredential", "status": {"token": people.robot}});
    let beta = changed(&|exec| {
        exec["apiVersion"] = "client.authentication.k8s.io/v1beta1".into();
        exec["env"][1]["value"] = other_version.to_string().into();
        exec.as_object_mut().unwrap().remove("interactiveMode");
    });
    let told_all = changed(&|exec| exec["provideClusterInfo"] = true.into());
    let cluster = with(
        &here,
        json!({
            "proxy-url": format!("http://127.0.0.1:{}", stage.ways.http),
            "extensions": [{"name": "client.authentication.k8s.io/exec", "extension": {"audience": "us"}}],
        }),
    );
    let through = format!("http to 127.0.0.1:{}", stage.ways.door);
    let script = stage.world.folder("conf").join("sign-in");
    fs::write(
        &script,
        "#!/bin/sh\nprintf '%s\\n' \"$KUBERNETES_EXEC_INFO\" >> \"$RECORD\"; printf '%s\\n' \"$ANSWER\"\n",
    )
    .unwrap();
    fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let relative = changed(&|exec| {
        exec["command"] = "conf/sign-in".into();
        exec["args"] = json!([]);
    });
    let own_path = changed(&|exec| {
        exec["command"] = "sh".into();
        exec["env"].as_array_mut().unwrap().push(json!({"name": "PATH", "value": "/nonexistent"}));
    });
    let refused = "does not accept the credentials of";
    let mut rows = Vec::new();
    for (mode, asks) in [("Never", false), ("IfAvailable", true), ("Always", true)] {
        let at = match mode {
            "Never" => ["a plugin that never asks, at a terminal", "a plugin that never asks"],
            "IfAvailable" => ["a plugin that may ask, at a terminal", "a plugin that may ask"],
            _ => ["a plugin that must ask, at a terminal", "a plugin that must ask"],
        };
        rows.push(stage.of(at[0], &here, &by(mode)).at_a_terminal().told(asks).reaches(ROBOT).by(DIRECT));
        let alone = stage.of(at[1], &here, &by(mode));
        rows.push(if mode == "Always" {
            alone.refused("it needs a terminal")
        } else {
            alone.told(false).reaches(ROBOT).by(DIRECT)
        });
    }
    rows.extend([
        stage
            .of("a plugin, and kubectl between it and the terminal", &here, &by("Always"))
            .at_a_terminal()
            .typed()
            .told(true)
            .reaches(ROBOT)
            .by(DIRECT),
        stage
            .of("a plugin that says nothing of asking", &here, &stage.token_by_plugin(None))
            .refused("interactiveMode"),
        stage
            .of("a plugin of the beta version that says nothing of asking", &here, &beta)
            .at_a_terminal()
            .told(true)
            .reaches(ROBOT)
            .by(DIRECT),
        stage.of("a plugin of no version", &here, &set("apiVersion", "".into())).refused("apiVersion"),
        stage
            .of(
                "a plugin of the alpha version",
                &here,
                &set("apiVersion", "client.authentication.k8s.io/v1alpha1".into()),
            )
            .refused("apiVersion"),
        stage
            .of(
                "a plugin that answers in another version",
                &here,
                &stage.plugin(Some("Never"), &other_version),
            )
            .told(false)
            .refused("it does not answer in"),
        stage
            .of(
                "a plugin that answers in no version",
                &here,
                &stage.plugin(Some("Never"), &json!({"status": {"token": people.robot}})),
            )
            .told(false)
            .by(DIRECT)
            .refused("")
            .but_we(Fate::As(ROBOT.to_owned()), "what it gives is plain"),
        stage
            .of("a plugin's token that lasts", &here, &expires("2999-01-01T00:00:00Z"))
            .told(false)
            .reaches(ROBOT)
            .by(DIRECT),
        stage
            .of("a plugin's token that has expired by its own word", &here, &expires("2001-01-01T00:00:00Z"))
            .told(false)
            .reaches(ROBOT)
            .by(DIRECT),
        stage
            .of(
                "a plugin's token that the server does not know",
                &here,
                &stage.plugin(Some("Never"), &credential(&json!({"token": "secret"}))),
            )
            .told(false)
            .by(DIRECT)
            .refused(refused),
        stage
            .of("a plugin's certificate", &here, &stage.plugin(Some("Never"), &credential(&pem)))
            .told(false)
            .reaches("bob")
            .by(DIRECT),
        stage
            .of("a plugin that is told the cluster", &cluster, &told_all)
            .told(false)
            .reaches(ROBOT)
            .by(through),
        stage
            .of("a plugin from the kubeconfig's folder", &here, &relative)
            .told(false)
            .reaches(ROBOT)
            .by(DIRECT),
        stage
            .of("a plugin that is not there", &here, &set("command", "/nonexistent/plugin".into()))
            .refused("/nonexistent/plugin"),
        stage
            .of("a plugin without a command", &here, &set("command", "".into()))
            .refused("it names no command"),
        stage
            .of("a plugin that fails", &here, &set("args", json!(["-c", "echo sign in first >&2; exit 3"])))
            .refused("sign in first"),
        stage
            .of("a plugin that prints something else", &here, &stage.plugin(Some("Never"), &json!("secret")))
            .told(false)
            .refused("no ExecCredential"),
        stage
            .of("a plugin that gives nothing", &here, &stage.plugin(Some("Never"), &credential(&json!({}))))
            .told(false)
            .refused("neither a token"),
        stage
            .of("a plugin that gets a PATH of its own", &here, &own_path)
            .env("PATH", "/usr/bin:/bin")
            .told(false)
            .reaches(ROBOT)
            .by(DIRECT),
        stage
            .of("--token spares a plugin", &here, &by("Never"))
            .args(&["--token", &people.other])
            .reaches(OTHER)
            .by(DIRECT),
        stage
            .of("a certificate spares a plugin", &here, &with(&by("Never"), stage.ann()))
            .reaches(ANN)
            .by(DIRECT),
        stage
            .of("a token spares a plugin", &here, &with(&by("Never"), json!({"token": people.other})))
            .reaches(OTHER)
            .by(DIRECT),
    ]);
    rows
}

/// kubectl's preferences, and what they let run.
fn preferences(stage: &Stage<'_>) -> Vec<Row> {
    let (here, people) = (stage.here(), &stage.people);
    let plugin = stage.token_by_plugin(Some("Never"));
    let called = |command: &str| {
        let mut user = plugin.clone();
        user["exec"]["command"] = command.into();
        user
    };
    let said = |file: &str, rest: &str| {
        let text = format!("apiVersion: kubectl.config.k8s.io/v1beta1\nkind: Preference\n{rest}");
        stage.world.file(file, &text)
    };
    let listed = |file: &str, entry: &str| {
        said(file, &format!("credentialPluginPolicy: Allowlist\ncredentialPluginAllowlist: [{entry}]\n"))
    };
    let home = |name: &str, text: &str| {
        let home = format!("home-{name}");
        fs::write(stage.world.folder(&format!("{home}/.kube")).join("kuberc"), text).unwrap();
        stage.world.folder(&home).display().to_string()
    };
    let forbids = said("forbids.kuberc", "credentialPluginPolicy: DenyAll\n");
    let allows = said("allows.kuberc", "credentialPluginPolicy: AllowAll\n");
    let careful = home("careful", &text(&forbids));
    let (denied, unlisted) =
        ("policy set to \"DenyAll\"", "is not permitted by the credential plugin allowlist");
    let row = |name| stage.of(name, &here, &plugin).env("HOME", &*careful);
    let by = |name, file: &str| stage.of(name, &here, &plugin).env("KUBERC", file);
    let runs = |row: Row| row.told(false).reaches(ROBOT).by(DIRECT);
    let strange = said("strange.kuberc", "credentialPluginPolicy: deny\n");
    let needless = said("needless.kuberc", "credentialPluginAllowlist: [{command: sh}]\n");
    let empty = listed("empty.kuberc", "");
    let nothing = listed("nothing.kuberc", "{}");
    let winding = listed("winding.kuberc", "{command: /bin//sh}");
    let old = text(&forbids).replace("v1beta1", "v1alpha1");
    let two = stage
        .world
        .file("two.kuberc", &format!("kind: Other\n---\n{}---\n{}", text(&forbids), text(&allows)));
    let misspelt = said("misspelt.kuberc", "credentialPluginPolcy: DenyAll\n");
    vec![
        row("preferences that forbid all plugins").refused(denied),
        row("preferences that forbid all plugins, at a terminal").at_a_terminal().refused(denied),
        runs(row("KUBERC=off").env("KUBERC", "off")),
        runs(row("KUBECTL_KUBERC=false").env("KUBECTL_KUBERC", "false")),
        runs(row("KUBERC goes before the file at home").env("KUBERC", &*allows)),
        by("--kuberc goes before KUBERC", &allows).args(&["--kuberc", &forbids]).typed().refused("DenyAll"),
        runs(by("--kuberc goes before KUBERC, the other way", &forbids).args(&["--kuberc", &allows]).typed()),
        by("--kuberc where preferences are off", "off")
            .args(&["--kuberc", &allows])
            .refused("--kuberc names a file, and KUBERC=off says"),
        by("preferences in a file that is not there", "/nonexistent/kuberc").refused("No such file"),
        stage
            .of("preferences that forbid plugins spare a token", &here, &json!({"token": people.other}))
            .env("HOME", &*careful)
            .reaches(OTHER)
            .by(DIRECT),
        runs(by("a plugin that is listed by its path", &listed("path.kuberc", "{command: /bin/sh}"))),
        runs(by("a plugin that is listed by the older word", &listed("older.kuberc", "{name: /bin/sh}"))),
        runs(
            stage
                .of("a plugin that is listed by its name", &here, &called("sh"))
                .env("PATH", "/usr/bin:/bin")
                .env("KUBERC", listed("name.kuberc", "{command: aws}, {command: sh}")),
        ),
        by("a plugin that is not listed", &listed("others.kuberc", "{command: aws}")).refused(unlisted),
        by("a plugin whose namesake is listed", &listed("namesake.kuberc", "{command: /nonexistent/sh}"))
            .refused(unlisted),
        stage
            .of("a plugin that is listed and not there", &here, &called("studioci-none"))
            .env("KUBERC", listed("none.kuberc", "{command: studioci-none}"))
            .refused("cannot be resolved"),
        stage
            .of("a winding path to a plugin that is listed", &here, &called("/bin/../bin/sh"))
            .env("KUBERC", listed("straight.kuberc", "{command: /bin/sh}"))
            .told(false)
            .reaches(ROBOT)
            .by(DIRECT),
        by("a policy that there is none of", &strange).refused("unknown plugin policy: \"deny\""),
        by("a list without its policy", &needless).refused("but allowlist is non-nil"),
        by("an empty list", &empty).refused("but allowlist is empty"),
        by("an entry that names nothing", &nothing).refused("empty allowlist entry #1"),
        by("an entry with a winding path", &winding).refused("non-normalized"),
        by("the first preferences of a file count", &two).refused(denied),
        runs(by("a misspelt policy is none", &misspelt)),
        by("a file without preferences", &stage.world.file("other.kuberc", "kind: Other\n"))
            .refused("there is no Preference"),
        runs(row("a file at home without preferences").env("HOME", home("other", "kind: Other\n"))),
        row("a policy in the version that had none")
            .env("HOME", home("old", &old))
            .reaches(ROBOT)
            .but_we(Fate::Refused(denied), "who writes it down means it; kubectl warns, and runs the plugin"),
        row("preferences at home that are no YAML")
            .env("HOME", home("broken", "credentialPluginPolicy: {"))
            .reaches(ROBOT)
            .but_we(Fate::Refused("it may forbid"), "they may forbid the plugin; kubectl warns, and runs it"),
        row("a policy at home that is no text")
            .env("HOME", home("number", &text(&forbids).replace("DenyAll", "5")))
            .reaches(ROBOT)
            .but_we(
                Fate::Refused("is no text"),
                "it may be meant to forbid the plugin; kubectl warns, and runs it",
            ),
    ]
}

fn proxies(stage: &Stage<'_>) -> Vec<Row> {
    let (ann, ways, here) = (stage.ann(), stage.ways, stage.here());
    let at = |scheme: &str, port: u16| format!("{scheme}://127.0.0.1:{port}");
    let to_door = format!("to 127.0.0.1:{}", ways.door);
    let by = |name, proxy: String| stage.of(name, &with(&here, json!({ "proxy-url": proxy })), &ann);
    let login = LOGIN.replace(' ', "%20");
    let signed_in = |scheme: &str, login: &str, port: u16| format!("{scheme}://{login}@127.0.0.1:{port}");
    let named = |name| stage.row(name).args(&["--context=named"]);
    let bare = |name| stage.row(name).args(&["--context=bare"]);
    let proxy = at("http", ways.http);
    let to_bare = format!("http to 0.0.0.0:{}", ways.door);
    let through = format!("http {TO_NAMED}");
    let own = with(&stage.of_name(), json!({"proxy-url": at("socks5", ways.socks)}));
    vec![
        by("proxy-url of http", proxy.clone()).typed().reaches(ANN).by(format!("http {to_door}")),
        by("proxy-url of https", at("https", ways.https)).reaches(ANN).by(format!("https {to_door}")),
        by("proxy-url of socks5", at("socks5", ways.socks)).reaches(ANN).by(format!("socks {to_door}")),
        by("proxy-url of socks5h", at("socks5h", ways.socks))
            .refused("")
            .but_we(
                Fate::As(ANN.to_owned()),
                "curl's name of what socks5 is here: the proxy resolves the name",
            )
            .by(format!("socks {to_door}")),
        by("proxy-url of socks4", at("socks4", ways.socks))
            .refused("only http, https, socks5, socks5h is spoken"),
        by("proxy-url without a scheme", format!("127.0.0.1:{}", ways.http)).refused("is no URL"),
        by("proxy-url with user and password", signed_in("http", &login, ways.locked_http))
            .reaches(ANN)
            .by(format!("locked http {to_door}")),
        by("proxy-url of socks5 with user and password", signed_in("socks5", &login, ways.locked_socks))
            .reaches(ANN)
            .by(format!("locked socks {to_door}")),
        by("proxy-url with user and password that nobody wants", signed_in("http", &login, ways.http))
            .reaches(ANN)
            .by(format!("http {to_door}")),
        by(
            "proxy-url of socks5 with user and password that nobody wants",
            signed_in("socks5", &login, ways.socks),
        )
        .reaches(ANN)
        .but_we(
            Fate::As(ANN.to_owned()),
            "the library offers the login alone, so that a second connection does without",
        )
        .by("socks: not let in")
        .by(format!("socks {to_door}")),
        by("proxy-url without the password that is wanted", at("http", ways.locked_http))
            .by("locked http: not let in")
            .refused("407 Proxy Authentication Required"),
        by("proxy-url of socks5 without the password that is wanted", at("socks5", ways.locked_socks))
            .by("locked socks: not let in")
            .refused("it wants a user and password"),
        by("proxy-url of socks5 with a wrong password", signed_in("socks5", "us:no", ways.locked_socks))
            .by("locked socks: not let in")
            .refused("does not accept"),
        by("a proxy that lets nobody through", at("http", ways.closed))
            .by(format!("closed: CONNECT 127.0.0.1:{} HTTP/1.1", ways.door))
            .refused("the proxy answered 403"),
        by("a proxy where nobody listens", at("http", ways.nobody))
            .refused("the proxy cannot be reached: connection refused"),
        by("a proxy of https that is spoken to in the clear", at("http", ways.https)).refused("the proxy "),
        by("--server keeps the proxy-url of the cluster", proxy.clone())
            .args(&["--server", NAMED, "--tls-server-name=kubernetes"])
            .reaches(ANN)
            .by(&*through),
        named("HTTPS_PROXY").env("HTTPS_PROXY", &*proxy).typed().reaches(ANN).by(&*through),
        named("HTTPS_PROXY of https")
            .env("HTTPS_PROXY", at("https", ways.https))
            .reaches(ANN)
            .by(format!("https {TO_NAMED}")),
        named("HTTPS_PROXY of socks5")
            .env("HTTPS_PROXY", at("socks5", ways.socks))
            .reaches(ANN)
            .by(format!("socks {TO_NAMED}")),
        named("HTTPS_PROXY of socks5h")
            .env("HTTPS_PROXY", at("socks5h", ways.socks))
            .reaches(ANN)
            .by(format!("socks {TO_NAMED}")),
        named("HTTPS_PROXY without a scheme")
            .env("HTTPS_PROXY", format!("127.0.0.1:{}", ways.http))
            .reaches(ANN)
            .by(&*through),
        named("https_proxy").env("https_proxy", &*proxy).reaches(ANN).by(&*through),
        named("HTTPS_PROXY goes before https_proxy")
            .env("HTTPS_PROXY", &*proxy)
            .env("https_proxy", at("http", ways.closed))
            .reaches(ANN)
            .by(&*through),
        named("an empty HTTPS_PROXY is none")
            .env("HTTPS_PROXY", "")
            .env("https_proxy", &*proxy)
            .reaches(ANN)
            .by(&*through),
        named("proxy-url goes before HTTPS_PROXY")
            .env("KUBECONFIG", stage.file("own", &own, &ann))
            .args(&["--context=x"])
            .env("HTTPS_PROXY", &*proxy)
            .reaches(ANN)
            .by(format!("socks {TO_NAMED}")),
        stage
            .row("HTTPS_PROXY is not for loopback addresses")
            .env("HTTPS_PROXY", &*proxy)
            .reaches(ANN)
            .by(DIRECT),
        bare("HTTP_PROXY and ALL_PROXY are not for https")
            .env("HTTP_PROXY", &*proxy)
            .env("ALL_PROXY", &*proxy)
            .reaches(ANN)
            .by(DIRECT),
        bare("HTTPS_PROXY for an address").env("HTTPS_PROXY", &*proxy).reaches(ANN).by(&*to_bare),
    ]
}

/// Which servers are reached without the proxy: one by a name, which cannot be reached then, and one by an address.
fn around_proxies(stage: &Stage<'_>) -> Vec<Row> {
    let proxy = format!("http://127.0.0.1:{}", stage.ways.http);
    let (port, to_bare) = (stage.ways.door, format!("http to 0.0.0.0:{}", stage.ways.door));
    let row = |name, context: &str, except: &str| {
        stage.row(name).args(&["--context", context]).env("HTTPS_PROXY", &*proxy).env("NO_PROXY", except)
    };
    let around = |name, except: &str| row(name, "named", except).refused("api.corp.example");
    let through = |name, except: &str| row(name, "named", except).reaches(ANN).by(format!("http {TO_NAMED}"));
    let address = |name, except: &str| row(name, "bare", except);
    vec![
        around("NO_PROXY of a suffix with a dot", ".corp.example"),
        around("NO_PROXY of a suffix without a dot", "a, Corp.Example ,b"),
        around("NO_PROXY of a suffix with a star", "*.example"),
        around("NO_PROXY of the name itself", "api.corp.example"),
        around("NO_PROXY of the name and port", "api.corp.example:6443"),
        around("NO_PROXY of everything", "*"),
        through("NO_PROXY of the name with a dot", ".api.corp.example"),
        through("NO_PROXY of the name and another port", "api.corp.example:443"),
        through("NO_PROXY of half a label", "orp.example"),
        through("NO_PROXY of another name", "corp.example.org,10.0.0.0/8"),
        address("NO_PROXY of a network", "10.0.0.0/8,0.0.0.0/8").reaches(ANN).by(DIRECT),
        address("NO_PROXY of the address", "0.0.0.0").reaches(ANN).by(DIRECT),
        address("NO_PROXY of the address and port", &format!("0.0.0.0:{port}")).reaches(ANN).by(DIRECT),
        address("NO_PROXY of the address and another port", "0.0.0.0:1").reaches(ANN).by(&*to_bare),
        address("NO_PROXY of another network", "10.0.0.0/8").reaches(ANN).by(&*to_bare),
        address("NO_PROXY of what looks like a suffix of an address", ".0.0").reaches(ANN).by(&*to_bare),
        address("NO_PROXY goes before no_proxy", "10.0.0.0/8")
            .env("no_proxy", "*")
            .reaches(ANN)
            .by(&*to_bare),
        address("no_proxy", "").env("no_proxy", "0.0.0.0").reaches(ANN).by(DIRECT),
    ]
}

/// Servers of plain HTTP, where nobody signs in: whoever runs the one before the API server asks it.
fn in_the_clear(stage: &Stage<'_>, plain: SocketAddr) -> Vec<Row> {
    let proxy = format!("http://127.0.0.1:{}", stage.ways.http);
    let open = format!("http://0.0.0.0:{}", plain.port());
    let row = |name, server: &str| Row::new(name).without("KUBECONFIG").args(&["--server", server]);
    let somewhere = "http://plain.corp.example:8001";
    vec![
        row("a server of http", &open).typed().reaches("admin"),
        row("HTTP_PROXY for http", somewhere)
            .env("HTTP_PROXY", &*proxy)
            .reaches("admin")
            .by("http for plain.corp.example:8001"),
        row("HTTPS_PROXY is not for http", &open).env("HTTPS_PROXY", &*proxy).reaches("admin"),
        row("HTTP_PROXY and NO_PROXY", &open)
            .env("HTTP_PROXY", &*proxy)
            .env("NO_PROXY", "0.0.0.0/32")
            .reaches("admin"),
        row("HTTP_PROXY in a CGI script", &open)
            .env("HTTP_PROXY", &*proxy)
            .env("REQUEST_METHOD", "GET")
            .refused("")
            .but_we(
                Fate::As("admin".to_owned()),
                "it is passed over, since whoever sends a request may have set it; kubectl gives up",
            ),
        row("a token is not sent in the clear", &open).args(&["--token=secret"]).reaches("admin"),
    ]
}

/// A token that has ended is looked for anew where it stood. kubectl's own watch ends with its connection, and cannot judge.
fn a_token_file_that_rotates_is_followed(stage: &Stage<'_>) {
    let (world, name) = (stage.world, "leaver");
    world.kubectl(&["create", "serviceaccount", name, "-n", ACCOUNTS]).ok();
    let first = world.kubectl(&["create", "token", name, "-n", ACCOUNTS]).ok();
    let file = world.file("rotating", first.trim());
    let config = stage.file("rotating.kubeconfig", &stage.here(), &json!({ "tokenFile": file }));
    let mark = world.mark();
    let watching = world.studioci_aside(&["status", "-A", "-w", "--kubeconfig", &config]);
    let asked = |who: &str| {
        let events = world.cluster.audit().since(mark).unwrap();
        events.iter().any(|event| event.verb == "watch" && event.user.username.ends_with(who)).then_some(())
    };
    world.until("a watch by the first token", || asked(":leaver"));
    world.file("rotating", &stage.people.robot);
    world.kubectl(&["delete", "serviceaccount", name, "-n", ACCOUNTS]).ok();
    // the server trusts a token for some seconds after it has looked at it
    world.until("a watch by the second token", || {
        stage.ways.cut();
        asked(":robot")
    });
    watching.interrupt();
    let _ = watching.wait();
}

#[test]
#[ignore = "needs the test cluster: cargo xtask test"]
fn native_02_every_way_to_a_server_is_kubectls() {
    let world = World::bare("native-02");
    clear(&world);
    let_everybody_in(&world);
    let (kubectl, plain) = plain(&world);
    let (certificate, key) = world.cluster.server_certificate(&["kubernetes"]).unwrap();
    let api = format!("{API_ADDRESS}:443").parse().unwrap();
    let (certificate, key) = (fs::read(certificate).unwrap(), fs::read(key).unwrap());
    let ways = Ways::open(api, plain, &certificate, &key);
    let stage = Stage::new(&world, &ways);
    let mark = world.mark();
    let mut court = Court::new(&world, &ways, stage.record.clone().into());
    let rows = [
        kubeconfigs(&stage),
        servers(&stage),
        credentials(&stage),
        plugins(&stage),
        preferences(&stage),
        proxies(&stage),
        around_proxies(&stage),
        in_the_clear(&stage, plain),
    ];
    for row in rows.into_iter().flatten() {
        court.hear(row);
    }
    let (heard, wrong) = (court.heard(), court.judge(&world.cluster.audit().since(mark).unwrap()));
    kubectl.interrupt();
    let _ = kubectl.wait();
    a_token_file_that_rotates_is_followed(&stage);
    // whatever has come of it: other proofs are not let in like this
    clear(&world);
    assert!(wrong.is_empty(), "{} of {heard} rows:\n\n{}", wrong.len(), wrong.join("\n"));
}
