{{/* list $ image: the chart's appVersion when the name has neither tag nor digest; global.imageRegistry when set. */}}
{{- define "edge.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- if not (regexMatch "(:[^/]+|@sha256:[a-f0-9]{64})$" $image) -}}
{{- $image = printf "%s:%s" $image $root.Chart.AppVersion -}}
{{- end -}}
{{- with $root.Values.global.imageRegistry -}}
{{- $parts := splitList "/" $image -}}
{{- if and (gt (len $parts) 1) (regexMatch "[.:]|^localhost$" (first $parts)) -}}
{{- $image = rest $parts | join "/" -}}
{{- end -}}
{{- $image = printf "%s/%s" . $image -}}
{{- end -}}
{{- $image -}}
{{- end }}

{{- define "edge.serverImage" -}}
{{- $default := ternary "edgeai-ovms-lite" "edgeai-ovms-server" (eq .Values.server.runtime "lite") -}}
{{- include "edge.image" (list . (.Values.server.ovms.image | default $default)) -}}
{{- end }}
