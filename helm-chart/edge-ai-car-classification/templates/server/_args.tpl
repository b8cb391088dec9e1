{{/*
Arguments of the server, the same for the public image as it is and for the platform's own: the chart's flags, those that
server.ovms.env gives in capitals (OVMS_LOG_LEVEL: DEBUG), each flag once, then server.ovms.args.
*/}}
{{- define "edge.serverArgs" -}}
{{- $flags := dict
      "config_path" "/models/config.json" "rest_port" 8000 "port" 9000 "rest_workers" .Values.server.ovms.restWorkers
      "metrics_enable" true "file_system_poll_wait_seconds" 1 -}}
{{- range $name, $value := .Values.server.ovms.env -}}
{{- if hasPrefix "OVMS_" $name -}}
{{- $flags = set $flags (trimPrefix "OVMS_" $name | lower) $value -}}
{{- end -}}
{{- end -}}
{{- range $flag, $value := $flags -}}
{{- $text := include "edge.text" $value -}}
{{- if eq $text "true" }}
- --{{ $flag }}
{{- else if and $text (ne $text "false") }}
- {{ printf "--%s=%s" $flag $text | quote }}
{{- end -}}
{{- end -}}
{{- range .Values.server.ovms.args }}
- {{ include "edge.text" . | quote }}
{{- end }}
{{- end }}

{{/* Its variables: those of server.ovms.env that are no flags. */}}
{{- define "edge.serverEnv" -}}
{{- range $name, $value := .Values.server.ovms.env -}}
{{- if not (hasPrefix "OVMS_" $name) }}
{{ include "edge.env" (dict $name $value) }}
{{- end -}}
{{- end -}}
{{- end }}
