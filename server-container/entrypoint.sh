#!/bin/bash
# Starts the model server as process 1: waits for its config.json, turns OVMS_… variables into flags, execs it.
#
#   OVMS_REST_PORT=8000   is   --rest_port=8000     any flag of the server, in capitals
#   OVMS_METRICS_ENABLE=true   is   --metrics_enable      false, or nothing: left out
#   OVMS_CONFIG_WAIT_SECONDS=300   how long to wait for config.json; 0: not at all
#
# Arguments come after the variables' flags; one that is given wins over the variable of the same flag. This script
# never writes to the models' volume: config.json has one writer, the sidecar. A config.json with an empty list of models
# is enough to start.
set -euo pipefail

SERVER=${SERVER_BINARY:-ovms}
DEFAULT_CONFIG=/models/config.json
EX_USAGE=64

say() { printf 'entrypoint: %s\n' "$*" >&2; }

is_of_kubernetes() { # a variable that Kubernetes sets for a Service called ovms or ovms-…
    [[ $1 =~ ^OVMS_(.*_)?(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT_[0-9]+_(TCP|UDP).*)$ || $2 =~ ^(tcp|udp):// ]]
}

flags=() config='' single_model=''
note() { # FLAG VALUE: what decides whether there is a config.json to wait for
    case $1 in
    --config_path) config=$2 ;;
    --model_name | --model_path) single_model=yes ;;
    esac
}

given=' '
for argument in "$@"; do
    case $argument in --*) given+="${argument%%=*} " ;; esac
done

while IFS= read -r -d '' entry; do
    name=${entry%%=*} value=${entry#*=}
    [[ $name == OVMS_* ]] || continue
    case $name in
    OVMS_CONFIG_WAIT_SECONDS | OVMS_MODEL_REPOSITORY_PATH) continue ;; # this script's, and the server's own
    esac
    if is_of_kubernetes "$name" "$value"; then
        [[ $name != OVMS_PORT ]] || say "OVMS_PORT is Kubernetes' of a Service called ovms, so there is no gRPC; set enableServiceLinks: false"
        continue
    fi
    flag=--${name#OVMS_}
    flag=${flag,,}
    [[ $given != *" $flag "* ]] || continue
    case $value in
    '' | false) ;;
    true) flags+=("$flag") ;;
    *) flags+=("$flag=$value") && note "$flag" "$value" ;;
    esac
done < <(env -0 | sort -z) # sorted, so that the same variables always give the same command line

previous=''
for argument in "$@"; do
    case $argument in
    --*=*) note "${argument%%=*}" "${argument#*=}" ;;
    *) note "$previous" "$argument" ;;
    esac
    case $argument in
    --help | -h | --version | --list_models) single_model=yes ;; # nothing to wait for
    esac
    previous=$argument
done

if [[ -z $config && -z $single_model ]]; then
    config=$DEFAULT_CONFIG
    flags+=("--config_path=$config")
fi

looks_whole() { # JSON cannot be parsed with what the image has; its writer renames whole files into place
    local text
    [[ -r $1 ]] || return 1
    text=$(<"$1")
    [[ $text =~ ^[[:space:]]*\{.*\"model_config_list\".*\}[[:space:]]*$ ]]
}

seconds=${OVMS_CONFIG_WAIT_SECONDS:-300}
if ! [[ $seconds =~ ^[0-9]+$ ]]; then
    say "OVMS_CONFIG_WAIT_SECONDS is '$seconds'; give a whole number of seconds"
    exit $EX_USAGE
fi

if [[ -n $config ]] && ! looks_whole "$config" && ((seconds > 0)); then
    trap 'say "ended while waiting for $config"; exit 0' TERM INT # process 1 gets no default action
    say "waiting up to $seconds s for $config, which model-sync writes"
    end=$((SECONDS + seconds))
    until looks_whole "$config"; do
        if ((SECONDS >= end)); then
            say "there is no whole $config after $seconds s; look at the log of model-sync, and whether both mount the same volume"
            exit 1
        fi
        sleep 0.2 &
        wait $! # unlike sleep in the foreground, a signal ends it at once
    done
    trap - TERM INT
fi

exec "$SERVER" "${flags[@]}" "$@"
