{{/* One container after the other, so that a failure names its model. */}}
{{- define "edge.job.seed" -}}
initContainers:
  {{- range $index, $model := .Values.seed.models }}
  - name: seed-{{ $index }}
    {{- $folder := printf "/seed/%s/%v" $model.name $model.version }}
    {{- $command := list "model-sync" "push" $folder "--model" $model.name "--version" (toString $model.version) }}
    {{- include "edge.modelSyncContainer" (list $ $command) | nindent 4 }}
    {{- include "edge.seedMounts" $ | nindent 4 }}
  {{- end }}
containers:
  - name: done
    {{- include "edge.modelSyncContainer" (list . (list "python3" "-c" "print('all models are uploaded')")) | nindent 4 }}
volumes:
  - name: seed
    {{- toYaml .Values.seed.volume | nindent 4 }}
  - name: tmp
    emptyDir: {sizeLimit: 64Mi}
  {{- with include "edge.storeCaVolume" . }}
  {{- trim . | nindent 2 }}
  {{- end }}
{{- end }}

{{- define "edge.seedMounts" -}}
volumeMounts:
  - name: seed
    mountPath: /seed
    readOnly: true
  - name: tmp
    mountPath: /tmp
  {{- with include "edge.storeCaMount" . }}
  {{- trim . | nindent 2 }}
  {{- end }}
{{- end }}
