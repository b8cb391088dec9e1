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

{{/* Where the keys are, as YAML {name, accessKey, secretKey}; nothing for the default credential chain. */}}
{{- define "edge.storeSecret" -}}
{{- $auth := .Values.objectStore.auth -}}
{{- if $auth.existingSecret -}}
{name: {{ $auth.existingSecret }}, accessKey: {{ $auth.accessKeyKey }}, secretKey: {{ $auth.secretKeyKey }}}
{{- else if include "edge.storeIsBundled" . -}}
{{- $minio := .Values.minio.auth -}}
{name: {{ $minio.existingSecret | default (include "edge.minioName" .) }}, accessKey: {{ $minio.rootUserKey | default "rootUser" }}, secretKey: {{ $minio.rootPasswordKey | default "rootPassword" }}}
{{- else if $auth.accessKey -}}
{name: {{ include "edge.fullname" . }}-store, accessKey: accessKey, secretKey: secretKey}
{{- end -}}
{{- end }}

{{/* The two keys as variables. list $ prefix */}}
{{- define "edge.storeKeys" -}}
{{- $prefix := index . 1 -}}
{{- with include "edge.storeSecret" (index . 0) | fromYaml }}
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

{{/* What a program needs to reach the store. list $ prefix */}}
{{- define "edge.storeEnv" -}}
{{- $root := index . 0 -}}
{{- $prefix := index . 1 -}}
- name: {{ $prefix }}_S3_ENDPOINT
  value: {{ include "edge.storeEndpoint" $root | quote }}
{{ include "edge.storeKeys" . | trim }}
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

{{/* What the sidecar's image needs to reach the bucket. */}}
{{- define "edge.modelSyncStoreEnv" -}}
{{ include "edge.storeEnv" (list . "MODEL_SYNC") }}
- name: MODEL_SYNC_BUCKET
  value: {{ .Values.objectStore.bucket | quote }}
- name: MODEL_SYNC_CREATE_BUCKET
  value: {{ ternary (ne (include "edge.storeIsBundled" .) "") .Values.objectStore.createBucket (eq (toString .Values.objectStore.createBucket) "") | quote }}
{{- with .Values.objectStore.prefix }}
- name: MODEL_SYNC_PREFIX
  value: {{ . | quote }}
{{- end }}
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
