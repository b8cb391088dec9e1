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

{{/* Policy for an image: the user's, else `Always` for a tag that moves. list $ image */}}
{{- define "edge.pullPolicy" -}}
{{- $root := index . 0 -}}
{{- $root.Values.imagePullPolicy | default (ternary "Always" "IfNotPresent" (hasSuffix ":latest" (include "edge.image" .))) }}
{{- end }}

{{/* `image` and `imagePullPolicy` of a container. list $ image */}}
{{- define "edge.imageFields" -}}
image: {{ include "edge.image" . }}
imagePullPolicy: {{ include "edge.pullPolicy" . }}
{{- end }}

{{/* The server's image as named, without what "edge.image" adds. */}}
{{- define "edge.serverImage" -}}
{{- $default := ternary "edgeai-ovms-lite" "edgeai-ovms-server" (eq .Values.server.runtime "lite") -}}
{{- .Values.server.ovms.image | default $default -}}
{{- end }}
