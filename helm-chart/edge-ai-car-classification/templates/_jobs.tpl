{{/*
A Job that runs once. list $ component; its template is "edge.job.<component>".
Its name has the digest of its whole pod: a Job cannot be changed, and an unchanged one must not run again.
*/}}
{{- define "edge.job" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $pod := include "edge.jobPod" . -}}
apiVersion: batch/v1
kind: Job
metadata:
  name: {{ include "edge.fullname" $root }}-{{ $component }}-{{ $pod | sha256sum | trunc 8 }}
  namespace: {{ include "edge.namespace" $root }}
  labels:
    {{- include "edge.labels" . | nindent 4 }}
spec:
  backoffLimit: 20
  template:
    {{- $pod | nindent 4 }}
{{- end }}

{{- define "edge.jobPod" -}}
{{- $root := index . 0 -}}
{{- $jobs := $root.Values.jobs -}}
metadata:
  labels:
    {{- include "edge.podLabels" . | nindent 4 }}
    {{- with $jobs.podLabels }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  {{- with $jobs.podAnnotations }}
  annotations:
    {{- toYaml . | nindent 4 }}
  {{- end }}
spec:
  restartPolicy: OnFailure
  {{- include "edge.podBasics" (list $root) | nindent 2 }}
  {{- include "edge.serviceAccountName" (list $root "server") | nindent 2 }}
  securityContext:
    {{- include "edge.podSecurity" (list $root 5000 $jobs) | nindent 4 }}
  {{- with include "edge.placement" (list $root (index . 1) $jobs) }}
  {{- trim . | nindent 2 }}
  {{- end }}
  {{- include (printf "edge.job.%s" (index . 1)) $root | trim | nindent 2 }}
  {{- with $jobs.podSpec }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* What all Jobs need to reach the store, as its administrator. list $ command env volumeMounts */}}
{{- define "edge.modelSyncContainer" -}}
{{- $root := index . 0 -}}
{{- $jobs := $root.Values.jobs -}}
{{- include "edge.imageFields" (list $root $root.Values.server.sidecar.image) }}
command: {{ index . 1 | toJson }}
env:
  {{- include "edge.modelSyncStoreEnv" (list $root (include "edge.storeAdminSecret" $root) (include "edge.createBucket" $root)) | nindent 2 }}
  {{- with index . 2 }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- with $jobs.extraEnv }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- with $jobs.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
resources:
  {{- toYaml $jobs.resources | nindent 2 }}
securityContext:
  {{- include "edge.containerSecurity" (list $root $jobs) | nindent 2 }}
volumeMounts:
  {{- toYaml (index . 3) | nindent 2 }}
  {{- with include "edge.storeCaMount" $root }}
  {{- trim . | nindent 2 }}
  {{- end }}
  {{- with $jobs.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end }}

{{/* Containers that the user adds to every Job. */}}
{{- define "edge.jobExtraContainers" -}}
{{- with .Values.jobs.extraContainers }}
{{- toYaml . }}
{{- end }}
{{- end }}

{{/* Volumes that every Job has besides its own. */}}
{{- define "edge.jobVolumes" -}}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- with include "edge.storeCaVolume" . }}
{{ trim . }}
{{- end }}
{{- with .Values.jobs.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
