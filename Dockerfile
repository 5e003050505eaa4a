# One image for workers and Flower: aerq in /opt/aerq, run by a user that owns nothing.
FROM python:3.12-slim-bookworm
ENV PATH=/opt/aerq/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
CMD ["aerq", "worker"]
WORKDIR /build
# What mimalloc needs, the allocator of workers.
RUN apt-get update -q && apt-get install -y -q --no-install-recommends libatomic1 && rm -rf /var/lib/apt/lists/*
RUN useradd --system --create-home --uid 10001 aerq

# The packages first: they change less often than the code, and are much larger.
COPY pyproject.toml ./
RUN python -m venv /opt/aerq \
    && python -c "import tomllib; print(*tomllib.load(open('pyproject.toml', 'rb'))['project']['dependencies'], sep='\n')" > requirements.txt \
    && /opt/aerq/bin/pip install --no-cache-dir --disable-pip-version-check -r requirements.txt

COPY . .
RUN /opt/aerq/bin/pip install --no-cache-dir --disable-pip-version-check --no-deps .
USER aerq
