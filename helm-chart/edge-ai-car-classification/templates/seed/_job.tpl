{{/* One container after the other, so that a failure names its model. */}}
{{- define "edge.job.seed" -}}
{{- $mounts := list (dict "name" "seed" "mountPath" "/seed" "readOnly" true) (dict "name" "tmp" "mountPath" "/tmp") -}}
initContainers:
  {{- with .Values.jobs.initContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
  {{- range $index, $model := .Values.seed.models }}
  - name: seed-{{ $index }}
    {{- $version := include "edge.text" $model.version }}
    {{- $command := list "model-sync" "push" (printf "/seed/%s/%s" $model.name $version) "--model" $model.name "--version" $version }}
    {{- include "edge.modelSyncContainer" (list $ $command list $mounts) | nindent 4 }}
  {{- end }}
containers:
  - name: done
    {{- include "edge.modelSyncContainer" (list . (list "python3" "-c" "print('all models are uploaded')") list $mounts) | nindent 4 }}
  {{- with include "edge.jobExtraContainers" . }}
  {{- . | nindent 2 }}
  {{- end }}
volumes:
  - name: seed
    {{- toYaml .Values.seed.volume | nindent 4 }}
  {{- include "edge.jobVolumes" . | nindent 2 }}
{{- end }}
