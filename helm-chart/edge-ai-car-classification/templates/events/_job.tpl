{{- define "edge.job.events" -}}
{{- $token := dict "name" "EVENTS_TOKEN" "valueFrom" (dict "secretKeyRef" (dict "name" (include "edge.eventsSecretName" .) "key" "token")) -}}
{{- $env := list
      (dict "name" "EVENTS_ENDPOINT" "value" (printf "http://%s-server:8081/v1/sync" (include "edge.fullname" .)))
      (dict "name" "EVENTS_CHECKSUM" "value" (include "edge.eventsChecksum" .))
      $token -}}
{{- $mounts := list (dict "name" "scripts" "mountPath" "/scripts" "readOnly" true) (dict "name" "tmp" "mountPath" "/tmp") -}}
{{- with .Values.jobs.initContainers }}
initContainers:
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: events
    {{- include "edge.modelSyncContainer" (list . (list "python3" "/scripts/call_on_changes.py") $env $mounts) | nindent 4 }}
  {{- with include "edge.jobExtraContainers" . }}
  {{- . | nindent 2 }}
  {{- end }}
volumes:
  - name: scripts
    configMap:
      name: {{ include "edge.fullname" . }}-events
  {{- include "edge.jobVolumes" . | nindent 2 }}
{{- end }}
