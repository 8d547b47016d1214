# One image; the command picks the role: serve, worker, migrate, or up (everything in one container).
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/billwright
COPY requirements/ requirements/
RUN /opt/billwright/bin/pip install --no-cache-dir --require-hashes \
      -r requirements/build.txt -r requirements/runtime.txt
COPY pyproject.toml README.md LICENSE ./
COPY billwright/ billwright/
RUN /opt/billwright/bin/pip install --no-cache-dir --no-deps --no-build-isolation --no-index . \
 && /opt/billwright/bin/python -m compileall -q /opt/billwright/lib

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin billwright \
 && install -d -o billwright -g billwright -m 0700 /data
COPY --from=build /opt/billwright /opt/billwright
# The root file system may be read-only: only /data and /tmp are written to.
ENV PATH=/opt/billwright/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1 BILLWRIGHT_DATA_DIR=/data LOG_FORMAT=json
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
ENTRYPOINT ["billwright"]
CMD ["up", "--host", "0.0.0.0", "--no-demo", "--logs"]
