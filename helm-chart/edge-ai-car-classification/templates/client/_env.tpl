{{/* Where the client's image finds server, cards and store. */}}
{{- define "edge.clientServerEnv" -}}
{{- $server := printf "%s-server" (include "edge.fullname" .) -}}
- name: CAR_CLIENT_SERVER_URL
  value: http://{{ $server }}:8000
- name: CAR_CLIENT_SIDECAR_URL
  value: http://{{ $server }}:8081
- name: CAR_CLIENT_GRPC_ADDRESS
  value: {{ $server }}:9000
{{- end }}

{{/* Names under which the page is offered outside of the cluster, parted by commas; `*` where a Gateway decides. */}}
{{- define "edge.clientHosts" -}}
{{- $hosts := list -}}
{{- if .Values.client.ingress.enabled -}}
{{- range .Values.client.ingress.hosts }}{{ $hosts = append $hosts (.host | default "*") }}{{ end -}}
{{- end -}}
{{- if .Values.client.httpRoute.enabled -}}
{{- $hosts = concat $hosts (.Values.client.httpRoute.hostnames | default (list "*")) -}}
{{- end -}}
{{- join "," $hosts -}}
{{- end }}

{{/* `yes` or nothing: whether the client reads or writes a bucket. */}}
{{- define "edge.clientUsesStore" -}}
{{- if or (hasPrefix "s3://" .Values.client.source) .Values.client.results .Values.client.review }}yes{{ end }}
{{- end }}

{{/* `yes` or nothing: whether the chart's own pictures are played. */}}
{{- define "edge.clientPlaysSamples" -}}
{{- if and .Values.client.samplePictures.enabled (not .Values.client.source) }}yes{{ end }}
{{- end }}

{{/* `yes` or nothing: whether the cluster has the kinds of the Gateway API. */}}
{{- define "edge.knowsGateways" -}}
{{- if .Capabilities.APIVersions.Has "gateway.networking.k8s.io/v1" }}yes{{ end }}
{{- end }}
