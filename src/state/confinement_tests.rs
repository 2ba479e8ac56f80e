//! What is taken for a confinement, and what is not.

use testkit::{Reply, Scripted, SeenRequest};

use super::*;

fn policies() -> Vec<Value> {
    manifests::objects().into_iter().filter(|it| [POLICY, BINDING].contains(&manifests::key(it).0)).collect()
}

fn remedy(error: &Error) -> (String, String) {
    error.said()
}

#[test]
fn policies_as_written_are_a_confinement() {
    let wanted = policies();
    let live: Vec<_> = wanted.iter().cloned().map(Some).collect();
    assert_eq!(judge(&wanted, &live).unwrap(), None);
}

#[test]
fn what_is_missing_or_changed_is_named() {
    let wanted = policies();
    let all: Vec<_> = wanted.iter().cloned().map(Some).collect();
    let mut one_missing = all.clone();
    one_missing[3] = None;
    let mut audit = all.clone();
    audit[1].as_mut().unwrap()["spec"]["validationActions"] = json!(["Audit"]);
    let mut ignore = all.clone();
    ignore[4].as_mut().unwrap()["spec"]["failurePolicy"] = json!("Ignore");
    let cases = [
        (vec![None; all.len()], "not installed", "kubectl studioci setup once"),
        (
            one_missing,
            "validatingadmissionpolicybinding.admissionregistration.k8s.io/studioci-rights is missing",
            "once",
        ),
        (
            audit,
            "validatingadmissionpolicybinding.admissionregistration.k8s.io/studioci-agent is not what",
            "diff",
        ),
        (
            ignore,
            "validatingadmissionpolicy.admissionregistration.k8s.io/studioci-identity is not what",
            "diff",
        ),
    ];
    for (live, what, advice) in cases {
        let (said, advised) = remedy(&judge(&wanted, &live).unwrap_err());
        assert!(said.contains(what) && advised.contains(advice), "{said}\n{advised}");
    }
}

#[test]
fn a_newer_confinement_is_left_to_the_canary_but_not_an_incomplete_one() {
    let wanted = policies();
    let mut live: Vec<_> = wanted.iter().cloned().map(Some).collect();
    for object in live.iter_mut().flatten() {
        object["spec"] = json!({ "of": "the future" });
        object["metadata"]["annotations"] = json!({ wire::CONFINEMENT: "99" });
    }
    assert_eq!(judge(&wanted, &live).unwrap(), Some(99));
    live[0] = None;
    assert!(judge(&wanted, &live).is_err());
}

#[test]
fn only_what_a_person_must_know_is_said_aloud() {
    let fine = Confinement { authorizer: Authorizer::On, canary: Canary::Refused, newer: None };
    assert!(fine.said_aloud().is_empty());
    let off = Confinement { authorizer: Authorizer::Off, ..fine };
    assert!(off.said_aloud()[0].contains("RBAC is off"));
    let newer = Confinement { newer: Some(9), ..fine };
    assert!(newer.said_aloud()[0].contains("number 9"));
}

