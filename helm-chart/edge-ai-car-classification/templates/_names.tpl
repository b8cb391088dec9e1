{{- define "edge.name" -}}
{{- .Values.nameOverride | default .Chart.Name | trunc 46 | trimSuffix "-" }}
{{- end }}

{{/* `<release>-<chart>`, or the release alone when it contains the chart's name; room for suffixes of 17 characters. */}}
{{- define "edge.fullname" -}}
{{- $name := include "edge.name" . -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 46 | trimSuffix "-" }}
{{- else if contains $name .Release.Name -}}
{{- .Release.Name | trunc 46 | trimSuffix "-" }}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 46 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "edge.namespace" -}}
{{- .Values.namespaceOverride | default .Release.Namespace }}
{{- end }}

{{/* The documented `<release>-minio`, as the subchart makes it. */}}
{{- define "edge.minioName" -}}
{{- printf "%s-minio" (.Release.Name | trunc 45 | trimSuffix "-") }}
{{- end }}

{{/* Labels that every pod of the release has, MinIO's too. */}}
{{- define "edge.platformLabels" -}}
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/part-of: edge-ai-car-classification
{{- end }}

{{/* list $ component */}}
{{- define "edge.selectorLabels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: {{ include "edge.name" $root }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* list $ component: none that change with a release of the chart, which would restart pods for nothing. */}}
{{- define "edge.podLabels" -}}
{{- $root := index . 0 -}}
{{ include "edge.selectorLabels" . }}
app.kubernetes.io/part-of: edge-ai-car-classification
{{- with $root.Values.global.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* list $ component */}}
{{- define "edge.labels" -}}
{{- $root := index . 0 -}}
{{ include "edge.podLabels" . }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version }}
{{- end }}
