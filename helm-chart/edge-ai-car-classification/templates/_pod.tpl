{{/* What every pod of the chart has. list $ uid */}}
{{- define "edge.podBasics" -}}
{{- $root := index . 0 -}}
automountServiceAccountToken: false
{{- /* Services called ovms, minio or car-client would inject variables that the programs take for settings. */}}
enableServiceLinks: false
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{/* list uid supplementalGroups */}}
{{- define "edge.podSecurity" -}}
runAsNonRoot: true
runAsUser: {{ index . 0 }}
runAsGroup: {{ index . 0 }}
fsGroup: {{ index . 0 }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- with index . 1 }}
supplementalGroups:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "edge.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Variables from a map. */}}
{{- define "edge.env" -}}
{{- range $name, $value := . }}
{{- printf "- name: %s\n  value: %s\n" $name (quote $value) }}
{{- end }}
{{- end }}

{{/* Where pods may run. list $ component values */}}
{{- define "edge.placement" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $values := index . 2 -}}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- $selector := dict "labelSelector" (dict "matchLabels" (include "edge.selectorLabels" (list $root $component) | fromYaml)) }}
  {{- range . }}
  - {{- merge (dict) . $selector | toYaml | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}
