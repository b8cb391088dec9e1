{{/* Spec of a claim, from .Values.persistence. */}}
{{- define "edge.claimSpec" -}}
accessModes: [{{ .accessMode }}]
{{- with .storageClass }}
storageClassName: {{ . }}
{{- end }}
resources:
  requests:
    storage: {{ .size }}
{{- end }}

{{/* The pod's volume with the models. */}}
{{- define "edge.modelsVolume" -}}
{{- with .Values.persistence }}
{{- if eq .mode "perPod" }}
{{- /* A claim that lives and ends with its pod: each pod of a Deployment gets its own, also during a rolling update. */}}
- name: models
  ephemeral:
    volumeClaimTemplate:
      metadata:
        labels:
          {{- include "edge.podLabels" (list $ "server") | nindent 10 }}
        {{- with .annotations }}
        annotations:
          {{- toYaml . | nindent 10 }}
        {{- end }}
      spec:
        {{- include "edge.claimSpec" . | nindent 8 }}
{{- else }}
- name: models
  persistentVolumeClaim:
    claimName: {{ .existingClaim | default (printf "%s-models" (include "edge.fullname" $)) }}
{{- end }}
{{- end }}
{{- end }}

{{/* `yes` or nothing: whether all server pods have to be on one node, because the volume is. */}}
{{- define "edge.volumeIsOnOneNode" -}}
{{- with .Values.persistence }}
{{- if and (eq .mode "shared") (eq .accessMode "ReadWriteOnce") }}yes{{ end }}
{{- end }}
{{- end }}

{{/* Affinity where the user gives none. */}}
{{- define "edge.serverAffinity" -}}
{{- if include "edge.volumeIsOnOneNode" . }}
podAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    - topologyKey: kubernetes.io/hostname
      labelSelector:
        matchLabels:
          {{- include "edge.selectorLabels" (list . "server") | nindent 10 }}
{{- else }}
{{- include "edge.apart" (list . "server") }}
{{- end }}
{{- end }}

{{/*
Gives the volume to the pod's user once, where fsGroup does nothing (NFS, hostPath). It needs root, with the one capability
for that, so Pod Security "restricted" refuses it.
*/}}
{{- define "edge.ownVolume" -}}
{{- $security := include "edge.podSecurity" (list . 5000 .Values.server) | fromYaml -}}
{{- $uid := int64 $security.runAsUser -}}
{{- $gid := int64 ($security.runAsGroup | default $uid) -}}
- name: own-volume
  {{- include "edge.imageFields" (list . .Values.server.sidecar.image) | nindent 2 }}
  command:
    - sh
    - -c
    - 'test "$(stat -c %u /models)" = {{ $uid }} || chown -R {{ $uid }}:{{ $gid }} /models'
  resources:
    {{- toYaml .Values.jobs.resources | nindent 4 }}
  securityContext:
    runAsUser: 0
    runAsGroup: 0
    runAsNonRoot: false
    allowPrivilegeEscalation: false
    readOnlyRootFilesystem: true
    capabilities: {drop: [ALL], add: [CHOWN]}
  volumeMounts:
    - name: models
      mountPath: /models
{{- end }}
