{{/*
A Job that runs once. list $ component; its template is "edge.job.<component>".
Its name has the digest of what it does: a Job cannot be changed, and an unchanged one must not run again.
*/}}
{{- define "edge.job" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $spec := include (printf "edge.job.%s" $component) $root -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "edge.fullname" $root }}-{{ $component }}-{{ $spec | sha256sum | trunc 8 }}
  labels:
    {{- include "edge.labels" . | nindent 4 }}
spec:
  backoffLimit: 20
  template:
    metadata:
      labels:
        {{- include "edge.podLabels" . | nindent 8 }}
    spec:
      restartPolicy: OnFailure
      {{- include "edge.podBasics" (list $root) | nindent 6 }}
      securityContext:
        {{- include "edge.podSecurity" (list 5000 list) | nindent 8 }}
      {{- $spec | trim | nindent 6 }}
{{- end }}

{{/* What both Jobs need to reach the store, as the sidecar does. list $ command */}}
{{- define "edge.modelSyncContainer" -}}
{{- $root := index . 0 -}}
image: {{ include "edge.image" (list $root $root.Values.server.sidecar.image) }}
imagePullPolicy: {{ $root.Values.imagePullPolicy }}
command: {{ index . 1 | toJson }}
env:
  {{- include "edge.modelSyncStoreEnv" $root | nindent 2 }}
resources:
  requests: {cpu: 20m, memory: 96Mi}
  limits: {memory: 256Mi}
securityContext:
  {{- include "edge.containerSecurity" $root | nindent 2 }}
{{- end }}
