//! Answers of an API server, and what we make of them.

use super::*;

fn error(code: u16, reason: &str, message: &str) -> Error {
    let body = serde_json::json!({"kind": "Status", "reason": reason, "message": message, "code": code});
    Status::read(code, body.to_string().as_bytes()).into_error("pod/x", &ConnectionInfo::scripted(), false)
}

#[test]
fn a_denial_is_taken_apart() {
    let message = r#"pods "p" is forbidden: User "system:serviceaccount:ci-a:studioci-agent" cannot get resource "pods/log" in API group "" in the namespace "ci-b""#;
    let Error::Forbidden(forbidden) = error(403, "Forbidden", message) else { panic!("not Forbidden") };
    assert_eq!(
        forbidden.to_string(),
        r#"user "system:serviceaccount:ci-a:studioci-agent" may not get pods/log in the namespace ci-b"#
    );
    assert_eq!(
        forbidden.rule(),
        r#"apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: "studioci-get-pods-log", namespace: "ci-b"}
rules:
- apiGroups: [""]
  resources: ["pods/log"]
  verbs: ["get"]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: "studioci-get-pods-log", namespace: "ci-b"}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: "studioci-get-pods-log"}
subjects:
- {kind: ServiceAccount, name: "studioci-agent", namespace: "ci-a"}
"#
    );
}