/// An API server's authorizer and admission, as one user meets them.
#[derive(Clone, Copy)]
struct World {
    user: &'static str,
    /// allowed and reason of nonsense
    nonsense: (bool, &'static str),
    /// what a SubjectAccessReview comes to
    nobody: std::result::Result<bool, &'static str>,
    bypass: bool,
    canary: std::result::Result<(), &'static str>,
    /// canaries that go through before the policies act
    late: usize,
}

const PERSON: World = World {
    user: "alice",
    nonsense: (false, ""),
    nobody: Err(RBAC),
    bypass: false,
    canary: Err(POLICY_SAYS),
    late: 0,
};
const RBAC: &str = "subjectaccessreviews.authorization.k8s.io is forbidden: User \"alice\" cannot create resource \
                    \"subjectaccessreviews\" in API group \"authorization.k8s.io\" at the cluster scope";
const POLICY_SAYS: &str = "x is forbidden: ValidatingAdmissionPolicy 'studioci-rights' with binding 'studioci-rights' \
                           denied request: no";
const OTHER_POLICY: &str =
    "x is forbidden: ValidatingAdmissionPolicy 'somebodys' with binding 'b' denied request: no";

fn serve(world: World) -> (Cluster, Scripted) {
    let mut canaries = 0;
    Cluster::scripted(move |seen: &SeenRequest| {
        let verb = &seen.body["spec"]["resourceAttributes"]["verb"];
        let last = seen.path.rsplit('/').next().unwrap();
        let status = |allowed: bool, reason: &str| {
            Reply::Json(201, json!({ "status": { "allowed": allowed, "reason": reason } }))
        };
        match last {
            "selfsubjectreviews" => {
                Reply::Json(201, json!({ "status": { "userInfo": { "username": world.user } } }))
            }
            "selfsubjectaccessreviews" if verb == "bypass" => status(world.bypass, ""),
            "selfsubjectaccessreviews" => status(world.nonsense.0, world.nonsense.1),
            "subjectaccessreviews" => match world.nobody {
                Ok(allowed) => status(allowed, ""),
                Err(message) => Reply::Status(403, "Forbidden", message),
            },
            "rolebindings" | "namespaces" => {
                assert!(seen.query.contains("dryRun=All"), "{}", seen.query);
                canaries += 1;
                match world.canary {
                    Err(message) if canaries > world.late => Reply::Status(403, "Forbidden", message),
                    _ => Reply::Json(201, seen.body.clone()),
                }
            }
            other => panic!("{other}"),
        }
    })
}

#[tokio::test(start_paused = true)]
async fn an_authorizer_that_never_says_no_is_found_out() {
    let agent = "system:serviceaccount:ci-x:studioci-agent.x";
    let cases = [
        ("a person", PERSON, Authorizer::On),
        ("cluster-admin", World { nonsense: (true, "RBAC: allowed by …"), ..PERSON }, Authorizer::On),
        ("system:masters", World { nonsense: (true, ""), nobody: Ok(false), ..PERSON }, Authorizer::On),
        (
            "anybody under AlwaysAllow",
            World { nonsense: (true, ""), nobody: Ok(true), ..PERSON },
            Authorizer::Off,
        ),
        (
            "an agent under AlwaysAllow",
            World { user: agent, nonsense: (true, ""), nobody: Err(POLICY_SAYS), ..PERSON },
            Authorizer::Off,
        ),
        ("another authorizer", World { nonsense: (true, "because"), ..PERSON }, Authorizer::On),
    ];
    for (who, world, expected) in cases {
        let (cluster, _) = serve(world);
        assert_eq!(authorizer(&cluster).await.unwrap(), expected, "{who}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_canary_must_be_refused_by_a_policy_of_ours() {
    let cases = [
        ("refused", PERSON, Ok(Canary::Refused)),
        ("a policy that acts a moment later", World { late: 3, ..PERSON }, Ok(Canary::Refused)),
        ("an administrator", World { canary: Ok(()), bypass: true, ..PERSON }, Ok(Canary::LetOff)),
        ("nobody of ours", World { canary: Err(RBAC), ..PERSON }, Ok(Canary::NotAsked)),
        ("nothing acts", World { canary: Ok(()), ..PERSON }, Err("do not act: alice")),
        ("somebody else's policy", World { canary: Err(OTHER_POLICY), ..PERSON }, Err("somebodys")),
    ];
    for (what, world, expected) in cases {
        let (cluster, _) = serve(world);
        match (canary(&cluster).await, expected) {
            (Ok(found), Ok(expected)) => assert_eq!(found, expected, "{what}"),
            (Err(error), Err(expected)) => assert!(error.to_string().contains(expected), "{what}: {error}"),
            (found, _) => panic!("{what}: {found:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn an_agents_canary_is_a_namespace_and_a_persons_a_binding_in_home() {
    let asked = |user| async move {
        let (cluster, server) = serve(World { user, ..PERSON });
        canary(&cluster).await.unwrap();
        let seen = server.seen().pop().unwrap();
        (seen.path, seen.body)
    };
    let (path, body) = asked("system:serviceaccount:ci-x:studioci-agent.x").await;
    assert_eq!((path.as_str(), &body["metadata"]["labels"]), ("/api/v1/namespaces", &Value::Null));
    for user in ["alice", "system:serviceaccount:ci-x:builder"] {
        let (path, body) = asked(user).await;
        assert_eq!(path, "/apis/rbac.authorization.k8s.io/v1/namespaces/studioci/rolebindings");
        assert_eq!(body["roleRef"]["name"], wire::ROLE_WORKSPACE);
    }
}

#[tokio::test(start_paused = true)]
async fn a_person_without_rights_is_told_which_roles_to_ask_for() {
    let refused = |user: &'static str| {
        Cluster::scripted(move |_| {
            let message = format!(
                "x is forbidden: User \"{user}\" cannot get resource \"validatingadmissionpolicies\" in API group \
                 \"admissionregistration.k8s.io\" at the cluster scope"
            );
            Reply::Json(403, json!({ "kind": "Status", "code": 403, "reason": "Forbidden", "message": message }))
        })
        .0
    };
    let (what, advice) = remedy(&installed(&refused("alice")).await.unwrap_err());
    assert!(what.contains("\"alice\" may not get"), "{what}");
    assert!(advice.contains("--clusterrole studioci-user --user \"alice\""), "{advice}");
    let agent = installed(&refused("system:serviceaccount:ci-x:studioci-agent.x")).await;
    assert!(matches!(agent, Err(Error::Cluster(ClusterError::Forbidden(_)))));
}
