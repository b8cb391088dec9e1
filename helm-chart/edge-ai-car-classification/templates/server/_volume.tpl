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
{{- $labels := include "edge.selectorLabels" (list . "server") -}}
{{- if include "edge.volumeIsOnOneNode" . }}
podAffinity:
  requiredDuringSchedulingIgnoredDuringExecution:
    - topologyKey: kubernetes.io/hostname
      labelSelector:
        matchLabels:
          {{- $labels | nindent 10 }}
{{- else }}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- $labels | nindent 12 }}
{{- end }}
{{- end }}
