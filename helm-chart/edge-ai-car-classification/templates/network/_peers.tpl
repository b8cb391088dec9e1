{{/* Head of a policy. list $ suffix */}}
{{- define "edge.policyHead" -}}
{{- $root := index . 0 -}}
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: {{ include "edge.fullname" $root }}-{{ index . 1 }}
  namespace: {{ include "edge.namespace" $root }}
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

{{/* Egress to where keys come from when the chart has none: the metadata address of clouds, and their token services. */}}
{{- define "edge.egressToCredentials" -}}
{{- if not (include "edge.storeSecret" (list . "server")) -}}
- to:
    - ipBlock: {cidr: 169.254.0.0/16}
  ports:
    {{- include "edge.ports" (list 80) | trim | nindent 4 }}
- ports:
    {{- include "edge.ports" (list 443) | trim | nindent 4 }}
{{- end }}
{{- end }}

{{/* Egress to where the client's pictures come from: the port of the address in client.source. */}}
{{- define "edge.egressToSource" -}}
{{- $source := .Values.client.source -}}
{{- if regexMatch "^(rtsps?|https?)://" $source -}}
{{- $url := urlParse $source -}}
{{- $host := regexReplaceAll "^.*@" $url.host "" -}}
{{- $usual := get (dict "rtsp" "554" "rtsps" "322" "http" "80" "https" "443") $url.scheme -}}
- ports:
    {{- include "edge.ports" (list (ternary (regexFind "[0-9]+$" $host) $usual (regexMatch ":[0-9]+$" $host))) | trim | nindent 4 }}
{{- end }}
{{- end }}

{{/* Egress to the addresses that the page may name, at the usual ports. */}}
{{- define "edge.egressToPageAddresses" -}}
{{- $allowed := .Values.client.pageAddresses | default "off" -}}
{{- if ne $allowed "off" -}}
- ports:
    {{- include "edge.ports" (list 80 443) | trim | nindent 4 }}
  {{- if eq $allowed "public" }}
  to:
    - ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16]}
    - ipBlock: {cidr: "::/0", except: ["fc00::/7", "fe80::/10"]}
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
