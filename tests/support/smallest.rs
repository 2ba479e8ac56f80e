//! The smallest pipeline that is right.

/// A build workload that Keel updates, and nothing besides.
pub(crate) const GOOD: &str = "\
apiVersion: apps/v1
kind: Deployment
metadata:
  name: build
  annotations:
    keel.sh/policy: \"glob:build-*\"
    keel.sh/trigger: poll
spec:
  selector: {matchLabels: {app: build}}
  template:
    metadata: {labels: {app: build}}
    spec:
      containers:
      - name: build
        image: registry.example/team/ci:build-0001
";
