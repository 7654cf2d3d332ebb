# Clarion's server as an image. Try it with the sandbox inside:
#
#   docker build -t clarion .
#   docker run --rm -it clarion dev
#
# Without TLS the server listens on loopback only, which in a container is the container's own: docs/security.md says
# how to open it to others.
# `scripts/verify_dockerfile.sh` runs these steps without a Docker engine.

FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /src
# Dependencies first: this layer is kept until the lock changes. Wheels only, so no compiler is needed.
COPY requirements/build.txt requirements/server.txt requirements/
RUN python -m venv /build && /build/bin/pip install --require-hashes -r requirements/build.txt
RUN python -m venv /opt/clarion && /opt/clarion/bin/pip install --require-hashes --only-binary :all: -r requirements/server.txt
COPY LICENSE README.md pyproject.toml ./
COPY server server
COPY clients/python clients/python
RUN /build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . clients/python
RUN /opt/clarion/bin/pip install --no-deps --no-index /wheels/*.whl
# The runtime installs nothing more.
RUN /opt/clarion/bin/pip check && /opt/clarion/bin/pip uninstall --yes pip

FROM python:3.13-slim-bookworm
RUN groupadd --gid 10001 clarion && useradd --uid 10001 --gid clarion --home-dir /var/lib/clarion --create-home --shell /usr/sbin/nologin clarion
COPY --from=build /opt/clarion /opt/clarion
ENV PATH=/opt/clarion/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER clarion
# The working directory holds the database and the keyring.
WORKDIR /var/lib/clarion
VOLUME /var/lib/clarion
EXPOSE 8080
# First stage: no new calls, those in flight are finished; second stage: close. Give it time: docker stop -t 60.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["clarion-server", "health"]
ENTRYPOINT ["clarion-server"]
CMD ["serve"]
