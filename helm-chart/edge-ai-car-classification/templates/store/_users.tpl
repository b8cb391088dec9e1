{{/* `users` or nothing: whether the chart makes users of the bundled store for the pods, which get no administrator's keys. */}}
{{- define "edge.storeHasUsers" -}}
{{- if and (include "edge.storeIsBundled" .) (not .Values.objectStore.auth.existingSecret) }}users{{ end }}
{{- end }}

{{/* Components with keys of their own, parted by blanks. */}}
{{- define "edge.storeUsers" -}}
server{{ if and (include "edge.storeHasUsers" .) (include "edge.clientUsesStore" .) }} client{{ end }}
{{- end }}

{{/* list $ component */}}
{{- define "edge.storeUserSecret" -}}
{{- include "edge.fullname" (index . 0) }}-store{{ if eq (index . 1) "client" }}-client{{ end }}
{{- end }}

{{/* list $ component */}}
{{- define "edge.storeUserName" -}}
{{- ternary "car-client" ((index . 0).Values.objectStore.auth.accessKey | default "model-sync") (eq (index . 1) "client") }}
{{- end }}

{{/*
A user's secret key: the given one for the sidecar, and what follows from it for the client; else one that follows from
the store's password; else, with that password in a Secret of the user's, one that was generated once and is kept.
list $ component
*/}}
{{- define "edge.storeUserKey" -}}
{{- $root := index . 0 -}}
{{- $given := $root.Values.objectStore.auth.secretKey -}}
{{- $minio := $root.Values.minio.auth -}}
{{- if and $given (eq (index . 1) "server") -}}
{{- $given -}}
{{- else if or $given (not $minio.existingSecret) -}}
{{- printf "%s/%s/%s/%s" $root.Release.Name (include "edge.namespace" $root) (index . 1) ($given | default $minio.rootPassword) | sha256sum | trunc 40 -}}
{{- else -}}
{{- $known := (lookup "v1" "Secret" (include "edge.namespace" $root) (include "edge.storeUserSecret" .)).data | default dict -}}
{{- get $known "secretKey" | b64dec | default (randAlphaNum 40) -}}
{{- end -}}
{{- end }}

{{/* What the sidecar may do, as docs/operations.md has it, and hear of changes. */}}
{{- define "edge.storePolicy.server" -}}
{{- $bucket := printf "arn:aws:s3:::%s" .Values.objectStore.bucket -}}
{{- $status := printf "%s/%s_status/*" $bucket (.Values.objectStore.prefix | splitList "," | first) -}}
{{- $writes := list $status (printf "%s/*/pin.yaml" $bucket) -}}
{{- $uploads := list -}}
{{- if .Values.server.sidecar.apiToken.uploads -}}
{{- $uploads = list (dict "Effect" "Allow" "Action" (list "s3:PutObject" "s3:AbortMultipartUpload") "Resource" (list (printf "%s/*" $bucket))) -}}
{{- end -}}
{{- dict "Version" "2012-10-17" "Statement" (concat (list
      (dict "Effect" "Allow" "Action" (list "s3:ListBucket" "s3:ListenBucketNotification") "Resource" (list $bucket))
      (dict "Effect" "Allow" "Action" (list "s3:GetObject") "Resource" (list (printf "%s/*" $bucket)))
      (dict "Effect" "Allow" "Action" (list "s3:PutObject" "s3:DeleteObject") "Resource" $writes)) $uploads) | toJson -}}
{{- end }}

{{/* What the client may do: read the pictures of its source, write its results, read and write what is in review. */}}
{{- define "edge.storePolicy.client" -}}
{{- $statements := list -}}
{{- with .Values.client.source -}}
{{- if hasPrefix "s3://" . -}}
{{- $place := trimPrefix "s3://" . | trimSuffix "/" -}}
{{- $bucket := splitList "/" $place | first -}}
{{- $statements = concat $statements (list
      (dict "Effect" "Allow" "Action" (list "s3:ListBucket") "Resource" (list (printf "arn:aws:s3:::%s" $bucket)))
      (dict "Effect" "Allow" "Action" (list "s3:GetObject") "Resource" (list (printf "arn:aws:s3:::%s/*" $place)))) -}}
{{- end -}}
{{- end -}}
{{- with .Values.client.results -}}
{{- if hasPrefix "s3://" . -}}
{{- $place := trimPrefix "s3://" . | trimSuffix "/" -}}
{{- $statements = append $statements (dict "Effect" "Allow" "Action" (list "s3:PutObject") "Resource" (list (printf "arn:aws:s3:::%s/*" $place))) -}}
{{- end -}}
{{- end -}}
{{- with .Values.client.review -}}
{{- $place := trimPrefix "s3://" . | trimSuffix "/" -}}
{{- $statements = concat $statements (list
      (dict "Effect" "Allow" "Action" (list "s3:ListBucket") "Resource" (list (printf "arn:aws:s3:::%s" (splitList "/" $place | first))))
      (dict "Effect" "Allow" "Action" (list "s3:GetObject" "s3:PutObject") "Resource" (list (printf "arn:aws:s3:::%s/*" $place)))) -}}
{{- end -}}
{{- dict "Version" "2012-10-17" "Statement" $statements | toJson -}}
{{- end }}
