//! A rich pipeline's listener and Job, whole.

use super::*;

#[test]
fn the_listener_of_a_rich_pipeline() {
    let listener = good(RICH).listener(&ListenerOf { tag: "main", generation: 3 });
    insta::assert_snapshot!(documents::write(&listener), @r#"
    apiVersion: apps/v1
    kind: Deployment
    metadata:
      annotations:
        docs: https://example.com/lidar
        keel.sh/initContainers: "false"
        keel.sh/monitorContainers: ^test$
        keel.sh/pollSchedule: '@every 30s'
        studioci.dev/build-container: test
        studioci.dev/chain-uuid: 7f1c3f0e-8a4c-4d8e-9a43-0c8d1e3a5b77
        studioci.dev/deadline: 90m
        studioci.dev/generation: "3"
      labels:
        app: build
        app.kubernetes.io/managed-by: studioci
        keel.sh/match-tag: "true"
        keel.sh/policy: force
        keel.sh/trigger: poll
        studioci.dev/chain: lidar-main
        studioci.dev/role: listener
      name: build
    spec:
      replicas: 1
      selector:
        matchLabels:
          studioci.dev/chain: lidar-main
          studioci.dev/role: listener
      strategy:
        rollingUpdate:
          maxSurge: 0
          maxUnavailable: 1
        type: RollingUpdate
      template:
        metadata:
          annotations:
            studioci.dev/build-container: test
            studioci.dev/deadline: 90m
            studioci.dev/generation: "3"
          labels:
            app.kubernetes.io/managed-by: studioci
            studioci.dev/chain: lidar-main
            studioci.dev/role: listener
        spec:
          affinity:
            nodeAffinity:
              requiredDuringSchedulingIgnoredDuringExecution:
                nodeSelectorTerms:
                - matchExpressions:
                  - key: kubernetes.io/os
                    operator: In
                    values:
                    - linux
          automountServiceAccountToken: false
          containers:
          - command:
            - /kubectl-studioci
            - agent
            - run
            env:
            - name: STUDIOCI_NAMESPACE
              valueFrom:
                fieldRef:
                  fieldPath: metadata.namespace
            - name: STUDIOCI_POD
              valueFrom:
                fieldRef:
                  fieldPath: metadata.name
            - name: STUDIOCI_CONTAINER
              value: test
            - name: STUDIOCI_DEPLOYMENT
              value: build
            image: ghcr.io/studioci/kubectl-studioci:0.1.0
            imagePullPolicy: IfNotPresent
            name: studioci-agent
            resources:
              limits:
                cpu: 500m
                memory: 256Mi
              requests:
                cpu: 10m
                memory: 32Mi
            securityContext:
              allowPrivilegeEscalation: false
              capabilities:
                drop:
                - ALL
              readOnlyRootFilesystem: true
              runAsGroup: 65532
              runAsNonRoot: true
              runAsUser: 65532
            volumeMounts:
            - mountPath: /studioci-told
              name: studioci-told
              readOnly: true
            - mountPath: /var/run/secrets/kubernetes.io/serviceaccount
              name: studioci-token
              readOnly: true
          - command:
            - /studioci/kubectl-studioci
            - agent
            - tell
            env:
            - name: STUDIOCI_PIPELINE_PATH
              value: .studioci/pipeline.yaml
            image: registry.example.com/lidar/ci:main
            imagePullPolicy: Always
            name: test
            resources:
              limits:
                cpu: 500m
                memory: 64Mi
              requests:
                cpu: 10m
                memory: 32Mi
            securityContext:
              allowPrivilegeEscalation: false
              capabilities:
                drop:
                - ALL
              readOnlyRootFilesystem: true
              runAsGroup: 3000
              runAsNonRoot: true
              runAsUser: 1000
            volumeMounts:
            - mountPath: /studioci
              name: studioci-binary
              readOnly: true
            - mountPath: /studioci-told
              name: studioci-told
            workingDir: /src
          enableServiceLinks: false
          imagePullSecrets:
          - name: registry
          - name: mirror
          initContainers:
          - command:
            - /kubectl-studioci
            - agent
            - install
            - /studioci/kubectl-studioci
            image: ghcr.io/studioci/kubectl-studioci:0.1.0
            imagePullPolicy: IfNotPresent
            name: studioci-install
            resources:
              limits:
                cpu: 500m
                memory: 128Mi
              requests:
                cpu: 10m
                memory: 32Mi
            securityContext:
              allowPrivilegeEscalation: false
              capabilities:
                drop:
                - ALL
              readOnlyRootFilesystem: true
              runAsGroup: 65532
              runAsNonRoot: true
              runAsUser: 65532
            volumeMounts:
            - mountPath: /studioci
              name: studioci-binary
          nodeSelector:
            kubernetes.io/arch: amd64
          securityContext:
            fsGroup: 2000
            seccompProfile:
              type: RuntimeDefault
          serviceAccountName: studioci-agent.lidar-main
          terminationGracePeriodSeconds: 5
          volumes:
          - emptyDir:
              sizeLimit: 64Mi
            name: studioci-binary
          - emptyDir:
              medium: Memory
              sizeLimit: 1Mi
            name: studioci-told
          - name: studioci-token
            projected:
              defaultMode: 292
              sources:
              - serviceAccountToken:
                  expirationSeconds: 3600
                  path: token
              - configMap:
                  items:
                  - key: ca.crt
                    path: ca.crt
                  name: kube-root-ca.crt
              - downwardAPI:
                  items:
                  - fieldRef:
                      fieldPath: metadata.namespace
                    path: namespace
    "#);
}

#[test]
fn the_job_of_a_rich_pipeline() {
    insta::assert_snapshot!(documents::write(&job_of(RICH, &version())), @r#"
    apiVersion: batch/v1
    kind: Job
    metadata:
      annotations:
        studioci.dev/digest: sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a
        studioci.dev/generation: "3"
        studioci.dev/revision: "123e456"
        studioci.dev/tag: build-20260102
      labels:
        app.kubernetes.io/managed-by: studioci
        studioci.dev/chain: lidar-main
        studioci.dev/role: build
      name: studioci-build
    spec:
      backoffLimit: 0
      completions: 1
      parallelism: 1
      podFailurePolicy:
        rules:
        - action: FailJob
          onPodConditions:
          - status: "True"
            type: DisruptionTarget
        - action: FailJob
          onExitCodes:
            containerName: test
            operator: NotIn
            values:
            - 0
      podReplacementPolicy: Failed
      template:
        metadata:
          annotations:
            sidecar.example.com/inject: "false"
          labels:
            app: build
            app.kubernetes.io/managed-by: studioci
            studioci.dev/chain: lidar-main
            studioci.dev/role: build
        spec:
          activeDeadlineSeconds: 5400
          affinity:
            nodeAffinity:
              requiredDuringSchedulingIgnoredDuringExecution:
                nodeSelectorTerms:
                - matchExpressions:
                  - key: kubernetes.io/os
                    operator: In
                    values:
                    - linux
                  - key: zone
                    operator: In
                    values:
                    - a
                    - b
          automountServiceAccountToken: true
          containers:
          - args:
            - make test
            command:
            - /bin/sh
            - -c
            env:
            - name: STUDIOCI_CHAIN
              value: lidar-main
            - name: STUDIOCI_GENERATION
              value: "3"
            - name: STUDIOCI_NAMESPACE
              value: ci-eager-hopper
            - name: STUDIOCI_IMAGE
              value: registry.example.com/lidar/ci:build-20260102@sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a
            - name: STUDIOCI_TAG
              value: build-20260102
            - name: STUDIOCI_DIGEST
              value: sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a
            - name: STUDIOCI_REVISION
              value: "123e456"
            - name: STUDIOCI_PARENT
              value: ci-brave-lovelace
            - name: RELEASE_KEY
              valueFrom:
                secretKeyRef:
                  key: key
                  name: release-key
            envFrom:
            - configMapRef:
                name: build-env
            image: registry.example.com/lidar/ci:build-20260102@sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a
            imagePullPolicy: IfNotPresent
            lifecycle:
              postStart:
                exec:
                  command:
                  - /bin/sh
                  - -c
                  - kubectl label deployment build keel.sh/policy-
              preStop:
                exec:
                  command:
                  - /bin/sh
                  - -c
                  - while true; do sleep 60; done
            name: test
            resources:
              limits:
                cpu: 2
                memory: 6Gi
                nvidia.com/gpu: 2
            securityContext:
              privileged: true
              runAsGroup: 3000
            volumeMounts:
            - mountPath: /cache
              name: cache
            - mountPath: /info
              name: info
            workingDir: /src
          imagePullSecrets:
          - name: registry
          initContainers:
          - command:
            - git
            - checkout
            - $(STUDIOCI_REVISION)
            env:
            - name: STUDIOCI_CHAIN
              value: lidar-main
            - name: STUDIOCI_GENERATION
              value: "3"
            - name: STUDIOCI_NAMESPACE
              value: ci-eager-hopper
            - name: STUDIOCI_IMAGE
              value: registry.example.com/lidar/ci:build-20260102@sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a
            - name: STUDIOCI_TAG
              value: build-20260102
            - name: STUDIOCI_DIGEST
              value: sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a
            - name: STUDIOCI_REVISION
              value: "123e456"
            - name: STUDIOCI_PARENT
              value: ci-brave-lovelace
            image: registry.example.com/lidar/ci:build-20260102@sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a
            imagePullPolicy: IfNotPresent
            name: checkout
          - env:
            - name: STUDIOCI_CHAIN
              value: lidar-main
            - name: STUDIOCI_GENERATION
              value: "3"
            - name: STUDIOCI_NAMESPACE
              value: ci-eager-hopper
            - name: STUDIOCI_IMAGE
              value: registry.example.com/lidar/ci:build-20260102@sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a
            - name: STUDIOCI_TAG
              value: build-20260102
            - name: STUDIOCI_DIGEST
              value: sha256:0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a
            - name: STUDIOCI_REVISION
              value: "123e456"
            - name: STUDIOCI_PARENT
              value: ci-brave-lovelace
            image: registry.example.com/telemetry:1
            name: telemetry
            restartPolicy: Always
          nodeSelector:
            accelerator: a100
            kubernetes.io/arch: amd64
          restartPolicy: Never
          securityContext:
            fsGroup: 2000
            runAsUser: 1000
            sysctls: []
          serviceAccountName: lidar
          terminationGracePeriodSeconds: 120
          tolerations:
          - key: nvidia.com/gpu
            operator: Exists
          volumes:
          - name: cache
            persistentVolumeClaim:
              claimName: cache
          - downwardAPI:
              items:
              - fieldRef:
                  fieldPath: metadata.namespace
                path: namespace
            name: info
    "#);
}
