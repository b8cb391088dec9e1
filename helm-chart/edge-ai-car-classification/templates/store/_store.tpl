{{- define "edge.storeEndpoint" -}}
{{- .Values.objectStore.endpoint | default (printf "http://%s:9000" (include "edge.minioName" .)) }}
{{- end }}

{{/* `bundled` or nothing: whether the MinIO of this release is the store. */}}
{{- define "edge.storeIsBundled" -}}
{{- if and .Values.minio.enabled (not .Values.objectStore.endpoint) }}bundled{{ end }}
{{- end }}

{{/* Port of the store, for the network policy. */}}
{{- define "edge.storePort" -}}
{{- $url := urlParse (include "edge.storeEndpoint" .) -}}
{{- if .Values.networkPolicy.externalStore.port -}}
{{- .Values.networkPolicy.externalStore.port }}
{{- else if contains ":" $url.host -}}
{{- splitList ":" $url.host | last }}
{{- else -}}
{{- ternary "443" "80" (eq $url.scheme "https") }}
{{- end -}}
{{- end }}

{{/* Where a pod's keys are, as YAML {name, accessKey, secretKey}; nothing for the default chain. list $ component */}}
{{- define "edge.storeSecret" -}}
{{- $root := index . 0 -}}
{{- $auth := $root.Values.objectStore.auth -}}
{{- if $auth.existingSecret -}}
{name: {{ $auth.existingSecret }}, accessKey: {{ $auth.accessKeyKey }}, secretKey: {{ $auth.secretKeyKey }}}
{{- else if include "edge.storeHasUsers" $root -}}
{name: {{ include "edge.storeUserSecret" . }}, accessKey: accessKey, secretKey: secretKey}
{{- else if $auth.accessKey -}}
{name: {{ include "edge.storeUserSecret" (list $root "server") }}, accessKey: accessKey, secretKey: secretKey}
{{- end -}}
{{- end }}

{{/* The same of who may do everything: the administrator of the bundled store, whom Jobs and persons need. */}}
{{- define "edge.storeAdminSecret" -}}
{{- if include "edge.storeIsBundled" . -}}
{{- $minio := .Values.minio.auth -}}
{name: {{ $minio.existingSecret | default (include "edge.minioName" .) }}, accessKey: {{ $minio.rootUserKey | default "rootUser" }}, secretKey: {{ $minio.rootPasswordKey | default "rootPassword" }}}
{{- else -}}
{{- include "edge.storeSecret" (list . "server") -}}
{{- end -}}
{{- end }}

{{/* Two keys as variables. list prefix secret */}}
{{- define "edge.storeKeys" -}}
{{- $prefix := index . 0 -}}
{{- with index . 1 | fromYaml }}
- name: {{ $prefix }}_S3_ACCESS_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .name }}
      key: {{ .accessKey }}
- name: {{ $prefix }}_S3_SECRET_KEY
  valueFrom:
    secretKeyRef:
      name: {{ .name }}
      key: {{ .secretKey }}
{{- end }}
{{- end }}

{{/* Changes when the keys do, as far as the chart knows them, so that pods are started anew. */}}
{{- define "edge.storeChecksum" -}}
{{- list .Values.objectStore .Values.minio.auth | toJson | sha256sum }}
{{- end }}

{{/* What a program needs to reach the store. list $ prefix secret */}}
{{- define "edge.storeEnv" -}}
{{- $root := index . 0 -}}
{{- $prefix := index . 1 -}}
- name: {{ $prefix }}_S3_ENDPOINT
  value: {{ include "edge.storeEndpoint" $root | quote }}
{{ include "edge.storeKeys" (rest .) | trim }}
- name: {{ $prefix }}_S3_ADDRESSING
  value: {{ $root.Values.objectStore.addressing | quote }}
{{- with $root.Values.objectStore.region }}
- name: {{ $prefix }}_S3_REGION
  value: {{ . | quote }}
{{- end }}
{{- if $root.Values.objectStore.tls.caSecret }}
- name: {{ $prefix }}_S3_CA_FILE
  value: /etc/object-store/ca.crt
{{- end }}
{{- end }}

{{/* What the sidecar's image needs to reach the bucket. list $ secret createBucket */}}
{{- define "edge.modelSyncStoreEnv" -}}
{{- $root := index . 0 -}}
{{ include "edge.storeEnv" (list $root "MODEL_SYNC" (index . 1)) }}
- name: MODEL_SYNC_BUCKET
  value: {{ $root.Values.objectStore.bucket | quote }}
- name: MODEL_SYNC_CREATE_BUCKET
  value: {{ index . 2 | quote }}
{{- with $root.Values.objectStore.prefix }}
- name: MODEL_SYNC_PREFIX
  value: {{ . | quote }}
{{- end }}
{{- end }}

{{/* `true` or `false`: whether a missing bucket is made. */}}
{{- define "edge.createBucket" -}}
{{- $asked := toString .Values.objectStore.createBucket -}}
{{- ternary (ternary "true" "false" (ne (include "edge.storeIsBundled" .) "")) $asked (eq $asked "") -}}
{{- end }}

{{- define "edge.storeCaMount" -}}
{{- if .Values.objectStore.tls.caSecret }}
- name: store-ca
  mountPath: /etc/object-store
  readOnly: true
{{- end }}
{{- end }}

{{- define "edge.storeCaVolume" -}}
{{- with .Values.objectStore.tls }}
{{- if .caSecret }}
- name: store-ca
  secret:
    secretName: {{ .caSecret }}
    items: [{key: {{ .caKey }}, path: ca.crt}]
{{- end }}
{{- end }}
{{- end }}
