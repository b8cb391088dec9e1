{{/* What every pod of the chart has. list $ */}}
{{- define "edge.podBasics" -}}
{{- $root := index . 0 -}}
automountServiceAccountToken: false
{{- /* Services called ovms, minio or car-client would inject variables that the programs take for settings. */}}
enableServiceLinks: false
{{- with concat ($root.Values.global.imagePullSecrets | default list) $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ ternary (get (ternary . dict (kindIs "map" .)) "name") . (kindIs "map" .) }}
  {{- end }}
{{- end }}
{{- end }}

{{/* The chart's security context of a pod under what the user sets. list $ uid values */}}
{{- define "edge.podSecurity" -}}
{{- $root := index . 0 -}}
{{- $uid := index . 1 -}}
{{- $values := index . 2 -}}
{{- $context := dict "runAsNonRoot" true "seccompProfile" (dict "type" "RuntimeDefault") -}}
{{- if not $root.Values.global.openshift -}}
{{- $context = merge $context (dict "runAsUser" $uid "runAsGroup" $uid "fsGroup" $uid "fsGroupChangePolicy" "OnRootMismatch") -}}
{{- end -}}
{{- with $values.supplementalGroups -}}
{{- $context = merge $context (dict "supplementalGroups" .) -}}
{{- end -}}
{{- include "edge.overridden" (list $context $values.podSecurityContext) -}}
{{- end }}

{{/* The same for a container. list $ values */}}
{{- define "edge.containerSecurity" -}}
{{- $context := dict "allowPrivilegeEscalation" false "readOnlyRootFilesystem" true "capabilities" (dict "drop" (list "ALL")) -}}
{{- include "edge.overridden" (list $context (index . 1).securityContext) -}}
{{- end }}

{{/* The chart's probe under what the user sets. list path port period timeout failures user's */}}
{{- define "edge.probe" -}}
{{- $probe := dict
      "httpGet" (dict "path" (index . 0) "port" (index . 1))
      "periodSeconds" (index . 2) "timeoutSeconds" (index . 3) "failureThreshold" (index . 4) -}}
{{- include "edge.overridden" (list $probe (index . 5)) -}}
{{- end }}

{{/* A map with the user's keys in place of the chart's, also where they are false or 0; null removes one. list map user's */}}
{{- define "edge.overridden" -}}
{{- $result := deepCopy (index . 0) -}}
{{- range $key, $value := (index . 1) | default dict -}}
{{- $result = ternary (omit $result $key) (set $result $key $value) (kindIs "invalid" $value) -}}
{{- end -}}
{{- toYaml $result -}}
{{- end }}

{{/* A value as the text that it was written as: YAML makes floats of large numbers. */}}
{{- define "edge.text" -}}
{{- if and (kindIs "float64" .) (eq (floor .) .) -}}{{ int64 . }}{{- else if not (kindIs "invalid" .) -}}{{ . }}{{- end -}}
{{- end }}

{{/* Variables from a map. */}}
{{- define "edge.env" -}}
{{- range $name, $value := . }}
{{- printf "- name: %s\n  value: %s\n" $name (include "edge.text" $value | quote) }}
{{- end }}
{{- end }}

{{/* `serviceAccountName` of a component. list $ component */}}
{{- define "edge.serviceAccountName" -}}
{{- $root := index . 0 -}}
{{- $account := (get $root.Values (index . 1)).serviceAccount -}}
{{- $default := ternary (printf "%s-%s" (include "edge.fullname" $root) (index . 1)) "default" $account.create -}}
serviceAccountName: {{ $account.name | default $default }}
{{- end }}

{{/* Over zones and nodes as evenly as they allow; pods of each version for themselves. */}}
{{- define "edge.spread" -}}
{{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
- {maxSkew: 1, topologyKey: {{ . }}, whenUnsatisfiable: ScheduleAnyway, matchLabelKeys: [pod-template-hash]}
{{- end }}
{{- end }}

{{/* Apart from each other where there are nodes enough. list $ component */}}
{{- define "edge.apart" -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels:
            {{- include "edge.selectorLabels" . | nindent 12 }}
{{- end }}

{{/* Where pods may run. list $ component values */}}
{{- define "edge.placement" -}}
{{- $root := index . 0 -}}
{{- $component := index . 1 -}}
{{- $values := index . 2 -}}
{{- with $values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with $values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $values.topologySpreadConstraints | default ($values.spread | default list) }}
topologySpreadConstraints:
  {{- $selector := dict "labelSelector" (dict "matchLabels" (include "edge.selectorLabels" (list $root $component) | fromYaml)) }}
  {{- range . }}
  - {{- merge (dict) . $selector | toYaml | nindent 4 }}
  {{- end }}
{{- end }}
{{- end }}
