# The image of all services: code location, webserver, daemon, HTTP jobs, ride puller, sample API.
# It contains no secrets and needs none to build; all settings are given when it starts.
FROM python:3.12-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/venv
# Dependencies first, so that a change to the code does not reinstall them.
COPY deploy/constraints.txt ./
RUN /opt/venv/bin/pip install --no-cache-dir --requirement constraints.txt
COPY pyproject.toml README.md ./
COPY sales_assets sales_assets
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps . && /opt/venv/bin/pip check

FROM python:3.12-slim-bookworm
RUN useradd --uid 10001 --create-home sales && install -d -o sales -g sales /data
COPY --from=build /opt/venv /opt/venv
COPY deploy/dagster.yaml deploy/workspace.yaml /opt/dagster/
COPY deploy/dagster.workers.yaml /opt/workers/dagster.yaml
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DAGSTER_HOME=/opt/dagster \
    DAGSTER_COMPUTE_LOGS=/data/compute_logs
USER 10001
WORKDIR /opt/dagster
# The default command is the code location. The other services use other commands; their health checks
# are in the compose file.
EXPOSE 4000
CMD ["python", "-m", "sales_assets.instance.code_server", "-h", "0.0.0.0", "-p", "4000", "-m", "sales_assets.definitions"]
