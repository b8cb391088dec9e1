{{/* `yes` or nothing: whether the cluster has Prometheus' own kinds. A tool that only renders names them by --api-versions. */}}
{{- define "edge.knowsPrometheus" -}}
{{- if .Capabilities.APIVersions.Has "monitoring.coreos.com/v1" }}yes{{ end }}
{{- end }}

{{/* Selectors of one component's metrics. list $ component */}}
{{- define "edge.metricScope" -}}
{{- $root := index . 0 -}}
{{- printf `namespace="%s",service="%s-%s"` (include "edge.namespace" $root) (include "edge.fullname" $root) (index . 1) -}}
{{- end }}

{{/* An alert about this release only: the words SERVER and CLIENT in its selectors are filled in. list $ text */}}
{{- define "edge.scopedAlert" -}}
{{- $root := index . 0 -}}
{{- index . 1
    | replace "{SERVER" (printf "{%s" (include "edge.metricScope" (list $root "server")))
    | replace "{CLIENT" (printf "{%s" (include "edge.metricScope" (list $root "client"))) -}}
{{- end }}
