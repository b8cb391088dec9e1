{{/* Secret with the token that guards POST /v1/sync; nothing when nobody calls it. The subchart reads it by this name. */}}
{{- define "edge.eventsSecretName" -}}
{{- if and .Values.events.enabled (include "edge.storeIsBundled" .) -}}
{{- include "edge.minioName" . }}-events
{{- end -}}
{{- end }}
