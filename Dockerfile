# The one image of all services: code location, webserver, daemon, HTTP jobs, ride puller, sample API.
# It holds no secret and takes none while it is built; everything is set when it is started.
FROM python:3.12-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/venv
COPY pyproject.toml README.md deploy/constraints.txt ./
COPY sales_assets sales_assets
RUN /opt/venv/bin/pip install --no-cache-dir --constraint constraints.txt '.[deploy]'

FROM python:3.12-slim-bookworm
RUN useradd --uid 10001 --create-home sales && install -d -o sales -g sales /data
COPY --from=build /opt/venv /opt/venv
COPY deploy/dagster.yaml deploy/workspace.yaml /opt/dagster/
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    DAGSTER_HOME=/opt/dagster \
    DAGSTER_COMPUTE_LOGS=/data/compute_logs
USER 10001
WORKDIR /opt/dagster
# The default is the code location; the other services are this image with another command.
EXPOSE 4000
HEALTHCHECK --start-period=60s CMD ["dagster", "api", "grpc-health-check", "-p", "4000"]
CMD ["dagster", "api", "grpc", "-h", "0.0.0.0", "-p", "4000", "-m", "sales_assets.definitions"]
