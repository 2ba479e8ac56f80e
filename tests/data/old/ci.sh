#!/bin/bash -e

[ -z "$GITHUB_TOKEN" ] && echo "Warning: GITHUB_TOKEN should be set for a release"

function cleanup {
    rm -f /tmp/harbour-working
}
trap cleanup EXIT

exit_code=0
touch /tmp/harbour-working
[ -s /etc/ci/keys/private ] || exit_code=3
[ -s /var/run/secrets/kubernetes.io/serviceaccount/token ] || exit_code=4
eval "store=\"$STORE\""
echo "testing against $store" > /scratch/log

echo "support is not needed any more" $POD_NAME
kubectl scale --namespace $POD_NAMESPACE --replicas=0 rc/queue-controller
kubectl scale --namespace $POD_NAMESPACE \
    --replicas=0 deployment/store-deployment

if [ $exit_code -eq 0 ]; then
    kubectl --namespace $POD_NAMESPACE delete job/imagebuilder || true
    cat <<JOB | kubectl --namespace $POD_NAMESPACE create -f -
apiVersion: batch/v1
kind: Job
metadata:
  name: imagebuilder
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers:
      - name: imagebuilder
        image: $STUDIOCI_IMAGE
        command: [sh, -c, echo built]
JOB
    until kubectl --namespace $POD_NAMESPACE get job/imagebuilder -o jsonpath='{.status.conditions[*].status}' | grep True ; do sleep 1 ; done
    kubectl --namespace $POD_NAMESPACE logs job/imagebuilder
    kubectl --namespace $POD_NAMESPACE describe job/imagebuilder
    kubectl --namespace $POD_NAMESPACE delete job/imagebuilder
fi

echo "Keel may go on" $POD_NAME
kubectl label deployment build keel.sh/policy=force --namespace=$POD_NAMESPACE

for (( ; ; ))
do
    sleep 600
done

if [ $exit_code -ne 0 ]; then
    exit $exit_code
fi

exit 0
