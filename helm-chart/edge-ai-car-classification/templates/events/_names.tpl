{{/* Secret with the token that guards POST /v1/sync; nothing when nobody calls it. */}}
{{- define "edge.eventsSecretName" -}}
{{- if and .Values.events.enabled (include "edge.storeIsBundled" .) -}}
{{- include "edge.fullname" . }}-events
{{- end -}}
{{- end }}

{{/*
The token: the user's; else one that follows from the store's password, the same at each rendering; else, with the
password in a Secret of the user's, one that was generated once and is kept.
*/}}
{{- define "edge.eventsToken" -}}
{{- $minio := .Values.minio.auth -}}
{{- if .Values.events.token -}}
{{- .Values.events.token -}}
{{- else if not $minio.existingSecret -}}
{{- printf "%s/%s/%s/%s" .Release.Name (include "edge.namespace" .) $minio.rootUser $minio.rootPassword | sha256sum | trunc 32 -}}
{{- else -}}
{{- $known := (lookup "v1" "Secret" (include "edge.namespace" .) (include "edge.eventsSecretName" .)).data | default dict -}}
{{- get $known "token" | b64dec | default (randAlphaNum 32) -}}
{{- end -}}
{{- end }}

{{/* Changes when what the store and the sidecar are told changes; not with a generated token, which is kept. */}}
{{- define "edge.eventsChecksum" -}}
{{- list .Values.events .Values.minio.auth (.Files.Get "files/scripts/call_on_changes.py") | toJson | sha256sum -}}
{{- end }}
