# syntax=docker/dockerfile:1
FROM python:3.11-slim-bookworm AS python
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH
COPY requirements.txt requirements-gpu.txt /tmp/

# torch for CPUs: a tenth of the size.
FROM python AS build
RUN pip install --extra-index-url https://download.pytorch.org/whl/cpu --requirement /tmp/requirements.txt

# torch for NVIDIA GPUs is what the ordinary index has.
FROM python AS build-gpu
RUN pip install --requirement /tmp/requirements.txt --requirement /tmp/requirements-gpu.txt

FROM python:3.11-slim-bookworm AS base
RUN apt-get update && apt-get install --yes --no-install-recommends git bubblewrap \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --create-home --uid 10001 terrarium \
    && install -d -o terrarium -g terrarium /data /app
WORKDIR /app
COPY --chown=terrarium:terrarium . .
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/data/numba \
    TERRARIUM_ENV=production \
    TERRARIUM_API_HOST=0.0.0.0 \
    TERRARIUM_STORAGE_ROOT=/data
USER terrarium
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
CMD ["uvicorn", "config.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--no-server-header", "--no-proxy-headers", "--timeout-graceful-shutdown", "5"]

# The same application for hosts with an NVIDIA GPU; give the container the device with `--gpus`.
FROM base AS gpu
COPY --from=build-gpu /opt/venv /opt/venv
ENV NVIDIA_VISIBLE_DEVICES=all NVIDIA_DRIVER_CAPABILITIES=compute,utility
CMD ["python", "manage.py", "worker", "--queues", "gpu"]

# Built when no target is named.
FROM base AS app
COPY --from=build /opt/venv /opt/venv