#[test]
fn a_denial_at_the_cluster_scope_and_of_a_path() {
    let message = r#"deployments.apps is forbidden: User "ann" cannot list resource "deployments" in API group "apps" at the cluster scope"#;
    let denial = error(403, "Forbidden", message);
    assert_eq!(denial.to_string(), r#"user "ann" may not list deployments.apps at the cluster scope"#);
    let remedy = denial.remedy();
    for line in [
        "kind: ClusterRoleBinding",
        r#"- apiGroups: ["apps"]"#,
        r#"  resources: ["deployments"]"#,
        r#"- {apiGroup: rbac.authorization.k8s.io, kind: User, name: "ann"}"#,
    ] {
        assert!(remedy.contains(line), "{line} missing in {remedy}");
    }
    let message = r#"forbidden: User "ann" cannot get path "/metrics""#;
    let denial = error(403, "Forbidden", message);
    assert_eq!(denial.to_string(), r#"user "ann" may not get /metrics"#);
    assert!(denial.remedy().contains(r#"nonResourceURLs: ["/metrics"]"#));
}

#[test]
fn every_rule_is_yaml_that_an_api_server_reads() {
    let message = r#"x is forbidden: User "a\"b: {c}" cannot list resource "pods" in API group "" at the cluster scope"#;
    let Error::Forbidden(forbidden) = error(403, "Forbidden", message) else { panic!("not Forbidden") };
    assert_eq!(forbidden.user, r#"a"b: {c}"#);
    let documents: Vec<serde_json::Value> = serde_saphyr::from_multiple(&forbidden.rule()).unwrap();
    assert_eq!(documents[1]["subjects"][0]["name"], r#"a"b: {c}"#);
}

#[test]
fn admission_keeps_its_message() {
    let cases = [
        (
            400,
            "admission webhook \"validate.kyverno.svc\" denied the request: no latest",
            Denier::Webhook("validate.kyverno.svc".to_owned()),
        ),
        (
            422,
            "pods \"x\" is forbidden: ValidatingAdmissionPolicy 'studioci-rights' with binding 'studioci-rights' denied request: no",
            Denier::Policy("studioci-rights".to_owned()),
        ),
        (403, "pods \"x\" is forbidden: exceeded quota: q, requested: pods=1", Denier::Quota),
        (
            403,
            "jobs.batch \"x\" is forbidden: status unknown for quota: q, resources: count/jobs.batch",
            Denier::Quota,
        ),
        (403, "pods \"x\" is forbidden: violates PodSecurity \"restricted:latest\": a", Denier::PodSecurity),
        (
            403,
            "pods \"x\" is forbidden: error looking up service account a/default: serviceaccount \"default\" not found",
            Denier::ServiceAccount,
        ),
        (
            403,
            "roles \"r\" is forbidden: user \"u\" (groups=[\"g\"]) is attempting to grant RBAC permissions not currently held:\n{}",
            Denier::Escalation,
        ),
        (403, "something else", Denier::Other),
    ];
    for (code, message, expected) in cases {
        match error(code, "Forbidden", message) {
            Error::Denied { why, by, .. } => {
                assert_eq!(by, expected, "{message}");
                assert_eq!(why, message);
            }
            other => panic!("{message}: {other:?}"),
        }
    }
    let body = r#"{"reason":"Forbidden","message":"x is forbidden: unable to create new content in namespace n because it is being terminated","details":{"causes":[{"reason":"NamespaceTerminating"}]}}"#;
    let terminating = Status::read(403, body.as_bytes()).into_error("x", &ConnectionInfo::scripted(), false);
    assert!(matches!(terminating, Error::Denied { by: Denier::Terminating, .. }));
}

#[test]
fn codes_and_reasons() {
    let kind = |error: &Error| format!("{error:?}").split([' ', '(']).next().unwrap_or_default().to_owned();
    let cases = [
        (401, "Unauthorized", "Unauthorized"),
        (404, "NotFound", "NotFound"),
        (409, "AlreadyExists", "AlreadyExists"),
        (409, "Conflict", "Conflict"),
        (410, "Expired", "Gone"),
        (422, "Invalid", "Invalid"),
        (429, "TooManyRequests", "TooManyRequests"),
        (500, "InternalError", "Other"),
    ];
    for (code, reason, expected) in cases {
        assert_eq!(kind(&error(code, reason, "m")), expected, "{code} {reason}");
    }
}

#[test]
fn a_failed_test_of_a_json_patch_is_a_conflict_but_an_invalid_object_is_not() {
    let bare = br#"{"reason":"Invalid","message":"the server rejected our request due to an error in our request","details":{}}"#;
    assert!(Status::read(422, bare).into_error("x", &ConnectionInfo::scripted(), true).is_conflict());
    assert!(!Status::read(422, bare).into_error("x", &ConnectionInfo::scripted(), false).is_conflict());
    let field = br#"{"reason":"Invalid","message":"m","details":{"causes":[{"reason":"FieldValueRequired","message":"Required value","field":"spec.image"}]}}"#;
    assert_eq!(
        Status::read(422, field).into_error("x", &ConnectionInfo::scripted(), true),
        Error::Invalid {
            what: "x".to_owned(),
            why: "m".to_owned(),
            causes: vec!["spec.image: Required value".to_owned()]
        }
    );
}

#[test]
fn an_answer_that_is_no_status_keeps_its_first_line() {
    let error = Status::read(502, b"\n <html>\n<b>Bad Gateway</b>").into_error(
        "x",
        &ConnectionInfo::scripted(),
        false,
    );
    assert_eq!(error, Error::Other { what: "x".to_owned(), code: 502, why: "HTTP 502: <html>".to_owned() });
}

/// Whoever would give that user a right would give it to everybody.
#[test]
fn a_server_that_saw_no_credentials_is_not_answered_with_a_role_for_nobody() {
    for message in [
        r#"namespaces is forbidden: User "system:anonymous" cannot list resource "namespaces" in API group "" at the cluster scope"#,
        r#"users "ann" is forbidden: User "system:anonymous" cannot impersonate resource "users" in API group "" at the cluster scope"#,
    ] {
        let error = error(403, "Forbidden", message);
        assert!(error.to_string().starts_with("user \"system:anonymous\" may not "), "{error}");
        assert!(error.remedy().starts_with("Sign in: the server saw no credentials."), "{}", error.remedy());
    }
}
