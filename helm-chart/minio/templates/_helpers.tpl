{{/* Name of everything: the documented `<release>-minio`. */}}
{{- define "minio.fullname" -}}
{{- printf "%s-minio" (.Release.Name | trunc 45 | trimSuffix "-") }}
{{- end }}

{{- define "minio.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace }}
{{- end }}

{{- define "minio.selectorLabels" -}}
app.kubernetes.io/name: minio
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: minio
{{- end }}

{{/* Labels of pods: none that change with a release of the chart, which would restart the store. */}}
{{- define "minio.podLabels" -}}
{{ include "minio.selectorLabels" . }}
app.kubernetes.io/part-of: edge-ai-car-classification
{{- with (.Values.global).commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "minio.labels" -}}
{{ include "minio.podLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "minio.secretName" -}}
{{- .Values.auth.existingSecret | default (include "minio.fullname" .) }}
{{- end }}

{{/* The image, taken from global.imageRegistry when that is set. */}}
{{- define "minio.image" -}}
{{- $image := .Values.image -}}
{{- with (.Values.global).imageRegistry -}}
{{- $parts := splitList "/" $image -}}
{{- if and (gt (len $parts) 1) (regexMatch "[.:]|^localhost$" (first $parts)) -}}
{{- $image = rest $parts | join "/" -}}
{{- end -}}
{{- $image = printf "%s/%s" . $image -}}
{{- end -}}
{{- $image -}}
{{- end }}

{{/* A map with the user's keys in place of the chart's, also where they are false or 0; null removes one. list map user's */}}
{{- define "minio.overridden" -}}
{{- $result := deepCopy (index . 0) -}}
{{- range $key, $value := (index . 1) | default dict -}}
{{- $result = ternary (omit $result $key) (set $result $key $value) (kindIs "invalid" $value) -}}
{{- end -}}
{{- toYaml $result -}}
{{- end }}

{{/* A value as the text that it was written as: YAML makes floats of large numbers. */}}
{{- define "minio.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ int64 . }}{{- else if not (kindIs "invalid" .) -}}{{ . }}{{- end -}}
{{- end }}
