{{/*
What an upgrade cannot change, as a sentence; nothing when it asks for no such thing. Helm would stop half way, with some
objects changed and others not, so it is looked for before anything is sent. Says nothing where Helm only renders.
*/}}
{{- define "edge.unchangeable" -}}
{{- $namespace := include "edge.namespace" . -}}
{{- $wanted := .Values.persistence -}}
{{- $name := printf "%s-models" (include "edge.fullname" .) -}}
{{- if and (eq $wanted.mode "shared") (not $wanted.existingClaim) -}}
{{- with (lookup "v1" "PersistentVolumeClaim" $namespace $name).spec -}}
{{- $advice := printf "keep it, or move to a new claim as docs/second-day.md says under 'Another volume'" -}}
{{- if ne (first .accessModes) $wanted.accessMode -}}
{{- printf "the claim %s has the access mode %s, and persistence.accessMode=%s cannot change it: %s" $name (first .accessModes) $wanted.accessMode $advice -}}
{{- else if and $wanted.storageClass (ne (.storageClassName | default "") $wanted.storageClass) -}}
{{- printf "the claim %s has the storage class %s, and persistence.storageClass=%s cannot change it: %s" $name (.storageClassName | default "(none)") $wanted.storageClass $advice -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end }}

{{/* The same for the bundled store, whose claim belongs to a StatefulSet. */}}
{{- define "edge.unchangeableStore" -}}
{{- $wanted := .Values.minio.persistence -}}
{{- $name := include "edge.minioName" . -}}
{{- with (lookup "apps/v1" "StatefulSet" (.Values.minio.namespaceOverride | default .Release.Namespace) $name).spec -}}
{{- $advice := "as docs/second-day.md says under 'A larger store'" -}}
{{- $claim := first (.volumeClaimTemplates | default (list dict)) -}}
{{- if ne (empty .volumeClaimTemplates) (not $wanted.enabled) -}}
{{- printf "minio.persistence.enabled cannot change in an upgrade: %s" $advice -}}
{{- else if and $wanted.enabled (ne (toString $claim.spec.resources.requests.storage) (toString $wanted.size)) -}}
{{- printf "the store %s has a volume of %s, and minio.persistence.size=%s cannot change it: keep the size, or change it %s" $name $claim.spec.resources.requests.storage $wanted.size $advice -}}
{{- else if and $wanted.enabled $wanted.storageClass (ne ($claim.spec.storageClassName | default "") $wanted.storageClass) -}}
{{- printf "the store %s has a volume of the storage class %s, and minio.persistence.storageClass=%s cannot change it: %s" $name ($claim.spec.storageClassName | default "(the default)") $wanted.storageClass $advice -}}
{{- end -}}
{{- end -}}
{{- end }}
