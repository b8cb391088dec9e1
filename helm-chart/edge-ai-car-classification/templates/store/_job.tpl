{{- define "edge.job.users" -}}
{{- $env := list (dict "name" "STORE_CHECKSUM" "value" (include "edge.storeUsersChecksum" .)) -}}
{{- range include "edge.storeUsers" . | splitList " " -}}
{{- $prefix := upper . -}}
{{- $env = append $env (dict "name" (printf "%s_POLICY" $prefix) "value" (include (printf "edge.storePolicy.%s" .) $)) -}}
{{- $env = concat $env (include "edge.storeKeys" (list $prefix (include "edge.storeSecret" (list $ .))) | fromYamlArray) -}}
{{- end -}}
{{- $mounts := list (dict "name" "scripts" "mountPath" "/scripts" "readOnly" true) (dict "name" "tmp" "mountPath" "/tmp") -}}
{{- with .Values.jobs.initContainers }}
initContainers:
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: users
    {{- include "edge.modelSyncContainer" (list . (list "python3" "/scripts/make_store_users.py") $env $mounts) | nindent 4 }}
  {{- with include "edge.jobExtraContainers" . }}
  {{- . | nindent 2 }}
  {{- end }}
volumes:
  - name: scripts
    configMap:
      name: {{ include "edge.fullname" . }}-users
  {{- include "edge.jobVolumes" . | nindent 2 }}
{{- end }}

{{/* Changes when the users do, as far as the chart knows their keys. */}}
{{- define "edge.storeUsersChecksum" -}}
{{- list (include "edge.storeChecksum" .) (.Files.Get "files/scripts/make_store_users.py") | toJson | sha256sum -}}
{{- end }}
