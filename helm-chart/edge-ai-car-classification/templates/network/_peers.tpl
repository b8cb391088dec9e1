{{/* Head of a policy. list $ suffix */}}
{{- define "edge.policyHead" -}}
{{- $root := index . 0 -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "edge.fullname" $root }}-{{ index . 1 }}
  labels:
    {{- include "edge.labels" (list $root "network") | nindent 4 }}
{{- end }}

{{/* Pods of one component as a selector. list $ component */}}
{{- define "edge.pods" -}}
{{- $root := index . 0 -}}
{{- if eq (index . 1) "minio" -}}
matchLabels:
  app.kubernetes.io/name: minio
  app.kubernetes.io/instance: {{ $root.Release.Name }}
  app.kubernetes.io/component: minio
{{- else -}}
matchLabels:
  {{- include "edge.selectorLabels" . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Ports of a rule. */}}
{{- define "edge.ports" -}}
{{- range . }}
{{- printf "- {protocol: TCP, port: %v}\n" . }}
{{- end }}
{{- end }}

{{/* Rule of egress to the object store. */}}
{{- define "edge.egressToStore" -}}
{{- if include "edge.storeIsBundled" . -}}
- to:
    - podSelector:
        {{- include "edge.pods" (list . "minio") | nindent 8 }}
  ports:
    - {protocol: TCP, port: 9000}
{{- else -}}
- ports:
    - {protocol: TCP, port: {{ include "edge.storePort" . }}}
  {{- with .Values.networkPolicy.externalStore.to }}
  to:
    {{- toYaml . | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}

{{/* Rule of egress to the model server. */}}
{{- define "edge.egressToServer" -}}
- to:
    - podSelector:
        {{- include "edge.pods" (list . "server") | nindent 8 }}
  ports:
    {{- include "edge.ports" (list 8000 9000 8081) | trim | nindent 4 }}
{{- end }}
