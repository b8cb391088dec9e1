# The platform's own images, one target each: sidecar, lite (ovms-lite) and client; for amd64 and arm64. The real OpenVINO
# Model Server has server-container/Dockerfile. ./build.sh builds all of them; one alone:
#
#   docker build --target sidecar -t edgeai-model-sync-sidecar .
#
# One file, because the images share their layers: what several programs lock is one layer, stored and fetched once.
# For production give the base image by digest: --build-arg PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:…
ARG PYTHON_IMAGE=docker.io/library/python:3.11-slim-bookworm

# The base without what only builds or installs, as one layer: what a later layer removes would still take its space.
FROM ${PYTHON_IMAGE} AS slimmed
COPY scripts/slim_system.sh /
RUN sh /slim_system.sh

FROM scratch AS system
COPY --from=slimmed / /
# Bytecode is not written: the root may be read-only.
ENV PATH=/opt/edgeai/bin:/usr/local/bin:/usr/bin:/bin \
    LANG=C.UTF-8 \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
STOPSIGNAL SIGTERM

# The environment has no pip: what is installed must not be able to install more. The cache is in none of the images.
FROM ${PYTHON_IMAGE} AS tools
WORKDIR /source
COPY locks/build.txt ./locks/
RUN --mount=type=cache,target=/root/.cache/pip \
    python3 -m pip install --disable-pip-version-check --root-user-action ignore --require-hashes --requirement locks/build.txt \
 && python3 -m venv --without-pip /opt/edgeai
COPY locks/model-sync.txt locks/ovms-lite.txt locks/car-client.txt ./locks/
COPY scripts/image_layer.sh scripts/locked_layer.py scripts/slim_environment.sh scripts/unloaded_parts.py ./scripts/

FROM tools AS of-all
RUN --mount=type=cache,target=/root/.cache/pip scripts/image_layer.sh model-sync ovms-lite car-client
FROM tools AS of-sidecar-and-lite
RUN --mount=type=cache,target=/root/.cache/pip scripts/image_layer.sh model-sync ovms-lite
FROM tools AS of-sidecar-and-client
RUN --mount=type=cache,target=/root/.cache/pip scripts/image_layer.sh model-sync car-client
FROM tools AS of-lite-and-client
RUN --mount=type=cache,target=/root/.cache/pip scripts/image_layer.sh ovms-lite car-client

FROM tools AS of-sidecar
COPY common ./common
COPY sync-sidecar ./sync-sidecar
RUN --mount=type=cache,target=/root/.cache/pip scripts/image_layer.sh model-sync ./common ./sync-sidecar
FROM tools AS of-lite
COPY common ./common
COPY server-container ./server-container
RUN --mount=type=cache,target=/root/.cache/pip scripts/image_layer.sh ovms-lite ./common ./server-container \
 && ln -s ovms-lite /opt/edgeai/bin/ovms
FROM tools AS of-client
COPY common ./common
COPY client-container ./client-container
RUN --mount=type=cache,target=/root/.cache/pip scripts/image_layer.sh car-client ./common ./client-container

FROM system AS with-shared
COPY --from=of-all /opt/edgeai /opt/edgeai

FROM with-shared AS client
COPY --from=of-sidecar-and-client /opt/edgeai /opt/edgeai
COPY --from=of-lite-and-client /opt/edgeai /opt/edgeai
COPY --from=of-client /opt/edgeai /opt/edgeai
ARG PYTHON_IMAGE
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="edgeai-client-app" \
      org.opencontainers.image.description="Classifies pictures with every model of a KServe v2 server; page, API and watch" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.documentation="${SOURCE}/blob/${REVISION}/client-container/README.md" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}"
# A number, so that Kubernetes can check runAsNonRoot.
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s CMD ["car-client", "healthcheck"]
ENTRYPOINT ["car-client"]
CMD ["serve"]

FROM with-shared AS with-openvino
COPY --from=of-sidecar-and-lite /opt/edgeai /opt/edgeai

FROM with-openvino AS lite
COPY --from=of-lite-and-client /opt/edgeai /opt/edgeai
COPY --from=of-lite /opt/edgeai /opt/edgeai
COPY --chown=0:0 server-container/entrypoint.sh /usr/local/bin/edgeai-entrypoint
ARG PYTHON_IMAGE
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="edgeai-ovms-lite" \
      org.opencontainers.image.description="OpenVINO Model Server's interface on the openvino Python package, CPU only" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.documentation="${SOURCE}/blob/${REVISION}/server-container/README.md" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}"
# The same variables and defaults as the image of the real server.
ENV OVMS_REST_PORT=8000 \
    OVMS_REST_BIND_ADDRESS=0.0.0.0 \
    OVMS_GRPC_BIND_ADDRESS=0.0.0.0 \
    OVMS_PORT=9000 \
    OVMS_FILE_SYSTEM_POLL_WAIT_SECONDS=1
# OVMS's own uid, as a number, so that volumes fit both and Kubernetes can check runAsNonRoot.
USER 5000:5000
EXPOSE 8000 9000
# For Docker; Kubernetes has its own probes. An image has no curl, and Python takes a fraction of a second.
HEALTHCHECK --interval=10s --timeout=5s --start-period=300s \
  CMD ["python3", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['OVMS_REST_PORT']}/v2/health/live\", timeout=4)"]
ENTRYPOINT ["/usr/local/bin/edgeai-entrypoint"]

FROM with-openvino AS sidecar
COPY --from=of-sidecar-and-client /opt/edgeai /opt/edgeai
COPY --from=of-sidecar /opt/edgeai /opt/edgeai
ARG PYTHON_IMAGE
ARG VERSION=0.1.0
ARG REVISION=unknown
ARG SOURCE=unknown
ARG CREATED=unknown
LABEL org.opencontainers.image.title="edgeai-model-sync-sidecar" \
      org.opencontainers.image.description="Mirrors a bucket of models onto a volume and tells OpenVINO Model Server what to serve" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.documentation="${SOURCE}/blob/${REVISION}/sync-sidecar/README.md" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}"
# Only the models volume has to be writable. Memory that an upload's check has freed is returned.
ENV MALLOC_ARENA_MAX=2 \
    MALLOC_TRIM_THRESHOLD_=131072 \
    SOURCE_REVISION=${REVISION} \
    MODEL_SYNC_MODELS_DIR=/models \
    MODEL_SYNC_HTTP_HOST=0.0.0.0 \
    MODEL_SYNC_HTTP_PORT=8081
# The model server's uid, so that one volume fits both; a number, so that Kubernetes can check runAsNonRoot.
USER 5000:5000
EXPOSE 8081
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["python3", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ['MODEL_SYNC_HTTP_PORT']}/healthz\", timeout=4)"]
ENTRYPOINT ["model-sync"]
CMD ["run"]
