# The service and the worker in one image: docs/how-to/operate.md says how to run it.
ARG PYTHON=3.12-slim-bookworm

FROM python:${PYTHON} AS build
WORKDIR /build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
# run, or otel for what IKUSEI_TRACES needs.
ARG REQUIREMENTS=run
COPY requirements/ requirements/
RUN python -m venv /opt/ikusei \
    && /opt/ikusei/bin/pip install --require-hashes --requirement "requirements/${REQUIREMENTS}.txt" \
    && python -m venv /opt/build \
    && /opt/build/bin/pip install --require-hashes --requirement requirements/build.txt
COPY . .
RUN /opt/build/bin/hatchling build --target wheel \
    && /opt/ikusei/bin/pip install --no-deps --no-index dist/*.whl

FROM python:${PYTHON}
RUN groupadd --gid 10001 ikusei \
    && useradd --uid 10001 --gid ikusei --no-create-home --home-dir /data --shell /usr/sbin/nologin ikusei \
    && install --directory --owner=ikusei --group=ikusei --mode=700 /data
COPY --from=build /opt/ikusei /opt/ikusei
ENV PATH=/opt/ikusei/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    IKUSEI_HOST=0.0.0.0 \
    IKUSEI_PORT=8420 \
    IKUSEI_DATA_DIR=/data \
    IKUSEI_LOG_FORMAT=json
USER 10001:10001
WORKDIR /data
# The embedded PostgreSQL, where no IKUSEI_DATABASE_URL is set.
VOLUME ["/data"]
EXPOSE 8420
STOPSIGNAL SIGTERM
# That the process answers; whether it is ready is for whoever sends it requests to ask (/ready).
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; c = http.client.HTTPConnection('127.0.0.1', int(os.environ['IKUSEI_PORT']), timeout=5); c.request('GET', '/health'); sys.exit(c.getresponse().status != 200)"]
ENTRYPOINT ["ikusei"]
CMD ["serve"]
