{{/*
Number of server pods; nothing once an autoscaler has set it, whose number it then is.
Until it has, Helm is the only one that named it: leaving it out would make the API server take 1, also under load.
*/}}
{{- define "edge.serverReplicas" -}}
{{- if not .Values.server.autoscaling.enabled -}}
{{- .Values.server.replicaCount }}
{{- else -}}
{{- $live := lookup "apps/v1" "Deployment" .Release.Namespace (printf "%s-server" (include "edge.fullname" .)) -}}
{{- $scaled := false -}}
{{- range ($live.metadata).managedFields -}}
{{- $scaled = or $scaled (eq (.subresource | default "") "scale") -}}
{{- end -}}
{{- if and $live (not $scaled) -}}
{{- $live.spec.replicas }}
{{- end -}}
{{- end -}}
{{- end }}
