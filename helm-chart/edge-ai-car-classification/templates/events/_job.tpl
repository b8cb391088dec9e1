{{- define "edge.job.events" -}}
containers:
  - name: events
    {{- include "edge.modelSyncContainer" (list . (list "python3" "/scripts/call_on_changes.py")) | nindent 4 }}
    volumeMounts:
      - name: scripts
        mountPath: /scripts
        readOnly: true
volumes:
  - name: scripts
    configMap:
      name: {{ include "edge.fullname" . }}-events
{{- end }}
